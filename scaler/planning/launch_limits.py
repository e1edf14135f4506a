"""Launches within the limits, shared by all rules that launch workers. Pure: standard library only."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from scaler.model.circuit_breaker import BreakerState
from scaler.model.decision import Action, Cause
from scaler.model.workers import JOINING, ActionKind, WorkerState
from scaler.packing.solver import could_hold
from scaler.planning.context import scale_up_wait
from scaler.planning.reasons import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ray_watcher_common.state import Demand, Gang
    from scaler.model.cluster import WorkerType
    from scaler.planning.context import Context


def launch(context: Context, kinds: Sequence[str], cause: Cause, reason: str) -> None:
    """Launch workers of these types, as far as a pause, back-off, cooldown, room and launches in flight let us."""
    if pause := context.observation.paused_up:
        context.hold(Cause.PAUSED, len(kinds), f"{reason}; scaling up is {pause.text}")
        return
    tried = []
    for name, count in Counter(kinds).items():
        if context.rests(name):
            context.hold(Cause.LAUNCHES_FAIL, count, f"{reason}; but {why_it_rests(context, name)}")
        else:
            tried += [name] * count
    if tried and (wait := scale_up_wait(context.observation, context.policy, context.now)):
        context.hold(Cause.COOLDOWN, len(tried), f"{reason}; cooldown for another {wait:.0f} s")
        return
    room = context.room()
    allowed = [name for name in tried if room.take(name)]
    limit = f"max_workers is {context.policy.max_workers}"
    context.hold(Cause.MAX_WORKERS, len(tried) - len(allowed), f"{reason}; but {limit}")
    names = _within_flights(context, allowed, reason)
    context.actions += [Action(ActionKind.LAUNCH, cause, reason, name) for name in names]


def usable(context: Context, kinds: Iterable[WorkerType]) -> list[WorkerType]:
    """Without the types whose launches fail: another type takes over where one fits."""
    return [kind for kind in kinds if not context.rests(kind.name)]


def waits_for_a_resting_type(context: Context, left: Demand | Gang, kinds: Iterable[WorkerType]) -> bool:
    """Whether one of `kinds` could hold this, had its launches not failed; held back and said if so."""
    room = context.room()
    for kind in kinds:
        if context.rests(kind.name) and room.of(kind.name) and could_hold(left, [kind]):
            reason = f"{plural(left.count, 'request')} wait for type {kind.name}: {why_it_rests(context, kind.name)}"
            context.hold(Cause.LAUNCHES_FAIL, left.count, reason)
            return True
    return False


def why_it_rests(context: Context, worker_type: str) -> str:
    """How often launches of this type have failed, why, and when the next is tried."""
    health = context.health(worker_type)
    rounds = "the last launch" if health.failures == 1 else f"the last {health.failures} launches"
    detail = f" ({health.detail})" if health.detail else ""
    return f"{rounds} of type {worker_type} failed{detail}; next try in {health.wait(context.now):.0f} s"


def _within_flights(context: Context, kinds: Sequence[str], reason: str) -> list[str]:
    """As many as may be in flight beside those that are; what is too much is held."""
    flying = Counter(worker.worker_type for worker in context.staying if worker.state in JOINING)
    flying.update(action.worker_type for action in context.launches)
    there = sum(worker.state is WorkerState.RUNNING for worker in context.staying)
    names, held = list[str](), Counter[tuple[Cause, str]]()
    for name in kinds:
        if limit := _flight_limit(context, name, flying, there):
            held[limit] += 1
        else:
            names.append(name)
            flying[name] += 1
    for (cause, why), count in held.items():
        context.hold(cause, count, f"{reason}; but {why}")
    return names


def _flight_limit(context: Context, name: str, flying: Counter[str], there: int) -> tuple[Cause, str] | None:
    """What forbids one more launch of this type beside those in flight, None where nothing does."""
    policy, kind = context.policy, context.policy.worker_type(name)
    if flying[name] and context.health(name).state(context.now) is BreakerState.HALF_OPEN:
        return Cause.LAUNCHES_FAIL, f"launches of type {name} have failed: one at a time until one has joined"
    if kind and kind.max_launches is not None and flying[name] >= kind.max_launches:
        return Cause.LAUNCHES_IN_PROGRESS, f"{kind.max_launches} of type {name} may be in flight at once (max_launches)"
    if policy.max_launches is not None and flying.total() >= policy.max_launches:
        return Cause.LAUNCHES_IN_PROGRESS, f"{policy.max_launches} may be in flight at once (max_launches)"
    if policy.upscaling_speed is not None:
        most = max(1, math.ceil(policy.upscaling_speed * there))
        if flying.total() >= most:
            return Cause.UPSCALING_SPEED, f"{most} may be in flight while {there} are there (upscaling_speed)"
    return None
