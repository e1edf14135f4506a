"""Demand by shape: a bounded number of shapes, and the requests that no living node can run."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, NodeStatus, Strategy, bundle, shape_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ray_watcher_common.state import ClusterState, Gang, Node, ResourceBundle

MAX_SHAPES = 32  # of each kind; the GCS itself reports about 100, and each would be a series
OTHER = "other"
TASK, GANG = "task", "gang"


def pending(state: ClusterState) -> dict[tuple[str, str], int]:
    """Pending requests by (kind, shape), capped; tasks and actors are one kind, the GCS does not distinguish them."""
    by_kind = {TASK: state.demands, GANG: [one for gang in state.gangs for one in gang.bundles]}
    return {(kind, shape): count for kind, demands in by_kind.items() for shape, count in capped(demands).items()}


def infeasible(state: ClusterState) -> dict[str, int]:
    """Pending requests, by shape and capped, that no living node could run even if it were empty."""
    nodes = _Nodes(node for node in state.alive if node.status is not NodeStatus.DRAINING)
    gangs = (one for gang in state.gangs for one in _infeasible_bundles(gang, nodes))
    tasks = (demand for demand in state.demands if not nodes.fit(demand))
    return capped((*tasks, *gangs))


def capped(demands: Iterable[Demand]) -> dict[str, int]:
    """Counts by shape: the `MAX_SHAPES` largest, then the rest together as `other`."""
    counts: Counter[str] = Counter()
    for demand in demands:
        counts[shape_text(demand.shape)] += demand.count
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ranked[MAX_SHAPES:])
    return dict(ranked[:MAX_SHAPES]) | ({OTHER: rest} if rest else {})


def _infeasible_bundles(gang: Gang, nodes: _Nodes) -> Iterable[Demand]:
    """All of a STRICT_PACK gang whose bundles fit no single node together; else the bundles that fit none."""
    if gang.strategy is Strategy.STRICT_PACK:
        selectors = tuple(selector for one in gang.bundles for selector in one.selectors)
        return () if nodes.fit(Demand(together(gang.bundles), 1, selectors)) else gang.bundles
    free = nodes.without(gang.group) if gang.strategy is Strategy.STRICT_SPREAD else nodes
    return [one for one in gang.bundles if not free.fit(one)]


def together(demands: Iterable[Demand]) -> ResourceBundle:
    """All of `demands` as one bundle."""
    whole: dict[str, float] = defaultdict(float)
    for one in demands:
        for name, amount in one.shape:
            whole[name] += amount * one.count
    return bundle(whole)


class _Nodes:
    """Nodes that may run work. Nodes of one size are checked once, unless labels or a node's own name matter."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = list(nodes)
        totals = ({name: n for name, n in node.total.items() if not _names_one(name)} for node in self._nodes)
        self._sizes = list({tuple(total.items()): total for total in totals}.values())

    def without(self, group: str) -> _Nodes:
        """The nodes that hold no bundle of the placement group."""
        if not any(group in node.groups for node in self._nodes):
            return self
        return _Nodes(node for node in self._nodes if group not in node.groups)

    def fit(self, demand: Demand) -> bool:
        """Whether some node, empty, has room for one of the requests."""
        if demand.selectors or any(_names_one(name) for name, _ in demand.shape):
            return any(_holds(node.total, demand.shape) and demand.may_run_on(node.labels) for node in self._nodes)
        return any(_holds(total, demand.shape) for total in self._sizes)


def _names_one(resource: str) -> bool:
    """Whether `resource` is Ray's marker of a single node."""
    return resource.startswith("node:")


def _holds(total: Mapping[str, float], shape: ResourceBundle) -> bool:
    return all(total.get(name, 0.0) >= amount for name, amount in shape)
