"""The only declaration of the cluster metrics in `/metrics`: name, type, help and labels."""

from __future__ import annotations

from dataclasses import dataclass

from ray_watcher_common.web.usage import CONNECTIONS, CONNECTIONS_HELP, REFUSED, REFUSED_HELP


@dataclass(frozen=True)
class Family:
    """A metric; a name that ends in `_total` is a counter, every other one a gauge."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


CATALOG = (
    Family("raycluster_up", "1 if the last read of the cluster state succeeded."),
    Family("raycluster_source", "1 for the source of the current state, 0 for the others.", ("source",)),
    Family("raycluster_snapshot_age_seconds", "Age of the current state, by the clock of its source."),
    Family("raycluster_collect_duration_seconds", "Duration of the last read of the source.", ("source",)),
    Family("raycluster_collects_total", "Number of reads of the source.", ("source",)),
    Family("raycluster_collect_errors_total", "Number of failed reads of the source.", ("source",)),
    Family("raycluster_demand_known", "1 if the current source reports pending demand, 0 if it cannot."),
    Family("raycluster_pending_tasks", "Number of pending requests: tasks, actors and bundles of placement groups."),
    Family(
        "raycluster_pending_demand",
        "Number of pending requests by shape; kind task: tasks and actors, kind gang: bundles of placement groups.",
        ("kind", "shape"),
    ),
    Family(
        "raycluster_infeasible_demand",
        "Number of pending requests that no living node can run, even an empty one.",
        ("shape",),
    ),
    Family(
        "raycluster_requested_resources",
        "Amount of the resource that request_resources() asks the cluster to have, used or not; not pending demand.",
        ("resource",),
    ),
    Family("raycluster_resource_capacity", "Amount of the resource on living nodes.", ("resource",)),
    Family("raycluster_resource_used", "Amount of the resource in use.", ("resource",)),
    Family("raycluster_resource_utilization_ratio", "Used share of the resource.", ("resource",)),
    Family("raycluster_cpu_utilization_ratio", "Used share of the cluster's logical CPUs."),
    Family(
        "raycluster_node_cpu_utilization_ratio",
        "Used share of the node's logical CPUs; worker is empty for the head and for nodes that are not ours.",
        ("node", "worker", "worker_type"),
    ),
    Family(
        "raycluster_host_cpu_utilization_ratio",
        "Used share of physical CPUs on the exporter's host; with cpu_heuristic the mean over the nodes' hosts.",
    ),
    Family(
        "raycluster_nodes",
        "Number of nodes by Ray's own state; dead nodes stay in Ray's list.",
        ("state", "worker_type"),
    ),
    Family(
        "raycluster_worker_idle_seconds", "Time since the worker became idle; 0 while busy.", ("worker", "worker_type")
    ),
    Family("raycluster_pending_threshold", "Number of pending requests above which RayPendingTasks fires (setting)."),
    Family(
        "raycluster_cpu_utilization_threshold_ratio",
        "Used share of CPUs above which RayHighCpuUtilization fires (setting).",
    ),
    Family("raycluster_worker_idle_threshold_seconds", "Idle time above which RayWorkersIdle fires (setting)."),
)

OWN = (
    Family("raycluster_exporter" + CONNECTIONS, CONNECTIONS_HELP),
    Family("raycluster_exporter" + REFUSED, REFUSED_HELP, ("reason",)),
)
"""Metrics about the exporter itself, in addition to those of its process."""
