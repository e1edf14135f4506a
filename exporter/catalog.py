"""The one place of metric names: name, type, help and labels of everything `/metrics` says about the cluster."""

from __future__ import annotations

from dataclasses import dataclass

from ray_watcher_common.web.usage import CONNECTIONS, CONNECTIONS_HELP, REFUSED, REFUSED_HELP


@dataclass(frozen=True)
class Family:
    """A metric as we promise it; a name that ends in `_total` is a counter, every other one a gauge."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


CATALOG = (
    Family("raycluster_up", "Whether any source tells the cluster's state."),
    Family("raycluster_source", "1 for the source that the state comes from.", ("source",)),
    Family("raycluster_snapshot_age_seconds", "Time since the state was true, by its source's account."),
    Family("raycluster_collect_duration_seconds", "How long the last read of the source took.", ("source",)),
    Family("raycluster_collects_total", "Reads of the source.", ("source",)),
    Family("raycluster_collect_errors_total", "Reads of the source that gave no state.", ("source",)),
    Family("raycluster_demand_known", "Whether the source can tell what waits."),
    Family("raycluster_pending_tasks", "Requests that wait for room: tasks, actors, bundles of placement groups."),
    Family(
        "raycluster_pending_demand",
        "Requests that wait for room, by shape; kind task is tasks and actors, gang is bundles of placement groups.",
        ("kind", "shape"),
    ),
    Family("raycluster_infeasible_demand", "Waiting requests that are too large for every living node.", ("shape",)),
    Family(
        "raycluster_requested_resources",
        "What request_resources() asks the cluster to be able to hold, used or not, by resource; no pending demand.",
        ("resource",),
    ),
    Family("raycluster_resource_capacity", "Amount of the resource on living nodes.", ("resource",)),
    Family("raycluster_resource_used", "Amount of the resource that is in use.", ("resource",)),
    Family("raycluster_resource_utilization_ratio", "Used share of the resource.", ("resource",)),
    Family("raycluster_cpu_utilization_ratio", "Used share of the cluster's logical CPUs."),
    Family(
        "raycluster_node_cpu_utilization_ratio",
        "Used share of the node's logical CPUs; no worker is named on the head and on nodes that are not ours.",
        ("node", "worker", "worker_type"),
    ),
    Family(
        "raycluster_host_cpu_utilization_ratio",
        "Physical CPU in use on the exporter's host; under cpu_heuristic the mean over the nodes' hosts.",
    ),
    Family("raycluster_nodes", "Nodes by Ray's own state; dead ones stay in Ray's list.", ("state", "worker_type")),
    Family("raycluster_worker_idle_seconds", "Time the worker has been idle; 0 while busy.", ("worker", "worker_type")),
    Family("raycluster_pending_threshold", "Pending tasks above which RayPendingTasks fires (setting)."),
    Family("raycluster_cpu_utilization_threshold_ratio", "CPU use above which RayHighCpuUtilization fires (setting)."),
    Family("raycluster_worker_idle_threshold_seconds", "Idle time above which RayWorkersIdle fires (setting)."),
)

OWN = (
    Family("raycluster_exporter" + CONNECTIONS, CONNECTIONS_HELP),
    Family("raycluster_exporter" + REFUSED, REFUSED_HELP, ("reason",)),
)
"""What `/metrics` says about the exporter itself, besides its process."""
