"""Every query of every panel, asked of a live Prometheus: how many series each returns, and which are empty and why."""

from __future__ import annotations

import math
import time
from typing import Any

from exporter.metrics.catalog import CATALOG as EXPORTER_CATALOG
from grafana.panel_data import Moment, Prometheus, Series, dashboard, panels
from scaler.telemetry.metrics import CATALOG as SCALER_CATALOG
from support import rules_data

EMPTY = {
    "cluster: GPUs in use A": "there is no GPU",
    "cluster: Physical utilization D": "there is no GPU",
    "cluster: CPUs: capacity, use, request_resources() C": "no program asks by request_resources()",
    "cluster: Pending requests B": "every shape that waited fits on a node that was there",
    "annotations: Failures": "nothing failed",
    "scaler: Alerts at the scaler B": "nobody silences a scaling alert",
    "scaler: Alerts over time B": "no alert wants people while the loop is well",
    "cluster: Tasks by state A": "tasks are over before the nodes' metrics are scraped",
    "cluster: Actors by state A": "no actors run",
}
"""Queries that a healthy run has no data for."""

ALERTMANAGER = "scaler: Component health B"
"""The one query that is not of a single cluster."""

LOOK_BACK_SECONDS = 300


def rows(url: str, cluster: str) -> dict[str, int]:
    """Series that each query had at some time in the last five minutes, by dashboard, panel and `refId`.

    Tables too are asked over time: at the end of a run nothing waits and nobody is there.
    """
    now = time.time()
    prometheus, moment = Prometheus(url), Moment(cluster, now - LOOK_BACK_SECONDS, now)
    found: dict[str, int] = {}
    for name in ("cluster", "scaler"):
        for panel in panels(dashboard(name)):
            over_time = [target | {"instant": False} for target in panel["targets"]]
            answers = prometheus.answers(panel | {"targets": over_time}, moment)
            found |= {f"{name}: {panel['title']} {ref_id}": _with_data(series) for ref_id, series in answers.items()}
    events = {event["name"]: prometheus.answer(event, moment.every("10s")) for event in scaling_events()}
    return found | {f"annotations: {name}": _with_data(series) for name, series in events.items()}


def _with_data(series: list[Series]) -> int:
    """Series with a number in them; quantiles of nothing are NaN."""
    return sum(any(not math.isnan(value) for _, value in one.points) for one in series)


def scaling_events() -> list[dict[str, Any]]:
    """Scaling events, which both dashboards draw alike."""
    events: list[dict[str, Any]] = dashboard("scaler")["annotations"]["list"]
    return events


def awaited() -> set[str]:
    """Queries on metrics that nothing serves yet."""
    missing = rules_data.AWAITED.keys() - {family.name for family in EXPORTER_CATALOG} - SCALER_CATALOG.keys()
    return {
        f"{name}: {panel['title']} {target['refId']}"
        for name in ("cluster", "scaler")
        for panel in panels(dashboard(name))
        for target in panel["targets"]
        if any(metric in target["expr"] for metric in missing)
    }


def as_table(found: dict[str, int]) -> str:
    """What was found, for people."""
    unserved = awaited()
    told = dict.fromkeys(unserved, "nothing serves its metric yet") | EMPTY
    lines = [f"{query:<75} {count or told.get(query, 'NOTHING')}" for query, count in found.items()]
    return "\n".join(lines)
