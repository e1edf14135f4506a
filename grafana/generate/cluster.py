"""The dashboard "Ray cluster": demand, capacity, workers, and the age of the snapshot."""

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
    title = "Demand and capacity of the Ray cluster, its workers, and the age of the snapshot."
    board = with_variables(frame(CLUSTER, "Ray cluster", title))
    sections = {"": now(), "Demand and capacity": demand(), "Workers": workers(), "Snapshot": snapshot()}
    return as_json(with_sections(board, sections))


def now() -> list[Builder[Panel]]:
    """One row of key figures."""
    return [
        stats(
            About("Pending", "Pending requests: tasks, actors, placement-group bundles.", "RayPendingTasks"),
            Query("max(raycluster_pending_tasks{$})", "pending"),
            look=Look(steps=((1, ORANGE),)),
        ),
        stats(
            About(
                "Infeasible",
                "Pending requests that fit on no worker type, by the scaler.",
                "RayDemandInfeasible",
            ),
            Query("max(rayscaler_infeasible_requests{$})", "infeasible"),
            look=Look(steps=((1, RED),)),
        ),
        stats(
            About("Workers", "Workers in Ray. The limit is WATCHER_MAX_WORKERS.", "RayAtMaxWorkers"),
            Query('sum(max by (worker_type) (rayscaler_workers{$, state="RUNNING"}))', "running"),
            look=Look(base=BLUE),
        ),
        stats(
            About("CPUs in use", "Share of the logical CPUs in use.", "RayHighCpuUtilization"),
            Query("max(raycluster_cpu_utilization_ratio{$})", "CPU"),
            look=BOOKED,
        ),
        stats(
            About("GPUs in use", "Share of the logical GPUs in use; no data without GPUs."),
            Query('max(raycluster_resource_utilization_ratio{$, resource="GPU"})', "GPU"),
            look=BOOKED,
        ),
        stats(
            About("Memory used", "Physical memory in use on the hosts, from the metrics of Ray's nodes."),
            Query("sum(ray_node_mem_used{$}) / sum(ray_node_mem_total{$})", "memory"),
            look=RATIO,
        ),
        stats(
            About(
                "Snapshot age",
                "Age of the exporter's snapshot. Above WATCHER_STALE_AFTER (15 s) nothing scales.",
                "RaySnapshotStale",
            ),
            Query("max(raycluster_snapshot_age_seconds{$})", "age"),
            look=AGE,
        ),
        stats(
            About(
                "Source",
                "Source of the cluster state: gcs is exact, dashboard lags by 6 s, cpu_heuristic is an estimate.",
                "RayClusterUnreachable",
            ),
            Query(
                "max(raycluster_source{$, source='gcs'}) + 2 * max(raycluster_source{$, source='dashboard'})", "source"
            ),
            look=Look(words={"0": ("guess", ORANGE), "1": ("gcs", GREEN), "2": ("dashboard", YELLOW)}),
        ),
    ]


def demand() -> list[Builder[Panel]]:
    """Demand and capacity."""
    return [
        graph(
            About(
                "Pending demand by shape, and free CPUs",
                "Pending requests by the resources that each of them needs. The dashed line shows free CPUs: demand "
                "that stays pending while CPUs are free may fit on no node.",
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
                "CPUs: capacity, use, request_resources()",
                "Logical CPUs of living nodes, and how many are in use. Dashed: the total that programs request with "
                "request_resources().",
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
                "Pending requests",
                "Pending requests by shape. Infeasible: larger than any existing node; a new worker may still run "
                "them. If no worker type can, RayDemandInfeasible fires.",
                "RayDemandInfeasible",
            ),
            Query(SHAPES),
            Query("max by (shape) (raycluster_infeasible_demand{$})"),
            columns=(
                Column("shape", "Shape"),
                Column("Value #A", "Pending", Look(steps=((1, ORANGE),))),
                Column("Value #B", "Infeasible", Look(steps=((1, RED),))),
            ),
            join="shape",
        ),
        graph(
            About(
                "Logical utilization",
                "Share of CPUs, GPUs, memory and object store that Ray has assigned to tasks and actors "
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
                "Physical utilization",
                "Physical load of the hosts. Host CPU is the exporter's host; the others come from Ray's node "
                "metrics, which speak of a node's whole host, and are empty without the job ray-nodes.",
            ),
            Query("max(raycluster_host_cpu_utilization_ratio{$})", "exporter's host CPU"),
            Query("avg(ray_node_cpu_utilization{$}) / 100", "nodes' CPU"),
            Query("sum(ray_node_mem_used{$}) / sum(ray_node_mem_total{$})", "nodes' memory"),
            Query("avg(ray_node_gpus_utilization{$}) / 100", "nodes' GPU"),
            look=Look("percentunit", maximum=1),
        ),
    ]
