"""What forbids a launch: one ordered list of rules; the first that forbids it is the cause.

A rule is how many more workers it permits. To add a limit, add its cause to `scaler.model.decision.Cause` and its
rule to `LIMITS`. Pure: standard library only.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from scaler.model.circuit_breaker import BreakerState
from scaler.model.decision import DEMAND_CAUSES, Cause
from scaler.model.workers import WorkerState
from scaler.packing.room import Room
from scaler.planning.context import scale_up_wait
from scaler.planning.reasons import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from scaler.planning.context import Context

ANY_NUMBER = 10**9


class Scope(Enum):
    """What a limit counts: workers of one type, or of the whole pool."""

    WORKER_TYPE = "worker type"
    POOL = "pool"


@dataclass(frozen=True)
class LaunchLimit:
    """One rule: how many more workers of a type it permits to launch now, and the sentence if that is too few."""

    name: str
    cause: Cause
    scope: Scope
    left: Callable[[Context, str], int]
    sentence: Callable[[Context, str], str]
    only_for: frozenset[Cause] = frozenset(Cause)  # the causes of launches that it limits

    def key(self, worker_type: str) -> tuple[str, str]:
        """What is counted together."""
        return self.name, worker_type if self.scope is Scope.WORKER_TYPE else ""


def launch(context: Context, wanted: Mapping[str, int] | Iterable[str], cause: Cause, purpose: str) -> None:
    """Launch the workers `wanted` (by type) for this `purpose`, as far as every limit permits; hold the rest."""
    asked = Counter(wanted)
    used = Counter[tuple[str, str]]()
    granted = Counter[str]()
    for name, count in asked.items():
        rest = count
        for limit in LIMITS:
            if cause not in limit.only_for or not rest:
                continue
            permitted = min(rest, max(0, limit.left(context, name) - used[limit.key(name)]))
            reason = f"{plural(rest - permitted, 'worker')} of type {name} {purpose}: {limit.sentence(context, name)}"
            context.hold(limit.cause, rest - permitted, reason, worker_type=name)
            rest = permitted
        granted[name] = rest
        used.update({limit.key(name): rest for limit in LIMITS})
    reason = f"launching {plural(granted.total(), 'worker')} {purpose}"
    for name, count in granted.items():
        context.launch(name, count, cause, reason)


def room_in_progress(context: Context) -> Room:
    """How many workers may be launched now, as far as limits on launches in progress are concerned."""
    names = [kind.name for kind in context.policy.worker_types]
    of_types = {name: min(_left(context, name, Scope.WORKER_TYPE)) for name in names}
    return Room(min(_left(context, "", Scope.POOL)), of_types)


def _left(context: Context, name: str, scope: Scope) -> list[int]:
    return [limit.left(context, name) for limit in IN_PROGRESS if limit.scope is scope]


def why_it_backs_off(context: Context, worker_type: str) -> tuple[Cause, str]:
    """The cause and the sentence of a type that backs off."""
    if context.fails(worker_type):
        return Cause.LAUNCHES_FAIL, why_it_fails(context, worker_type)
    return Cause.NO_HOST_HAS_ROOM, why_it_has_no_room(context, worker_type)


def why_it_has_no_room(context: Context, worker_type: str) -> str:
    """Why no host has room for this type, and when the next launch is tried."""
    found = context.no_room(worker_type)
    if found is None:
        return ""
    detail = f" ({found.detail})" if found.detail else ""
    return f"no host has room for type {worker_type}{detail}, next try in {found.wait(context.now):.0f} s"


def why_it_fails(context: Context, worker_type: str) -> str:
    """How often launches of this type have failed, why, and when the next is tried."""
    health = context.health(worker_type)
    times = "the last launch" if health.failures == 1 else f"the last {health.failures} launches"
    detail = f" ({health.detail})" if health.detail else ""
    return f"{times} of type {worker_type} failed{detail}, next try in {health.wait(context.now):.0f} s"


# --- the rules ------------------------------------------------------------------------------------------


def _unless(forbidden: object) -> int:
    return 0 if forbidden else ANY_NUMBER


def _known(context: Context, name: str) -> int:
    return _unless(context.policy.worker_type(name) is None)


def _types_of_the_policy(context: Context, name: str) -> str:
    types = ", ".join(kind.name for kind in context.policy.worker_types)
    return f"the policy has no worker type {name}, only {types}"


def _paused(context: Context, _name: str) -> str:
    pause = context.observation.paused_up
    return f"scaling up is {pause.text}" if pause else ""


def _allowed(context: Context, name: str) -> int:
    return _unless(not context.observation.up.allows(name))


def _no_alert(context: Context, name: str) -> str:
    up = context.observation.up
    return f"no alert permits scaling up type {name} ({up.names} does not)" if up else "no alert permits scaling up"


def _max_of_pool(context: Context, _name: str) -> str:
    return f"the pool is at its max_workers of {context.policy.max_workers} (WATCHER_MAX_WORKERS)"


def _max_of_type(context: Context, name: str) -> str:
    kind = context.policy.worker_type(name)
    return f"type {name} is at its own max_workers of {kind.max_workers if kind else 0} (policy file)"


def _one_while_half_open(context: Context, name: str) -> int:
    half_open = context.health(name).state(context.now) is BreakerState.HALF_OPEN
    return max(0, 1 - context.in_progress()[name]) if half_open else ANY_NUMBER


def _max_launches_of_type(context: Context, name: str) -> int:
    kind = context.policy.worker_type(name)
    if kind is None or kind.max_launches is None:
        return ANY_NUMBER
    return max(0, kind.max_launches - context.in_progress()[name])


def _text_of_max_launches_of_type(context: Context, name: str) -> str:
    kind = context.policy.worker_type(name)
    return f"at most {kind.max_launches if kind else 0} launches of the type in progress at once (max_launches)"


def _max_launches(context: Context, _name: str) -> int:
    most = context.policy.max_launches
    return ANY_NUMBER if most is None else max(0, most - context.in_progress().total())


def _running(context: Context) -> int:
    return sum(worker.state is WorkerState.RUNNING for worker in context.staying)


def _most_by_speed(context: Context) -> int:
    speed = context.policy.upscaling_speed
    return ANY_NUMBER if speed is None else max(1, math.ceil(speed * _running(context)))


def _upscaling_speed(context: Context, _name: str) -> int:
    return max(0, _most_by_speed(context) - context.in_progress().total())


def _text_of_speed(context: Context, _name: str) -> str:
    most, running = _most_by_speed(context), _running(context)
    return f"at most {most} launches in progress while {plural(running, 'worker')} run (upscaling_speed)"


PERMISSION = (
    LaunchLimit("unknown type", Cause.UNKNOWN_WORKER_TYPE, Scope.WORKER_TYPE, _known, _types_of_the_policy),
    LaunchLimit(
        "no alert",
        Cause.NO_ALERT,
        Scope.WORKER_TYPE,
        _allowed,
        _no_alert,
        frozenset({Cause.PENDING_DEMAND, Cause.PROBE}),
    ),
    LaunchLimit("paused", Cause.PAUSED, Scope.POOL, lambda context, _: _unless(context.observation.paused_up), _paused),
    LaunchLimit(
        "back-off",
        Cause.LAUNCHES_FAIL,
        Scope.WORKER_TYPE,
        lambda context, name: _unless(context.fails(name)),
        why_it_fails,
    ),
    LaunchLimit(
        "no room",
        Cause.NO_HOST_HAS_ROOM,
        Scope.WORKER_TYPE,
        lambda context, name: _unless(context.has_no_room(name)),
        why_it_has_no_room,
    ),
    LaunchLimit(
        "cooldown",
        Cause.COOLDOWN,
        Scope.POOL,
        lambda context, _: _unless(scale_up_wait(context.observation, context.policy, context.now)),
        lambda context, _: (
            f"delayed by cooldown, {scale_up_wait(context.observation, context.policy, context.now):.0f} s left"
        ),
        DEMAND_CAUSES,
    ),
)
PLACES = (
    LaunchLimit(
        "max_workers", Cause.MAX_WORKERS, Scope.POOL, lambda context, _: max(0, context.room().total), _max_of_pool
    ),
    LaunchLimit(
        "max_workers of the type",
        Cause.MAX_WORKERS,
        Scope.WORKER_TYPE,
        lambda context, name: context.room().by_type.get(name, 0),
        _max_of_type,
    ),
)
IN_PROGRESS = (
    LaunchLimit(
        "half open",
        Cause.LAUNCHES_FAIL,
        Scope.WORKER_TYPE,
        _one_while_half_open,
        lambda _, name: f"launches of type {name} have failed, one at a time until one has joined",
    ),
    LaunchLimit(
        "max_launches of the type",
        Cause.LAUNCHES_IN_PROGRESS,
        Scope.WORKER_TYPE,
        _max_launches_of_type,
        _text_of_max_launches_of_type,
    ),
    LaunchLimit(
        "max_launches",
        Cause.LAUNCHES_IN_PROGRESS,
        Scope.POOL,
        _max_launches,
        lambda context, _: f"at most {context.policy.max_launches} launches in progress at once (max_launches)",
    ),
    LaunchLimit("upscaling_speed", Cause.UPSCALING_SPEED, Scope.POOL, _upscaling_speed, _text_of_speed),
)
LIMITS = (*PERMISSION, *PLACES, *IN_PROGRESS)
