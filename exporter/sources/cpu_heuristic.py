"""The last source: CPU use of the nodes' hosts, if no other source knows the demand.

Physical CPU replaces logical CPU: a node on a host that is 90 % busy counts as 90 % used. Other resources are left out
rather than guessed, no node counts as idle, and demand is unknown, so that no plan derives a size from it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from exporter.sources.camel import Names
from exporter.sources.chain import Source
from exporter.sources.dashboard import UNREADABLE
from exporter.sources.dashboard_nodes import known_nodes, newest_sample
from exporter.sources.errors import SourceBrokenError, SourceStaleError
from ray_watcher_common.state import HEAD_RESOURCE, ClusterState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.sources.dashboard import Dashboard
    from ray_watcher_common.state import Node


class CpuHeuristicSource:
    """Physical CPU from the dashboard; refused if older than `stale_after` seconds."""

    source = Source.CPU_HEURISTIC

    def __init__(self, dashboard: Dashboard, stale_after: float) -> None:
        self._dashboard = dashboard
        self._stale_after = stale_after

    def read(self, now: float) -> ClusterState:
        """The nodes and how busy they are. Raises `SourceError`s."""
        return estimate(self._dashboard.nodes(), now, self._stale_after)


def estimate(data: Mapping[str, Any], now: float, stale_after: float) -> ClusterState:
    """The data of `/nodes?view=summary` as a state without demand. Raises `SourceError`s."""
    try:
        sampled_at = newest_sample(data)
        nodes = tuple(_as_busy_as_its_host(node) for node in known_nodes(data, Names()))
    except UNREADABLE as error:
        raise SourceBrokenError(f"dashboard: /nodes is not as Ray writes it: {error!r}") from error
    if now - sampled_at > stale_after:
        raise SourceStaleError(
            f"dashboard: no node reported its CPU within {stale_after:g} s"
            + (f"; the last report is {now - sampled_at:.0f} s old" if sampled_at else "")
        )
    return ClusterState(source=Source.CPU_HEURISTIC.value, observed_at=sampled_at, nodes=nodes, demand_known=False)


def _as_busy_as_its_host(node: Node) -> Node:
    total = {name: amount for name, amount in node.total.items() if name in {"CPU", HEAD_RESOURCE}}
    free = 1 - min(1.0, node.host_cpu_ratio or 0.0)
    available = {name: amount * free if name == "CPU" else amount for name, amount in total.items()}
    return replace(node, total=total, available=available)
