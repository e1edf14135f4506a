"""A recording through another policy or planner: which decisions would have been different. Pure.

Each recorded observation is planned again, as the loop does it. The recording does not react: what the other plan would
have changed in the cluster is not in the observations that follow. So a difference is a time during which the other
plan would have decided otherwise, in the situation that was recorded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from scaler.recording.series import GAP_SECONDS
from scaler.schedules.effective import effective

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from scaler.model.decision import Observation, Plan
    from scaler.model.policy import Policy
    from scaler.recording.moment import Moment

    Planner = Callable[[Observation, Policy, float], Plan]

HOLD = "hold"
STEP_SECONDS = 10.0  # between plans while nothing changes: time alone may change a decision


class Key(NamedTuple):
    """What makes two parts of plans the same: `subject` is a worker type, a worker, or a shape."""

    what: str  # of `ActionKind`, or hold, infeasible
    cause: str
    subject: str


@dataclass(frozen=True)
class Part:
    """A part of a plan: `count` actions of one kind, or what is held or infeasible, and why."""

    key: Key
    count: int
    reason: str


@dataclass(frozen=True)
class Difference:
    """From `since` to `until` (unix seconds) the plans had parts that the other one did not have."""

    since: float
    until: float
    recorded: tuple[Part, ...]
    replayed: tuple[Part, ...]


@dataclass(frozen=True)
class Replay:
    """The result: all differences in order of time, and what they rest on."""

    since: float
    until: float
    moments: int  # recorded
    plans: int  # made
    gaps: tuple[tuple[float, float], ...]  # times without a recording
    differences: tuple[Difference, ...]

    def totals(self) -> Mapping[Key, tuple[int, int]]:
        """How many differences have a part, recorded and replayed, by kind and cause (without subject), most first."""
        recorded = Counter(key for one in self.differences for key in {_total(part.key) for part in one.recorded})
        replayed = Counter(key for one in self.differences for key in {_total(part.key) for part in one.replayed})
        both = recorded + replayed
        return {
            key: (recorded[key], replayed[key]) for key, _ in sorted(both.items(), key=lambda one: (-one[1], one[0]))
        }


def _total(key: Key) -> Key:
    return key._replace(subject="")


class _Look(NamedTuple):
    """One comparison, which holds until the next."""

    at: float
    until: float
    recorded: tuple[Part, ...]
    replayed: tuple[Part, ...]

    @property
    def kinds(self) -> tuple[tuple[Key, ...], tuple[Key, ...]]:
        return tuple(part.key for part in self.recorded), tuple(part.key for part in self.replayed)


def replay(
    moments: Iterable[Moment], planner: Planner, policy: Policy | None = None, step: float = STEP_SECONDS
) -> Replay | None:
    """Plan each moment again with `planner`, and `policy` instead of the recorded one; None if there is no moment.

    Between two moments, while nothing changed, a plan is made every `step` seconds. Raises `RecordingError`.
    """
    spans = list[tuple[float, float]]()
    looks = [
        _look(moment, now, until, planner(seen.observation, effective(policy, now) if policy else moment.policy, now))
        for moment, end in _with_ends(moments, spans)
        for now, until in _times(moment, end, step)
        for seen in (moment.at_time(now),)
    ]
    if not looks:
        return None
    gaps = tuple((start, end) for start, end in spans if _is_gap(start, end))
    groups = (list(group) for _, group in groupby(looks, key=lambda look: look.kinds))
    found = tuple(
        Difference(group[0].at, group[-1].until, group[0].recorded, group[0].replayed)
        for group in groups
        if group[0].recorded or group[0].replayed
    )
    return Replay(looks[0].at, looks[-1].until, len(spans), len(looks), gaps, found)


def parts(plan: Plan) -> tuple[Part, ...]:
    """The parts of a plan, equal ones as one."""
    counts: Counter[Key] = Counter()
    reasons: dict[Key, str] = {}
    for key, count, reason in _entries(plan):
        counts[key] += count
        reasons.setdefault(key, reason)
    return tuple(Part(key, counts[key], reason) for key, reason in sorted(reasons.items()))


def _entries(plan: Plan) -> Iterator[tuple[Key, int, str]]:
    for action in plan.actions:
        yield Key(action.kind.value, action.cause.value, action.worker_id or action.worker_type), 1, action.reason
    for held in plan.held:
        yield Key(HOLD, held.cause.value, held.worker_id or held.worker_type or held.shape), held.count, held.reason
    for one in plan.infeasible:
        yield Key("infeasible", one.cause.value, one.shape), one.count, one.reason


def _look(moment: Moment, now: float, until: float, plan: Plan) -> _Look:
    recorded, replayed = parts(moment.plan), parts(plan)
    return _Look(now, until, _without(recorded, replayed), _without(replayed, recorded))


def _without(some: tuple[Part, ...], others: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts that `others` lacks; how many are held changes with every look, and does not count."""
    known = {_same(part) for part in others}
    return tuple(part for part in some if _same(part) not in known)


def _same(part: Part) -> tuple[Key, int]:
    return part.key, 0 if part.key.what == HOLD else part.count


def _with_ends(moments: Iterable[Moment], spans: list[tuple[float, float]]) -> Iterator[tuple[Moment, float]]:
    """Each moment with the time until which it holds: the next, or its own before a gap. Adds to `spans`."""
    for moment, following in zip_next(moments):
        end = following.at if following else moment.at
        spans.append((moment.at, end))
        yield moment, moment.at if _is_gap(moment.at, end) else end


def _is_gap(start: float, end: float) -> bool:
    return not 0 <= end - start <= GAP_SECONDS


def zip_next(moments: Iterable[Moment]) -> Iterator[tuple[Moment, Moment | None]]:
    """Each moment with the one after it."""
    waiting: Moment | None = None
    for moment in moments:
        if waiting is not None:
            yield waiting, moment
        waiting = moment
    if waiting is not None:
        yield waiting, None


def _times(moment: Moment, end: float, step: float) -> Iterator[tuple[float, float]]:
    """When a moment is planned, and until when that holds: once if it acted, because that changed the cluster."""
    now = moment.at
    while not moment.plan.actions and now + step < end:
        yield now, now + step
        now += step
    yield now, end
