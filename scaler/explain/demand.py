"""What each shape waits for. Pure: standard library only.

Shapes are added to the demand one after the other, and each time the whole is planned: what the plan then launches,
holds back or finds impossible beyond the plan before is about the shape that was added.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, Gang, shape_text
from scaler.explain.summary import Situation, Waiting
from scaler.model.decision import NOTHING, Cause, Held, Observation, Plan
from scaler.model.workers import JOINING, ActionKind
from scaler.planning.reasons import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ray_watcher_common.state import ClusterState
    from scaler.model.policy import Policy

    Planner = Callable[[Observation, Policy, float], Plan]

SHAPES_EXPLAINED = 20  # each costs a plan or two; the rest is summed up
NOT_ABOUT_A_SHAPE = frozenset({Cause.NO_DEMAND, Cause.BELOW_MIN_WORKERS, Cause.ALERT_STEP})


@dataclass
class _Part:
    """The part of the demand that has one shape."""

    shape: str
    demands: list[Demand] = field(default_factory=list)
    gangs: list[Gang] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(demand.count for demand in self.demands) + sum(gang.count for gang in self.gangs)


def explain_demand(
    observation: Observation, proposed: Plan, policy: Policy, now: float, planner: Planner
) -> tuple[Waiting, ...]:
    """Why each shape waits, the most frequent first; none where the demand is not known."""
    snapshot = observation.snapshot
    if snapshot is None or not snapshot.demand_known:
        return ()
    parts = sorted(_parts(snapshot), key=lambda part: (-part.count, part.shape))
    if problem := observation.journal_problem or observation.provider_problem:
        held = next(iter(proposed.held), Held(Cause.PROVIDER_UNAVAILABLE, 1, problem))
        return tuple(Waiting(part.shape, part.count, held.cause, held.reason) for part in parts)
    told = _Teller(observation, proposed, policy, now, planner)
    shown, folded = parts[:SHAPES_EXPLAINED], parts[SHAPES_EXPLAINED:]
    return (*map(told.add, shown), *_fold(folded, told))


def _parts(snapshot: ClusterState) -> list[_Part]:
    parts: dict[str, _Part] = {}
    for demand in snapshot.demands:
        name = _name(demand)
        parts.setdefault(name, _Part(name)).demands.append(demand)
    for gang in snapshot.gangs:
        bundles = " + ".join(f"{bundle.count} x {_name(bundle)}" for bundle in gang.bundles)
        name = f"{gang.strategy.value}({bundles})"
        parts.setdefault(name, _Part(name)).gangs.append(gang)
    return [part for part in parts.values() if part.count]


def _name(demand: Demand) -> str:
    """The shape, and the labels that it asks for."""
    wanted = [f"{s.key} {s.operator.replace('_', ' ')} {'|'.join(s.values)}" for s in demand.selectors]
    return shape_text(demand.shape) + (f" where {' and '.join(wanted)}" if wanted else "")


def _fold(parts: list[_Part], told: _Teller) -> Iterator[Waiting]:
    """All other shapes as one."""
    if parts:
        rest = _Part(
            f"{len(parts)} other shapes",
            [demand for part in parts for demand in part.demands],
            [gang for part in parts for gang in part.gangs],
        )
        yield told.add(rest)


class _Teller:
    """Plans with more and more of the demand, and tells what each part adds."""

    def __init__(self, observation: Observation, proposed: Plan, policy: Policy, now: float, planner: Planner) -> None:
        self._observation, self._real = replace(observation, down=NOTHING), proposed
        self._policy, self._now, self._planner = policy, now, planner
        self._joining = [worker for worker in observation.workers if worker.state in JOINING]
        self._demands: tuple[Demand, ...] = ()
        self._gangs: tuple[Gang, ...] = ()
        self._before = self._plan(without_joining=False)
        self._alone_before = self._plan(without_joining=True) if self._joining else Plan()

    def add(self, part: _Part) -> Waiting:
        """Add a part of the demand; returns what it waits for."""
        self._demands += tuple(part.demands)
        self._gangs += tuple(part.gangs)
        before, self._before = self._before, self._plan(without_joining=False)
        cause, why = self._news(part, before, self._before)
        partly = False
        if self._joining:
            alone_before, self._alone_before = self._alone_before, self._plan(without_joining=True)
            partly = _weight(self._alone_before) - _weight(alone_before) > _weight(self._before) - _weight(before)
            if partly:
                cause, why = self._told_with_joining(cause, why)
        return Waiting(part.shape, part.count, cause, why, partly)

    def _plan(self, *, without_joining: bool) -> Plan:
        """The plan for the demand so far."""
        observation = self._observation
        if observation.snapshot is None:
            return Plan()
        snapshot = replace(observation.snapshot, demands=self._demands, gangs=self._gangs)
        workers = observation.workers
        if without_joining:
            workers = tuple(worker for worker in workers if worker.state not in JOINING)
        return self._planner(replace(observation, snapshot=snapshot, workers=workers), self._policy, self._now)

    def _news(self, part: _Part, before: Plan, after: Plan) -> tuple[Cause | Situation, str]:
        """What `after` does beyond `before`: impossible, held back, launched, or nothing as there is room."""
        if misfit := next(iter(Counter(after.infeasible) - Counter(before.infeasible)), None):
            return misfit.cause, misfit.reason
        if grown := _grown(before, after):
            return grown[0], "; ".join(self._reason(cause, part, before, after) for cause in grown)
        launches = _launches(after) - _launches(before)
        if launches > 0:
            return (
                Cause.PENDING_DEMAND,
                f"{plural(launches, 'worker')} {'is' if launches == 1 else 'are'} being launched",
            )
        return Situation.HAS_ROOM, "there is room now, Ray places it within a moment"

    def _reason(self, cause: Cause, part: _Part, before: Plan, after: Plan) -> str:
        """The real plan's own sentence for `cause`, the one that names the shape where there are several."""
        news = [held for held in self._real.held if held.cause is cause and held not in before.held]
        seen = news or [held for held in after.held if held.cause is cause]
        return next((held for held in seen if part.shape in held.reason), seen[0]).reason

    def _told_with_joining(self, cause: Cause | Situation, why: str) -> tuple[Cause | Situation, str]:
        since = max(0.0, self._now - min(worker.created_at for worker in self._joining))
        joining = f"{plural(len(self._joining), 'worker')} {'is' if len(self._joining) == 1 else 'are'} joining"
        timing = f"for {since:.0f} s of at most {self._policy.join_timeout:g} s"
        if cause is Situation.HAS_ROOM:
            return Situation.WAITS_FOR_JOINING, f"{joining} {timing}, and it fits there"
        return cause, f"{why}; {joining} {timing}"


def _grown(before: Plan, after: Plan) -> list[Cause]:
    """The causes that hold back more in `after` than in `before`; the one that grew most first."""
    growth = _held_counts(after)
    growth.subtract(_held_counts(before))
    return [cause for cause, count in growth.most_common() if count > 0]


def _held_counts(planned: Plan) -> Counter[Cause]:
    counts = Counter[Cause]()
    for held in planned.held:
        if held.cause not in NOT_ABOUT_A_SHAPE:
            counts[held.cause] += held.count
    return counts


def _launches(planned: Plan) -> int:
    return sum(action.kind is ActionKind.LAUNCH for action in planned.actions)


def _weight(planned: Plan) -> int:
    """How much is still to be done or held back."""
    return _launches(planned) + sum(_held_counts(planned).values())
