"""The dashboard "Ray cluster": what waits, what there is to run it on, and how fresh the picture is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana.generate.cluster_workers import AGE, BOOKED, RATIO, snapshot, workers
from grafana.generate.frame import as_json, frame, with_sections, with_variables
from grafana.generate.links import CLUSTER
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
    stats,
)
from grafana.generate.query import Query

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

CAPACITY, USED = (f'max(raycluster_resource_{part}{{$, resource="CPU"}})' for part in ("capacity", "used"))
SHAPES = "sum by (shape) (max by (kind, shape) (raycluster_pending_demand{$}))"


def cluster() -> str:
    """The dashboard's JSON."""
    title = "What waits in the Ray cluster, what there is to run it on, and how fresh this picture is."
    board = with_variables(frame(CLUSTER, "Ray cluster", title))
    sections = {"": now(), "Demand and capacity": demand(), "Workers": workers(), "Snapshot": snapshot()}
    return as_json(with_sections(board, sections))


def now() -> list[Builder[Panel]]:
    """One line of figures for a wall."""
    return [
        stats(
            About("Waiting", "Requests that wait for room: tasks, actors, placement-group bundles.", "RayPendingTasks"),
            Query("max(raycluster_pending_tasks{$})", "waiting"),
            look=Look(steps=((1, ORANGE),)),
        ),
        stats(
            About(
                "Infeasible",
                "Waiting requests that no worker type can hold, by the scaler's account. They wait for a larger one.",
                "RayDemandInfeasible",
            ),
            Query("max(rayscaler_infeasible_requests{$})", "infeasible"),
            look=Look(steps=((1, RED),)),
        ),
        stats(
            About("Workers", "Workers that have joined Ray. The limit is WATCHER_MAX_WORKERS.", "RayAtMaxWorkers"),
            Query('sum(max by (worker_type) (rayscaler_workers{$, state="RUNNING"}))', "running"),
            look=Look(base=BLUE),
        ),
        stats(
            About("CPUs booked", "Share of the cluster's logical CPUs that run something.", "RayHighCpuUtilization"),
            Query("max(raycluster_cpu_utilization_ratio{$})", "CPU"),
            look=BOOKED,
        ),
        stats(
            About("GPUs booked", "Share of the cluster's logical GPUs that run something; none where there is no GPU."),
            Query('max(raycluster_resource_utilization_ratio{$, resource="GPU"})', "GPU"),
            look=BOOKED,
        ),
        stats(
            About("Memory used", "Physical memory in use on the nodes' hosts, by Ray's own node metrics."),
            Query("sum(ray_node_mem_used{$}) / sum(ray_node_mem_total{$})", "memory"),
            look=RATIO,
        ),
        stats(
            About(
                "Snapshot age",
                "How old what the exporter serves is. From WATCHER_STALE_AFTER on (15 s) nothing scales.",
                "RaySnapshotStale",
            ),
            Query("max(raycluster_snapshot_age_seconds{$})", "age"),
            look=AGE,
        ),
        stats(
            About(
                "Source",
                "Who tells the cluster's state: gcs is exact, dashboard lags by 6 s, cpu_heuristic only guesses.",
                "RayClusterUnreachable",
            ),
            Query(
                "max(raycluster_source{$, source='gcs'}) + 2 * max(raycluster_source{$, source='dashboard'})", "source"
            ),
            look=Look(words={"0": ("guess", ORANGE), "1": ("gcs", GREEN), "2": ("dashboard", YELLOW)}),
        ),
    ]


def demand() -> list[Builder[Panel]]:
    """What is asked for, beside what there is."""
    return [
        graph(
            About(
                "Demand by shape, against free CPUs",
                "Requests that wait for room, by the resources that each of them wants. The dashed line is CPUs that "
                "nothing uses: demand beside it that stays points to a shape which no node can hold.",
                "RayPendingTasks",
            ),
            Query(SHAPES, "{{shape}}"),
            Query(f"{CAPACITY} - {USED}", "free CPUs"),
            look=Look(limits=("free CPUs",), colours={"free CPUs": GREY}),
            span=12,
            stacked=True,
        ),
        graph(
            About(
                "CPUs: capacity, use, what request_resources() asks for",
                "Logical CPUs of living nodes and how many are booked. Dashed: the sum that request_resources() keeps "
                "asking for, where a program does.",
                "RayAtMaxWorkers",
            ),
            Query(CAPACITY, "capacity"),
            Query(USED, "in use"),
            Query('max(raycluster_requested_resources{$, resource="CPU"})', "requested"),
            look=Look(limits=("requested",), colours={"capacity": BLUE, "in use": GREEN, "requested": PURPLE}),
            span=12,
        ),
        rows(
            About(
                "Waiting now",
                "Each shape that waits, and how many of it no node that is here now could run even empty. A worker "
                "that is still to come may run those; what none can run is told by RayDemandInfeasible.",
                "RayDemandInfeasible",
            ),
            Query(SHAPES),
            Query("max by (shape) (raycluster_infeasible_demand{$})"),
            columns=(
                Column("shape", "Shape"),
                Column("Value #A", "Waiting", Look(steps=((1, ORANGE),))),
                Column("Value #B", "Too large here", Look(steps=((1, RED),))),
            ),
            join="shape",
        ),
        graph(
            About(
                "Utilisation, logical",
                "What Ray has booked: the share of CPUs, GPUs, memory and object store that tasks and actors asked "
                "for. Dashed: WATCHER_CPU_THRESHOLD.",
                "RayHighCpuUtilization",
            ),
            Query("max by (resource) (raycluster_resource_utilization_ratio{$})", "{{resource}}"),
            Query("max(raycluster_cpu_utilization_threshold_ratio{$})", "CPU threshold"),
            look=Look(
                "percentunit", limits=("CPU threshold",), colours={"CPU threshold": RED, "CPU": GREEN}, maximum=1
            ),
        ),
        graph(
            About(
                "Utilisation, physical",
                "What the hosts are really doing. Host CPU is the exporter's host; the others come from Ray's own node "
                "metrics, which speak of a node's whole host, and are empty without the job ray-nodes.",
            ),
            Query("max(raycluster_host_cpu_utilization_ratio{$})", "exporter's host CPU"),
            Query("avg(ray_node_cpu_utilization{$}) / 100", "nodes' CPU"),
            Query("sum(ray_node_mem_used{$}) / sum(ray_node_mem_total{$})", "nodes' memory"),
            Query("avg(ray_node_gpus_utilization{$}) / 100", "nodes' GPU"),
            look=Look("percentunit", maximum=1),
        ),
    ]
