"""What the queries of a dashboard return, asked of a Prometheus as Grafana would ask it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

DASHBOARDS = Path(__file__).parent / "dashboards"
PROVISIONED = "ray-watcher-prometheus"
"""The uid of the data source in `grafana/provisioning`."""

SCRAPE_SECONDS = 5
"""`timeInterval` of that data source."""

QUERY_SECONDS = 10.0


@dataclass(frozen=True)
class Moment:
    """Which cluster is chosen, and from when to when (Unix seconds), in steps of how many seconds."""

    cluster: str
    start: float
    end: float
    step: float = 5.0

    def every(self, interval: str | None) -> Moment:
        """The same, in steps of at least `interval` ("15s"), and at multiples of them, as Grafana does it."""
        step = max(self.step, float((interval or "0s").removesuffix("s")))
        return replace(self, step=step, start=self.start // step * step, end=self.end // step * step)

    def fill(self, expression: str) -> str:
        """`expression` with the variables filled in that Grafana would fill in."""
        span = max(1, int(self.end - self.start))
        rate_interval = max(int(self.step) + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)  # Grafana's own rule
        filled = expression.replace("$cluster", self.cluster).replace("$__range", f"{span}s")
        return filled.replace("$__rate_interval", f"{rate_interval}s").replace("$__interval", f"{self.step:g}s")


@dataclass(frozen=True)
class Series:
    """One series of an answer: its labels, what the legend calls it, and (time, value) pairs."""

    labels: dict[str, str]
    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus by its base URL. Raises `requests.RequestException` where it does not answer or refuses."""

    url: str

    def answers(self, panel: dict[str, Any], moment: Moment) -> dict[str, list[Series]]:
        """The series of every query of a panel, by `refId`."""
        moment = moment.every(panel.get("interval"))
        return {target["refId"]: self.answer(target, moment) for target in panel["targets"]}

    def answer(self, target: dict[str, Any], moment: Moment) -> list[Series]:
        """The series of one query."""
        asked = {"query": moment.fill(target["expr"])}
        if target.get("instant"):
            found = self._get("query", asked | {"time": moment.end})
            return [_series(one, target, [one["value"]]) for one in found]
        found = self._get("query_range", asked | {"start": moment.start, "end": moment.end, "step": moment.step})
        return [_series(one, target, one["values"]) for one in found]

    def latest(self, query: str) -> list[dict[str, Any]]:
        """The answer to a query now."""
        return self._get("query", {"query": query})

    def _get(self, path: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
        reply = requests.get(f"{self.url}/api/v1/{path}", params=asked, timeout=QUERY_SECONDS)
        if not reply.ok:
            raise requests.HTTPError(f"{reply.status_code} for {asked['query']}: {reply.text}")
        result: list[dict[str, Any]] = reply.json()["data"]["result"]
        return result


def dashboard(name: str) -> dict[str, Any]:
    """A committed dashboard: `cluster`, `scaler` or `runbooks`."""
    content: dict[str, Any] = json.loads((DASHBOARDS / f"{name}.json").read_text(encoding="utf-8"))
    return content


def panels(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels of a dashboard that ask something, those inside collapsed rows too."""
    return (panel for panel in with_rows(content) if panel.get("targets"))


def with_rows(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels of a dashboard, rows among them, each row before what it holds."""
    for panel in content["panels"]:
        yield panel
        yield from panel.get("panels") or ()


def _series(one: dict[str, Any], target: dict[str, Any], values: list[list[Any]]) -> Series:
    labels = one["metric"]
    name = target.get("legendFormat", "")
    for label in ("__name__", *labels):
        name = name.replace("{{" + label + "}}", labels.get(label, ""))
    return Series(labels, name, tuple((float(at), float(value)) for at, value in values))
