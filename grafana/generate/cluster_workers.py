"""The lower half of the dashboard "Ray cluster": its workers, and the age of the snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grafana.generate.config import LONG_IDLE_SECONDS, SNAPSHOT_AGE_SECONDS, UTILIZATION
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
    warning,
)
from grafana.generate.query import Query, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

RATIO = Look("percentunit", steps=warning(*UTILIZATION), maximum=1, decimals=0)
BOOKED = replace(RATIO, steps=RATIO.steps[:1])
AGE = Look("s", steps=warning(*SNAPSHOT_AGE_SECONDS), decimals=1)
STATES = {
    "WARM": GREY,
    "REQUESTED": PURPLE,
    "ALLOCATED": YELLOW,
    "RUNNING": GREEN,
    "DRAINING": BLUE,
    "TERMINATING": ORANGE,
    "LAUNCH_FAILED": RED,
    "JOIN_TIMED_OUT": RED,
    "LOST": RED,
    "max": RED,
}


def workers() -> list[Builder[Panel]]:
    """Workers by state and use."""
    return [
        graph(
            About(
                "Workers by state",
                "The scaler's account: from REQUESTED over ALLOCATED (up) and RUNNING (joined Ray) to gone; WARM: "
                "prepared in advance. Dashed: WATCHER_MAX_WORKERS.",
                "RayLaunchesFailing",
            ),
            Query(
                total('rayscaler_workers{$, state!="TERMINATED"}', "state", over=("worker_type",)) + " > 0",
                "{{state}}",
            ),
            Query(total("rayscaler_max_workers{$}"), "max"),
            look=Look(colours=STATES, limits=("max",)),
            stacked=True,
        ),
        graph(
            About(
                "Nodes by type and state",
                "Living Ray nodes, including the head, by worker type and state.",
            ),
            Query(
                total('raycluster_nodes{$, state!="DEAD"}', "worker_type", "state") + " > 0",
                "{{worker_type}} {{state}}",
            ),
            look=Look(colours={"head RUNNING": "#8e8e8e", "head IDLE": "#5a5f6b"}),
            stacked=True,
        ),
        graph(
            About(
                "Idle time by worker",
                "Idle time of each worker. Above the dashed line (WATCHER_IDLE_TIMEOUT) it may be removed.",
                "RayWorkersIdle",
            ),
            Query("max by (worker) (raycluster_worker_idle_seconds{$})", "{{worker}}"),
            Query("max(raycluster_worker_idle_threshold_seconds{$})", "threshold"),
            look=Look("s", limits=("threshold",), colours={"threshold": RED}),
        ),
        rows(
            About(
                "Workers in Ray",
                "Each worker in Ray with its type, CPU use and idle time.",
            ),
            Query("max by (worker, worker_type) (raycluster_worker_idle_seconds{$})"),
            Query('max by (worker) (raycluster_node_cpu_utilization_ratio{$, worker!=""})'),
            columns=(
                Column("worker", "Worker"),
                Column("worker_type", "Type"),
                Column("Value #B", "CPUs in use", Look("percentunit")),
                Column("Value #A", "Idle for", Look("s", steps=((0, GREEN), (LONG_IDLE_SECONDS, BLUE)))),
            ),
            join="worker",
            span=24,
            height=6,
        ),
    ]


def snapshot() -> list[Builder[Panel]]:
    """Age and source of the snapshot."""
    return [
        graph(
            About(
                "Snapshot age by component",
                "Age of the exporter's snapshot, and of the snapshot of the scaler's last plan.",
                "RaySnapshotStale",
            ),
            Query("max by (cluster) (raycluster_snapshot_age_seconds{$})", "{{cluster}}: exporter"),
            Query("max by (cluster) (rayscaler_snapshot_age_seconds{$})", "{{cluster}}: last plan"),
            look=AGE,
        ),
        timeline(
            About(
                "Snapshot source",
                "The source in use: the first of gcs, dashboard and cpu_heuristic that responds.",
                "RayClusterUnreachable",
            ),
            Query("max by (cluster, source) (raycluster_source{$})", "{{cluster}}: {{source}}"),
            look=Look(words={"0": ("not used", "transparent"), "1": ("answers", GREEN)}),
        ),
        graph(
            About(
                "Reads from Ray",
                "Duration of the last read from each source, and failed reads per second.",
                "RayClusterUnreachable",
            ),
            Query("max by (source) (raycluster_collect_duration_seconds{$})", "{{source}}"),
            Query("sum(rate(raycluster_collect_errors_total{$}[$__rate_interval]))", "failures/s"),
            look=Look("s", colours={"failures/s": RED}),
        ),
    ]
