"""The shipped alert rules and their route, as timing: what the scaler receives, and when.

The intervals, each rule's `for` and the waits of the route are read from the files in prometheus/; what a rule asks is
given as a value by the caller. Pure but for `shipped`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

FORGET_SECONDS = 30.0  # Alertmanager drops a group that has been resolved for so long; the next firing is a new one
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Timing:
    """Seconds of the way from a metric to the scaler."""

    scrape: float
    evaluation: float
    group_wait: float
    group_interval: float
    patience: dict[str, float]  # `for` of each rule that permits scaling


def seconds(text: str) -> float:
    """Prometheus' durations: `250ms`, `1m30s`."""
    return sum(float(amount) * UNITS[unit] for amount, unit in re.findall(r"(\d+)(ms|[smh])", str(text)))


def shipped(folder: Path) -> Timing:
    """The timing in prometheus.yml, rules/scaling.yml and alertmanager.yml below `folder`."""
    jobs = _yaml(folder / "prometheus.yml")["scrape_configs"]
    (group,) = _yaml(folder / "rules" / "scaling.yml")["groups"]
    routes = _yaml(folder / "alertmanager.yml")["route"]["routes"]
    route = next(route for route in routes if any("ray_scale" in matcher for matcher in route["matchers"]))
    return Timing(
        scrape=next(seconds(job["scrape_interval"]) for job in jobs if job["job_name"] == "ray-exporter"),
        evaluation=seconds(group["interval"]),
        group_wait=seconds(route["group_wait"]),
        group_interval=seconds(route["group_interval"]),
        patience={rule["alert"]: seconds(rule.get("for", "0s")) for rule in group["rules"]},
    )


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


class Rule:
    """One alert: what Prometheus makes of its condition, and whether that has reached the scaler (`sent`)."""

    def __init__(self, name: str, timing: Timing) -> None:
        self.name, self._timing = name, timing
        self._true_since: float | None = None
        self._next_flush: float | None = None  # of its group in Alertmanager; None: there is no group
        self._resolved_at = 0.0
        self.starts_at = 0.0
        self.sent = False

    def evaluate(self, condition: bool, now: float) -> bool:  # noqa: FBT001  # what Prometheus found
        """Evaluate the rule; returns whether the scaler receives something new at this moment."""
        firing = self._is_firing(condition, now)
        if firing == self.sent:
            return False
        if self._next_flush is None or (firing and now - self._resolved_at > FORGET_SECONDS):
            self._next_flush = now + self._timing.group_wait
        while self._next_flush + self._timing.group_interval <= now:
            self._next_flush += self._timing.group_interval
        if now < self._next_flush:
            return False
        self._next_flush += self._timing.group_interval
        self.sent = firing
        if not firing:
            self._resolved_at = now
        return True

    def _is_firing(self, condition: bool, now: float) -> bool:  # noqa: FBT001
        if not condition:
            self._true_since = None
            return False
        if self._true_since is None:
            self._true_since = now
        if now - self._true_since < self._timing.patience.get(self.name, 0.0):
            return False
        if not self.sent:
            self.starts_at = now
        return True
