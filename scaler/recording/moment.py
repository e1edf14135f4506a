"""One moment of a recording: what a plan rested on, and the plan. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from ray_watcher_common.state import shape_text

if TYPE_CHECKING:
    from ray_watcher_common.state import ClusterState, Node
    from scaler.model.decision import Observation, Plan
    from scaler.model.policy import Policy

MOST_SHAPES, OTHER_SHAPES = 12, "other shapes"


@dataclass(frozen=True)
class Moment:
    """A reconcile at `at` (unix seconds): `plan` was made of `observation` and `policy`."""

    at: float
    observation: Observation
    policy: Policy
    plan: Plan

    def at_time(self, now: float) -> Moment:
        """The same a little later, if nothing but the clock has changed since: what is idle has been so for longer."""
        if now == self.at:
            return self
        return replace(self, at=now, observation=later(self.observation, now - self.at))


class Point(NamedTuple):
    """The figures of a moment, for charts; `demand` None: not known."""

    at: float  # unix seconds
    demand: dict[str, int] | None  # pending requests by shape
    workers: dict[str, int]  # by state
    types: dict[str, int]  # workers that are in Ray or on their way, by worker type
    max_workers: int

    @property
    def pending(self) -> int | None:
        """Number of pending requests; None: not known."""
        return None if self.demand is None else sum(self.demand.values())

    @property
    def size(self) -> int:
        """Number of workers in Ray or on their way."""
        return sum(self.types.values())


def point_of(at: float, observation: Observation, policy: Policy) -> Point:
    """The figures of an observation at `at`."""
    workers, snapshot = observation.workers, observation.snapshot
    return Point(
        at=at,
        demand=_demand(snapshot) if snapshot and snapshot.demand_known else None,
        workers=_sorted(Counter(one.state.value for one in workers)),
        types=_sorted(Counter(one.worker_type for one in workers if one.counts)),
        max_workers=policy.max_workers,
    )


def _demand(snapshot: ClusterState) -> dict[str, int]:
    bundles = [bundle for gang in snapshot.gangs for bundle in gang.bundles]
    counts: Counter[str] = Counter()
    for one in (*snapshot.demands, *bundles):
        counts[shape_text(one.shape)] += one.count
    shown = dict(counts.most_common(MOST_SHAPES))
    rest = counts.total() - sum(shown.values())
    return _sorted(shown | ({OTHER_SHAPES: rest} if rest else {}))


def _sorted(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def later(observation: Observation, seconds: float) -> Observation:
    """`observation` as it looks after `seconds` in which only time passed."""
    snapshot = observation.snapshot
    if snapshot is None:
        return observation
    aged = {id(node): aged_node(node, seconds) for node in snapshot.nodes if node.idle_seconds > 0}
    nodes = tuple(aged.get(id(node), node) for node in snapshot.nodes)
    workers = tuple(
        replace(one, node=aged[id(one.node)]) if one.node is not None and id(one.node) in aged else one
        for one in observation.workers
    )
    shown = replace(snapshot, nodes=nodes, observed_at=snapshot.observed_at + seconds)
    return replace(observation, snapshot=shown, workers=workers)


def aged_node(node: Node, seconds: float) -> Node:
    """An idle node that has been idle for `seconds` more."""
    return replace(node, idle_seconds=max(0.0, node.idle_seconds + seconds))
