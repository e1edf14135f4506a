"""The lower half of the dashboard "Ray cluster": its workers, and how fresh the picture is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grafana.generate.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    YELLOW,
    About,
    Column,
    Look,
    graph,
    rows,
    timeline,
)
from grafana.generate.query import Query

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

RATIO = Look("percentunit", steps=((0.8, ORANGE), (0.95, RED)), maximum=1, decimals=0)
BOOKED = replace(RATIO, steps=((0.8, ORANGE),))
AGE = Look("s", steps=((5, ORANGE), (10, RED)), decimals=1)
STATES = {
    "WARM": GREY,
    "REQUESTED": PURPLE,
    "ALLOCATED": YELLOW,
    "RUNNING": GREEN,
    "DRAINING": BLUE,
    "TERMINATING": ORANGE,
    "LAUNCH_FAILED": RED,
    "JOIN_TIMED_OUT": RED,
    "most": RED,
}


def workers() -> list[Builder[Panel]]:
    """Who is there, doing what."""
    return [
        graph(
            About(
                "Workers by state",
                "The scaler's account: from REQUESTED over ALLOCATED (up) and RUNNING (joined Ray) to gone; WARM: "
                "prepared beforehand. Dashed: WATCHER_MAX_WORKERS.",
                "RayLaunchesFailing",
            ),
            Query(
                'sum by (state) (max by (state, worker_type) (rayscaler_workers{$, state!="TERMINATED"})) > 0',
                "{{state}}",
            ),
            Query("max(rayscaler_max_workers{$})", "most"),
            look=Look(colours=STATES, limits=("most",)),
            stacked=True,
        ),
        graph(
            About(
                "Nodes by type and state",
                "Ray's own account of living nodes, the head among them, by worker type.",
            ),
            Query('max by (worker_type, state) (raycluster_nodes{$, state!="DEAD"}) > 0', "{{worker_type}} {{state}}"),
            look=Look(colours={"head RUNNING": "#8e8e8e", "head IDLE": "#5a5f6b"}),
            stacked=True,
        ),
        graph(
            About(
                "Idle time by worker",
                "How long each worker has had nothing to do. Above the dashed line (WATCHER_IDLE_TIMEOUT) it may go.",
                "RayWorkersIdle",
            ),
            Query("max by (worker) (raycluster_worker_idle_seconds{$})", "{{worker}}"),
            Query("max(raycluster_worker_idle_threshold_seconds{$})", "may go"),
            look=Look("s", limits=("may go",), colours={"may go": RED}),
        ),
        rows(
            About(
                "Workers now",
                "Each worker that is in Ray: its type, how many of its CPUs are booked, how long it has been idle.",
            ),
            Query("max by (worker, worker_type) (raycluster_worker_idle_seconds{$})"),
            Query('max by (worker) (raycluster_node_cpu_utilization_ratio{$, worker!=""})'),
            columns=(
                Column("worker", "Worker"),
                Column("worker_type", "Type"),
                Column("Value #B", "CPUs booked", Look("percentunit")),
                Column("Value #A", "Idle for", Look("s", steps=((0, GREEN), (60, BLUE)))),
            ),
            join="worker",
            span=24,
            height=6,
        ),
    ]


def snapshot() -> list[Builder[Panel]]:
    """Whether all of the above can be believed."""
    return [
        graph(
            About(
                "Snapshot age over time",
                "Time since the exporter's snapshot was true, and the age of the one the scaler last planned on.",
                "RaySnapshotStale",
            ),
            Query("max(raycluster_snapshot_age_seconds{$})", "served"),
            Query("max(rayscaler_snapshot_age_seconds{$})", "planned on"),
            look=AGE,
        ),
        timeline(
            About(
                "Source of the snapshot",
                "Which source answers. The first of gcs, dashboard and cpu_heuristic that does is taken.",
                "RayClusterUnreachable",
            ),
            Query("max by (source) (raycluster_source{$})", "{{source}}"),
            look=Look(words={"0": ("not used", "transparent"), "1": ("answers", GREEN)}),
        ),
        graph(
            About(
                "Reads of Ray",
                "How long the exporter's last read of each source took, and how many reads fail each second.",
                "RayClusterUnreachable",
            ),
            Query("max by (source) (raycluster_collect_duration_seconds{$})", "{{source}}"),
            Query("sum(rate(raycluster_collect_errors_total{$}[$__rate_interval]))", "failed /s"),
            look=Look("s", colours={"failed /s": RED}),
        ),
    ]
