"""The dashboard "Ray cluster": demand, capacity, memory, workers, and the age of the snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana.generate.cluster_memory import memory, tasks_and_actors
from grafana.generate.cluster_workers import AGE, BOOKED, RATIO, snapshot, workers
from grafana.generate.frame import Section, as_json, frame, with_data, with_sections
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
from grafana.generate.query import Query, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

CAPACITY, USED = (total(f'raycluster_resource_{part}{{$, resource="CPU"}}') for part in ("capacity", "used"))
SHAPES = total("raycluster_pending_demand{$}", "shape", over=("kind",))


def cluster() -> str:
    """The dashboard's JSON."""
    title = "Demand and capacity of Ray clusters, their memory, workers and tasks, and the age of the snapshot."
    board = with_data(frame(CLUSTER, "Ray cluster", title))
    sections = {
        "": Section(now()),
        "Demand and capacity": Section(demand()),
        "Memory": Section(memory()),
        "Workers": Section(workers()),
        "Tasks and actors": Section(tasks_and_actors(), collapsed=True),
        "Snapshot": Section(snapshot(), collapsed=True),
    }
    return as_json(with_sections(board, sections))


def now() -> list[Builder[Panel]]:
    """One row of key figures."""
    return [
        stats(
            About("Pending", "Pending requests: tasks, actors, placement-group bundles.", "RayPendingTasks"),
            Query(total("raycluster_pending_tasks{$}"), "pending"),
            look=Look(steps=((1, ORANGE),)),
        ),
        stats(
            About(
                "Infeasible",
                "Pending requests that fit on no worker type, by the scaler.",
                "RayDemandInfeasible",
            ),
            Query(total("rayscaler_infeasible_requests{$}"), "infeasible"),
            look=Look(steps=((1, RED),)),
        ),
        stats(
            About("Workers", "Workers in Ray. The limit is WATCHER_MAX_WORKERS.", "RayAtMaxWorkers"),
            Query(total('rayscaler_workers{$, state="RUNNING"}', over=("worker_type",)), "running"),
            look=Look(base=BLUE),
        ),
        stats(
            About("CPUs in use", "Share of the logical CPUs in use.", "RayHighCpuUtilization"),
            Query("max by (cluster) (raycluster_cpu_utilization_ratio{$})", "{{cluster}}"),
            look=BOOKED,
        ),
        stats(
            About("GPUs in use", "Share of the logical GPUs in use; no data without GPUs."),
            Query('max by (cluster) (raycluster_resource_utilization_ratio{$, resource="GPU"})', "{{cluster}}"),
            look=BOOKED,
        ),
        stats(
            About("Memory used", "Physical memory in use on the hosts, from the metrics of Ray's nodes."),
            Query("sum by (cluster) (ray_node_mem_used{$}) / sum by (cluster) (ray_node_mem_total{$})", "{{cluster}}"),
            look=RATIO,
        ),
        stats(
            About(
                "Snapshot age",
                "Age of the exporter's snapshot. Above WATCHER_STALE_AFTER (15 s) nothing scales.",
                "RaySnapshotStale",
            ),
            Query("max by (cluster) (raycluster_snapshot_age_seconds{$})", "{{cluster}}"),
            look=AGE,
        ),
        stats(
            About(
                "Source",
                "Source of the cluster state: gcs is exact, dashboard lags by 6 s, cpu_heuristic is an estimate.",
                "RayClusterUnreachable",
            ),
            Query(
                "max by (cluster) (raycluster_source{$, source='gcs'})"
                " + 2 * max by (cluster) (raycluster_source{$, source='dashboard'})",
                "{{cluster}}",
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
            Query(total('raycluster_requested_resources{$, resource="CPU"}'), "requested"),
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
            Query(total("raycluster_infeasible_demand{$}", "shape")),
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
                "Share of CPUs, GPUs, memory and object store that Ray has assigned to tasks and actors, of the "
                "fullest chosen cluster. Dashed: WATCHER_CPU_THRESHOLD.",
                "RayHighCpuUtilization",
            ),
            Query("max by (resource) (raycluster_resource_utilization_ratio{$})", "{{resource}}"),
            Query("min(raycluster_cpu_utilization_threshold_ratio{$})", "CPU threshold"),
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
