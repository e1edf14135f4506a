"""The nodes in the dashboard's `/nodes?view=summary`: their identity, and the CPU use of their hosts.

Pure. Logical usage is given only as text for people, without its time, and is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.sources.errors import SourceUnavailableError
from ray_watcher_common.state import HEAD_RESOURCE, Node, NodeStatus, placement_groups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.sources.camel import Names


def known_nodes(data: Mapping[str, Any], names: Names) -> tuple[Node, ...]:
    """The nodes of a reply's `data`. `total` is what each brings; `available` is left empty.

    Raises `SourceUnavailableError` if there is none: the dashboard has just started, the cluster is not empty.
    """
    nodes = tuple(_node(entry, names) for entry in data["summary"] if entry.get("raylet", {}).get("nodeId"))
    if not nodes:
        raise SourceUnavailableError("dashboard: knows no node yet")
    return nodes


def newest_sample(data: Mapping[str, Any]) -> float:
    """Unix seconds of the newest report of a living node about its host's CPU; 0 if there is none."""
    return max((float(entry.get("now") or 0) for entry in data["summary"] if _is_alive(entry)), default=0.0)


def _is_alive(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("raylet", {}).get("state") == "ALIVE")


def _node(entry: Mapping[str, Any], names: Names) -> Node:
    raylet = entry["raylet"]
    cpu_percent = entry.get("cpu")
    total = {names.original(name): float(amount) for name, amount in (raylet.get("resourcesTotal") or {}).items()}
    return Node(
        node_id=raylet["nodeId"],
        status=NodeStatus.RUNNING if _is_alive(entry) else NodeStatus.DEAD,
        instance_id=raylet.get("instanceId") or "",
        is_head=HEAD_RESOURCE in total,
        worker_type=raylet.get("nodeTypeName") or "",
        ip=raylet.get("nodeManagerAddress") or entry.get("ip") or "",
        total=total,
        groups=placement_groups(total),
        labels=dict(raylet.get("labels") or {}),
        host_cpu_ratio=None if cpu_percent is None or not _is_alive(entry) else float(cpu_percent) / 100,
    )
