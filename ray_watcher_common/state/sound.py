"""What of a cluster's state cannot be true is left out, item by item, so that one odd node does not cost the others.

A worker may put any resource and any label into Ray, and a reader must not fail by it: amounts that are no numbers,
negative or beyond all machines, two nodes of one id, requests that no node could ever be for.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ray_watcher_common.state.values import ClusterState, Demand, Node

LARGEST_COUNT = 10**9
LARGEST_AMOUNT = 1e18  # sums of larger amounts lose all precision
SMALLEST_AMOUNT = 5e-5  # Ray counts in ten-thousandths; less counts as nothing


def sound(state: ClusterState) -> tuple[ClusterState, tuple[str, ...]]:
    """The state without what cannot be, and a few words for each thing that was left out."""
    problems: list[str] = []
    nodes = _one_of_each_id(state.nodes, problems)
    found = replace(
        state,
        nodes=tuple(_sound_node(node, problems) for node in nodes),
        demands=_sound_demands(state.demands, "request", problems),
        gangs=tuple(gang for gang in state.gangs if all(_is_sound(one, "gang", problems) for one in gang.bundles)),
        constraints=_sound_demands(state.constraints, "requested resources", problems),
    )
    return found, tuple(problems)


def _one_of_each_id(nodes: Iterable[Node], problems: list[str]) -> list[Node]:
    """Of nodes with the same id the first that lives; an empty id is nobody's."""
    by_id: dict[str, Node] = {}
    for position, node in enumerate(nodes):
        key = node.node_id or f" {position}"
        other = by_id.setdefault(key, node)
        if other is not node:
            problems.append(f"node {key[:20]}: there are two of this id")
            by_id[key] = node if node.alive and not other.alive else other
    return list(by_id.values())


def _sound_node(node: Node, problems: list[str]) -> Node:
    total, available = (_amounts(node, found, problems) for found in (node.total, node.available))
    idle = node.idle_seconds if math.isfinite(node.idle_seconds) else 0.0
    ratio = node.host_cpu_ratio
    usable = ratio is not None and math.isfinite(ratio)
    if (total, available, idle) == (node.total, node.available, node.idle_seconds) and (usable or ratio is None):
        return node
    return replace(
        node, total=total, available=available, idle_seconds=max(0.0, idle), host_cpu_ratio=ratio if usable else None
    )


def _amounts(node: Node, resources: Mapping[str, float], problems: list[str]) -> Mapping[str, float]:
    """Without unusable ones; a node then has less room than it might have, and is asked for nothing."""
    wrong = [name for name, amount in resources.items() if not 0 <= amount <= LARGEST_AMOUNT]  # nor is NaN
    if not wrong:
        return resources
    named = (node.instance_id or node.node_id)[:40]
    problems += [f"node {named}: resource {name[:40]} of {resources[name]:g}" for name in wrong]
    return {name: amount for name, amount in resources.items() if name not in wrong}


def _sound_demands(demands: Iterable[Demand], what: str, problems: list[str]) -> tuple[Demand, ...]:
    return tuple(demand for demand in demands if _is_sound(demand, what, problems))


def _is_sound(demand: Demand, what: str, problems: list[str]) -> bool:
    wrong = [name for name, amount in demand.shape if not 0 <= amount <= LARGEST_AMOUNT]
    if wrong or not 0 <= demand.count <= LARGEST_COUNT:
        amounts = ", ".join(f"{name[:40]} of {dict(demand.shape)[name]:g}" for name in wrong) or f"{demand.count} times"
        problems.append(f"{what}: {amounts}")
        return False
    return True
