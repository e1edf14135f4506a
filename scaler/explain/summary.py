"""The first lines of an explanation: what is wrong, or that nothing is. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from scaler.model.decision import Cause
from scaler.model.workers import ENDED, WorkerState
from scaler.planning.reasons import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scaler.model.decision import Held, Observation, Plan


class Situation(str, Enum):
    """How things are if no rule holds anything back: with `Cause`, the closed set of an explanation."""

    BUSY = "busy"
    WARM = "warm"
    JOINING = "joining"
    REMOVING = "removing"
    NOT_IN_RAY = "not_in_ray"
    ELIGIBLE = "eligible_for_removal"
    WORKERS_JOINING = "workers_joining"
    HAS_ROOM = "has_room"


NAMES_SHOWN = 4  # workers listed by name in one sentence


@dataclass(frozen=True)
class PendingShape:
    """`count` pending requests of one shape, and why; `partly`: some of them fit on workers that are joining."""

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


# Nothing is wrong: these pass by themselves.
PASSING = frozenset({Cause.PENDING_DEMAND, Cause.DEMAND_SETTLING, Cause.PROBE, *Situation})


def problems(
    observation: Observation, proposed: Plan, pending: Sequence[PendingShape], workers: Sequence[WorkerWhy], now: float
) -> tuple[str, ...]:
    """What is wrong, in sentences, the most important first."""
    return (
        *_blindness(observation, proposed),
        *_no_watchdog(observation, now),
        *_paused(observation),
        *_infeasible(proposed),
        *_held(pending),
        *_held_without_demand(proposed, pending),
        *_failing(observation, now),
        *_failures(observation),
        *_out_of_sight(workers),
    )


def headlines(
    wrong: Sequence[str], proposed: Plan, pending: Sequence[PendingShape], workers: Sequence[WorkerWhy], cost: float
) -> tuple[str, ...]:
    """The state of affairs in a few sentences: what is wrong, or that nothing is; the workers, and what they cost."""
    pool = [_pool(proposed, workers), *([f"The workers cost {cost:.2f} per hour."] if cost else [])]
    if wrong:
        return (*wrong, *pool)
    many = sum(shape.count for shape in pending)
    work = f"{plural(many, 'pending request')}, {_passing(pending)}" if many else "no pending work"
    return (f"Healthy, {work}.", *pool)


def _blindness(observation: Observation, proposed: Plan) -> Iterator[str]:
    """What is not known, in the plan's own words if it has some."""
    snapshot = observation.snapshot
    if observation.journal_problem:
        yield f"Nothing is launched or removed: the journal cannot be written ({observation.journal_problem})."
        return
    if observation.provider_problem:
        yield f"Nothing is launched or removed: the workers are not known ({observation.provider_problem})."
    blind = {Cause.SNAPSHOT_UNAVAILABLE, Cause.DEMAND_UNKNOWN}
    reasons = [held.reason for held in proposed.held if held.cause in blind]
    reasons += [action.reason for action in proposed.actions if action.cause in blind]
    if reasons:
        yield from (f"{reason[:1].upper()}{reason[1:]}." for reason in dict.fromkeys(reasons))
    elif snapshot is None:
        yield f"Nothing is removed: no usable snapshot of the cluster: {observation.problem}."
    elif not snapshot.demand_known:
        yield f"Pending demand is not known: the source {snapshot.source} does not report it."


def _no_watchdog(observation: Observation, now: float) -> Iterator[str]:
    """Alerts do not arrive: Prometheus is down, or something between it and the scaler."""
    if (last := observation.watchdog_missing_since) is not None:
        yield (
            f"No alert can arrive: RayWatchdog, which always fires, was last received {max(0.0, now - last):.0f} s "
            "ago; check that Prometheus and Alertmanager are running."
        )


def _out_of_sight(workers: Sequence[WorkerWhy]) -> Iterator[str]:
    names = [worker.worker_id for worker in workers if worker.cause is Situation.NOT_IN_RAY]
    if names:
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        verb = "is" if len(names) == 1 else "are"
        yield f"{', '.join(names[:NAMES_SHOWN])}{more} {verb} running, but not in Ray."


def _paused(observation: Observation) -> Iterator[str]:
    for way, pause in (("up", observation.paused_up), ("down", observation.paused_down)):
        if pause:
            yield f"Scaling {way} is {pause.text}."


def _infeasible(proposed: Plan) -> Iterator[str]:
    many = sum(misfit.count for misfit in proposed.infeasible)
    if many:
        shapes = ", ".join(sorted({misfit.shape for misfit in proposed.infeasible}))
        yield f"{plural(many, 'pending request')} cannot be scheduled: no worker type provides {shapes}."


_NO_WAIT_HELPS = frozenset({Cause.MAX_WORKERS, Cause.UNKNOWN_WORKER_TYPE})
_HELD_WORDS = {
    Cause.MAKES_ROOM: "delayed until warm workers of other types have made room",
    Cause.UPSCALING_SPEED: "delayed by upscaling_speed",
    Cause.LAUNCHES_IN_PROGRESS: "delayed until launches in progress have ended",
    Cause.COOLDOWN: "delayed by the cooldown",
    Cause.MAX_WORKERS: "held by max_workers",
    Cause.NO_ALERT: "held, no alert permits scaling up",
    Cause.PROVIDER_UNAVAILABLE: "held until the workers are known again",
    Cause.LAUNCHES_FAIL: "held, launches of their worker type fail",
    Cause.NO_HOST_HAS_ROOM: "held, no host has room for their worker type",
    Cause.NODES_FULL: "held until a running node has room",
    Cause.PAUSED: "held, scaling up is paused",
    Cause.JOURNAL_UNAVAILABLE: "held until the journal can be written again",
}


def _held(pending: Sequence[PendingShape]) -> Iterator[str]:
    held, partly = Counter[Cause](), set[Cause]()
    for shape in pending:
        if isinstance(shape.cause, Cause) and shape.cause not in (*PASSING, Cause.NO_WORKER_TYPE_FITS):
            held[shape.cause] += shape.count
            partly |= {shape.cause} if shape.partly else set()
    for cause, many in held.most_common():
        words = _HELD_WORDS.get(cause, f"held by {cause.value.replace('_', ' ')}")
        yield f"{plural(many, 'pending request')} {'partly ' if cause in partly else ''}{words}."


def _held_without_demand(proposed: Plan, pending: Sequence[PendingShape]) -> Iterator[str]:
    """What a minimum, request_resources or an alert's step asks for, and no wait will bring."""
    explained = {shape.why for shape in pending}
    for held in proposed.held:
        if held.cause in _NO_WAIT_HELPS and held.reason not in explained and not _of_demand(held, pending):
            yield f"{held.reason}."


def _of_demand(held: Held, pending: Sequence[PendingShape]) -> bool:
    return any(held.shape == shape.shape and held.cause is shape.cause for shape in pending)


def _failing(observation: Observation, now: float) -> Iterator[str]:
    """Worker types whose launches fail, though another type may do their work meanwhile."""
    for name, health in sorted(observation.launch_health.items()):
        if health.failures:
            wait = f"next try in {health.wait(now):.0f} s" if health.wait(now) else "next try is due"
            detail = f": {health.detail}" if health.detail else ""
            yield f"Launches of type {name} fail ({health.failures} in a row, {wait}){detail}."


def _failures(observation: Observation) -> Iterator[str]:
    for worker in observation.workers:
        if worker.state in ENDED or worker.state is WorkerState.JOIN_TIMED_OUT:
            detail = f": {worker.detail}" if worker.detail else ""
            what = {
                WorkerState.TERMINATED: "ended by itself",
                WorkerState.LAUNCH_FAILED: "ended before it joined Ray",
                WorkerState.JOIN_TIMED_OUT: "is up but not in Ray",
                WorkerState.LOST: "is lost, its host is down",
            }[worker.state]
            yield f"{worker.worker_id} {what}{detail}."


def _passing(pending: Sequence[PendingShape]) -> str:
    causes = {shape.cause for shape in pending}
    if Cause.PENDING_DEMAND in causes or Cause.PROBE in causes:
        return "workers launching"
    if Cause.DEMAND_SETTLING in causes:
        return "waiting a moment for the size of the burst"
    if Situation.WORKERS_JOINING in causes:
        return "workers joining"
    return "Ray has room for all of them"


def _pool(proposed: Plan, workers: Sequence[WorkerWhy]) -> str:
    """The workers in one sentence."""
    launched = sum(not action.worker_id for action in proposed.launches)
    counts = Counter(_GROUPS.get(worker.cause, "idle") for worker in workers)
    counts["launching"] = launched
    groups = [f"{counts[group]} {group}" for group in _ORDER if counts[group]]
    return f"{plural(len(workers) + launched, 'worker')}: {', '.join(groups)}." if groups else "No workers."


_GROUPS: dict[Cause | Situation, str] = {
    Situation.WARM: "warm",
    Situation.JOINING: "joining",
    Situation.BUSY: "busy",
    Situation.REMOVING: "draining",
    Situation.NOT_IN_RAY: "not in Ray",
    Cause.SNAPSHOT_UNAVAILABLE: "not in Ray",
    Cause.PROVIDER_UNAVAILABLE: "not in Ray",
}
_ORDER = ("launching", "joining", "busy", "idle", "warm", "draining", "not in Ray")
