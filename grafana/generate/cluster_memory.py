"""The middle of the dashboard "Ray cluster": memory in bytes, and tasks and actors by Ray's own metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana.generate.panels import BLUE, GREEN, PURPLE, RED, YELLOW, About, Look, graph
from grafana.generate.query import Query, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

BYTES = Look("bytes", colours={"capacity": BLUE, "in use": GREEN}, limits=("capacity",))

TASKS = {
    "PENDING_ARGS_AVAIL": PURPLE,
    "PENDING_NODE_ASSIGNMENT": YELLOW,
    "SUBMITTED_TO_WORKER": BLUE,
    "RUNNING": GREEN,
}
ACTORS = {"PENDING_CREATION": YELLOW, "ALIVE": GREEN, "RESTARTING": RED}


def memory() -> list[Builder[Panel]]:
    """What Ray has promised to tasks, what its object store holds, and what the hosts have."""
    return [
        _of_ray(
            About(
                "Memory reserved by tasks",
                "Memory that tasks and actors have asked for with memory=..., in all living nodes. Dashed: what Ray "
                "has to give. Ray does not measure what they use: see Memory of the nodes.",
            ),
            "memory",
        ),
        _of_ray(
            About(
                "Object store",
                "Memory of the object stores of all living nodes. Dashed: their capacity; above it Ray spills to disk.",
            ),
            "object_store_memory",
        ),
        graph(
            About(
                "Memory of the nodes",
                "Physical memory in use by node, from the metrics of Ray's nodes; dashed: the smallest node's. In a "
                "container it is the whole host's. Empty without the job ray-nodes.",
            ),
            Query("max by (instance) (ray_node_mem_used{$})", "{{instance}}"),
            Query("min(ray_node_mem_total{$})", "capacity"),
            look=BYTES,
        ),
    ]


def _of_ray(about: About, resource: str) -> Builder[Panel]:
    used, capacity = (total(f'raycluster_resource_{part}{{$, resource="{resource}"}}') for part in ("used", "capacity"))
    return graph(about, Query(used, "in use"), Query(capacity, "capacity"), look=BYTES)


def tasks_and_actors() -> list[Builder[Panel]]:
    """Ray's own account, from its nodes' metrics: it lags 10 s, and only the exporter's decides about scaling."""
    return [
        graph(
            About(
                "Tasks by state",
                "Unfinished tasks by state, as Ray's nodes report it. Empty without the job ray-nodes.",
            ),
            Query('clamp_min(sum by (State) (ray_tasks{$, State!~"FINISHED|FAILED"}), 0) > 0', "{{State}}"),
            look=Look(colours=TASKS),
            span=12,
            stacked=True,
        ),
        graph(
            About("Actors by state", "Actors by state, as Ray's nodes report it. Empty without the job ray-nodes."),
            Query('sum by (State) (ray_actors{$, Source="gcs", State!="DEAD"}) > 0', "{{State}}"),
            look=Look(colours=ACTORS),
            span=12,
            stacked=True,
        ),
    ]
