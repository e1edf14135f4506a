"""The words of an explanation, and its first lines. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from scaler.model.decision import Cause
from scaler.model.workers import ENDED, ActionKind, WorkerState
from scaler.planning.reasons import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scaler.model.decision import Observation, Plan


class Situation(str, Enum):
    """How things are where no rule holds anything back: beside `Cause`, the other half of the closed set."""

    BUSY = "busy"
    WARM = "warm"
    JOINING = "joining"
    LEAVING = "leaving"
    OUT_OF_SIGHT = "out_of_sight"
    MAY_GO = "may_go"
    WAITS_FOR_JOINING = "waits_for_joining"
    HAS_ROOM = "has_room"


@dataclass(frozen=True)
class Waiting:
    """`count` requests of one shape, and what they wait for; `partly`: some of them fit on workers that are joining."""

    shape: str
    count: int
    cause: Cause | Situation
    why: str
    partly: bool = False


@dataclass(frozen=True)
class WorkerWhy:
    """Why a worker is not removed, or what is being done to it."""

    worker_id: str
    cause: Cause | Situation
    why: str


PASSING = frozenset({Cause.PENDING_DEMAND, Cause.DEMAND_SETTLING, *Situation})  # nothing is wrong: it goes on by itself


def headlines(
    observation: Observation, proposed: Plan, waiting: Sequence[Waiting], workers: Sequence[WorkerWhy]
) -> tuple[str, ...]:
    """The state of affairs in a few sentences, what is wrong first."""
    wrong = [*_blindness(observation, proposed), *_paused(observation), *_impossible(proposed), *_held(waiting)]
    wrong += _failures(observation)
    going_on = _going_on(proposed, workers)
    if wrong:
        return (*wrong, going_on)
    many = sum(shape.count for shape in waiting)
    demand = f"{plural(many, 'request')} {_verb(many, 'wait')} for {_for_what(waiting)}" if many else "nothing waits"
    return (f"Nothing is wrong: {demand}.", going_on)


def _blindness(observation: Observation, proposed: Plan) -> Iterator[str]:
    """What is not known, in the plan's own words where it has some."""
    snapshot = observation.snapshot
    if observation.journal_problem:
        yield f"The journal cannot be written: {observation.journal_problem}; so nothing is launched or removed."
        return
    if observation.provider_problem:
        yield f"The workers are not known: {observation.provider_problem}; so nothing is launched or removed."
    blind = {Cause.SNAPSHOT_UNAVAILABLE, Cause.DEMAND_UNKNOWN}
    told = [held.reason for held in proposed.held if held.cause in blind]
    told += [action.reason for action in proposed.actions if action.cause in blind]
    if told:
        yield from (f"{reason[:1].upper()}{reason[1:]}." for reason in dict.fromkeys(told))
    elif snapshot is None:
        yield f"There is no usable snapshot of the cluster: {observation.problem}; so nothing is removed."
    elif not snapshot.demand_known:
        yield f"What waits is not known: the source {snapshot.source} cannot tell."


def _paused(observation: Observation) -> Iterator[str]:
    for way, pause in (("up", observation.paused_up), ("down", observation.paused_down)):
        if pause:
            yield f"Scaling {way} is {pause.text}."


def _impossible(proposed: Plan) -> Iterator[str]:
    many = sum(misfit.count for misfit in proposed.infeasible)
    if many:
        shapes = ", ".join(sorted({misfit.shape for misfit in proposed.infeasible}))
        yield f"{plural(many, 'request')} can never start here, no worker type has what it takes: {shapes}."


_HELD_WORDS = {
    Cause.COOLDOWN: "until the cooldown ends",
    Cause.MAX_WORKERS: "because max_workers is reached",
    Cause.NO_ALERT: "because no alert permits more workers",
    Cause.PROVIDER_UNAVAILABLE: "until the workers are known again",
    Cause.LAUNCHES_FAIL: "because launches of the worker type that fits have failed",
    Cause.WAITS_FOR_A_NODE: "for a node that is here and full",
    Cause.PAUSED: "because scaling up is paused",
    Cause.JOURNAL_UNAVAILABLE: "until the journal can be written again",
}


def _held(waiting: Sequence[Waiting]) -> Iterator[str]:
    held, partly = Counter[Cause](), set[Cause]()
    for shape in waiting:
        if isinstance(shape.cause, Cause) and shape.cause not in (*PASSING, Cause.NO_WORKER_TYPE_FITS):
            held[shape.cause] += shape.count
            partly |= {shape.cause} if shape.partly else set()
    for cause, many in held.most_common():
        known = _HELD_WORDS.get(cause)
        some = ", some of them" if cause in partly else "" if known else ","
        why = known or f"held back by {cause.value.replace('_', ' ')}"
        yield f"{plural(many, 'request')} {_verb(many, 'wait')}{some} {why}."


def _failures(observation: Observation) -> Iterator[str]:
    for worker in observation.workers:
        if worker.state in ENDED or worker.state is WorkerState.JOIN_TIMED_OUT:
            said = f": {worker.detail}" if worker.detail else ""
            what = {
                WorkerState.TERMINATED: "ended by itself",
                WorkerState.LAUNCH_FAILED: "ended before it joined Ray",
                WorkerState.JOIN_TIMED_OUT: "is up but not in Ray",
            }[worker.state]
            yield f"{worker.worker_id} {what}{said}."


def _for_what(waiting: Sequence[Waiting]) -> str:
    causes = {shape.cause for shape in waiting}
    if Cause.PENDING_DEMAND in causes:
        return "workers that are being launched"
    if Cause.DEMAND_SETTLING in causes:
        return "a moment, until the size of the burst is known"
    if Situation.WAITS_FOR_JOINING in causes:
        return "workers that are joining"
    return "Ray to place them: there is room"


def _going_on(proposed: Plan, workers: Sequence[WorkerWhy]) -> str:
    """The workers in one sentence."""
    launched = sum(action.kind is ActionKind.LAUNCH and not action.worker_id for action in proposed.actions)
    counts = Counter(_GROUPS.get(worker.cause, "idle") for worker in workers)
    counts["being launched"] = launched
    told = [f"{counts[group]} {group}" for group in _ORDER if counts[group]]
    return f"{plural(len(workers) + launched, 'worker')}: {', '.join(told)}." if told else "There are no workers."


_GROUPS: dict[Cause | Situation, str] = {
    Situation.WARM: "warm",
    Situation.JOINING: "joining",
    Situation.BUSY: "busy",
    Situation.LEAVING: "leaving",
    Situation.OUT_OF_SIGHT: "out of sight",
    Cause.SNAPSHOT_UNAVAILABLE: "out of sight",
    Cause.PROVIDER_UNAVAILABLE: "out of sight",
}
_ORDER = ("being launched", "joining", "busy", "idle", "warm", "leaving", "out of sight")


def _verb(count: int, verb: str) -> str:
    """`1 request waits`, `2 requests wait`."""
    return verb + ("s" if count == 1 else "")
