"""Why each shape of the demand is pending. Pure: standard library only.

What a rule of the plan holds back or finds infeasible has the rule's own words. The rest has a place: on a
worker that runs, joins, or is launched by the plan; packing the demand into these one after the other shows which.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from scaler.explain.summary import PendingShape, Situation
from scaler.model.decision import Cause, Held, Observation, Plan
from scaler.model.workers import JOINING
from scaler.packing.fitting import could_hold
from scaler.packing.present import placed
from scaler.planning.context import Context
from scaler.planning.reasons import plural, request_text
from scaler.planning.worker_sizes import with_learned_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray_watcher_common.state import ClusterState, Demand, Gang
    from scaler.model.policy import Policy

SHAPES_EXPLAINED = 20  # the rest is summed up
NOT_ABOUT_DEMAND = frozenset({Cause.NO_DEMAND, Cause.NOT_IDLE_LONG_ENOUGH, Cause.UP_ALERT_ACTIVE, Cause.STILL_BUSY})


@dataclass
class _Part:
    """The part of the demand that has one shape."""

    shape: str
    demands: list[Demand] = field(default_factory=list)
    gangs: list[Gang] = field(default_factory=list)

    @property
    def requests(self) -> list[Demand | Gang]:
        return [*self.demands, *self.gangs]

    @property
    def count(self) -> int:
        return sum(request.count for request in self.requests)


def explain_demand(observation: Observation, proposed: Plan, policy: Policy, now: float) -> tuple[PendingShape, ...]:
    """Why each shape is pending, the most frequent first; none if the demand is not known."""
    snapshot = observation.snapshot
    if snapshot is None or not snapshot.demand_known:
        return ()
    parts = sorted(_parts(snapshot), key=lambda part: (-part.count, part.shape))
    if problem := observation.journal_problem or observation.provider_problem:
        held = next(iter(proposed.held), Held(Cause.PROVIDER_UNAVAILABLE, 1, problem))
        return tuple(PendingShape(part.shape, part.count, held.cause, held.reason) for part in parts)
    places = _Places(observation, snapshot, proposed, policy, now)
    shown, folded = parts[:SHAPES_EXPLAINED], parts[SHAPES_EXPLAINED:]
    return tuple(map(places.explain, [*shown, *_fold(folded)]))


def _parts(snapshot: ClusterState) -> list[_Part]:
    parts: dict[str, _Part] = {}
    for demand in snapshot.demands:
        name = request_text(demand)
        parts.setdefault(name, _Part(name)).demands.append(demand)
    for gang in snapshot.gangs:
        name = request_text(gang)
        parts.setdefault(name, _Part(name)).gangs.append(gang)
    return [part for part in parts.values() if part.count]


def _fold(parts: Sequence[_Part]) -> list[_Part]:
    """All other shapes as one."""
    if not parts:
        return []
    demands = [demand for part in parts for demand in part.demands]
    return [_Part(f"{len(parts)} other shapes", demands, [gang for part in parts for gang in part.gangs])]


class _Places:
    """How much of each shape has a place, and on which workers."""

    def __init__(
        self, observation: Observation, snapshot: ClusterState, proposed: Plan, policy: Policy, now: float
    ) -> None:
        self._plan, self._policy, self._now = proposed, with_learned_sizes(policy, observation), now
        self._joining = [worker for worker in observation.workers if worker.state in JOINING]
        self._launches = Counter(action.worker_type for action in proposed.launches)
        self._snapshot, self._context = snapshot, Context(observation, self._policy, now)
        self._held = [held for held in proposed.held if held.cause not in NOT_ABOUT_DEMAND and not held.worker_id]

    @cached_property
    def _on_running(self) -> Counter[Demand | Gang]:
        return self._placed(joining=False)

    @cached_property
    def _on_joining(self) -> Counter[Demand | Gang]:
        return self._placed(joining=True) if self._joining else self._on_running

    @cached_property
    def _on_new(self) -> Counter[Demand | Gang]:
        return self._placed(joining=True, launched=self._launches) if self._launches else self._on_joining

    def _placed(self, *, joining: bool, launched: Counter[str] | None = None) -> Counter[Demand | Gang]:
        slots = self._context.capacity(self._snapshot, joining=joining, launched=launched or Counter())
        return placed(self._snapshot.demands, self._snapshot.gangs, slots) if slots else Counter()

    def explain(self, part: _Part) -> PendingShape:
        """Why one shape is pending."""
        cause, why = self._why(part)
        partly = bool(self._joining) and self._served(part, self._on_joining) > self._served(part, self._on_running)
        if partly:
            cause, why = self._with_joining(cause, why)
        return PendingShape(part.shape, part.count, cause, why, partly)

    def _why(self, part: _Part) -> tuple[Cause | Situation, str]:
        shapes = {request_text(request) for request in part.requests}
        for misfit in self._plan.infeasible:
            if misfit.shape in shapes:
                return misfit.cause, misfit.reason
        if self._served(part, self._on_joining) >= part.count:
            return Situation.HAS_ROOM, "fits on running workers, Ray is about to place it"
        if held := self._held_for(part, shapes):
            return held.cause, held.reason
        if self._launches:
            return Cause.PENDING_DEMAND, f"{plural(self._launches.total(), 'worker')} launching"
        return Situation.HAS_ROOM, "fits on workers that run or join"

    def _held_for(self, part: _Part, shapes: set[str]) -> Held | None:
        """The hold on this shape, else on launches of a type that can hold it, else any on launches."""
        if of_shape := [held for held in self._held if held.shape in shapes]:
            return max(of_shape, key=lambda held: held.count)
        if self._launches and self._served(part, self._on_new) >= part.count:
            return None
        names = {held.worker_type for held in self._held if held.worker_type}
        fitting = {
            name
            for name in names
            if (kind := self._policy.worker_type(name)) and any(could_hold(one, [kind]) for one in part.requests)
        }
        of_type = [held for held in self._held if held.worker_type in fitting]
        anyhow = [held for held in self._held if not held.shape and not held.worker_type]
        return max([*of_type, *anyhow] or [held for held in self._held if not held.shape], key=_count, default=None)

    def _served(self, part: _Part, found: Counter[Demand | Gang]) -> int:
        return sum(found[request] for request in set(part.requests))

    def _with_joining(self, cause: Cause | Situation, why: str) -> tuple[Cause | Situation, str]:
        since = max(0.0, self._now - min(worker.created_at for worker in self._joining))
        joining = f"{plural(len(self._joining), 'worker')} joining"
        timing = f"for {since:.0f} s of at most {self._policy.join_timeout:g} s"
        if cause is Situation.HAS_ROOM:
            return Situation.WORKERS_JOINING, f"fits on workers that are joining ({joining} {timing})"
        return cause, f"{why}; {joining} {timing}"


def _count(held: Held) -> int:
    return held.count
