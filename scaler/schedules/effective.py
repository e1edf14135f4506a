"""The policy that holds at a time, and the next change of it. Pure: the time is an argument."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from scaler.schedules.windows import next_window, window_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scaler.model.cluster import WorkerType
    from scaler.model.policy import Policy
    from scaler.model.schedule import Schedule, TypeBounds

LONGEST_LOOK_SECONDS = 366 * 86400.0
DEFAULT_JOIN_SECONDS = 30.0  # ahead of a window, as long as no worker has joined


class Change(NamedTuple):
    """At `at` (unix seconds) a window of this schedule begins or ends."""

    at: float
    name: str
    begins: bool


def effective(policy: Policy, now: float, ahead: float = 0.0) -> Policy:
    """The policy with the limits of the windows that hold at `now`: the largest minimum, and the smallest maximum.

    Minimums and warm workers of windows that begin within `ahead` seconds count already, so that their workers have
    joined when the window begins; meanwhile no maximum is below them.
    """
    holding = active(policy, now)
    coming = [one for one in policy.schedules if one not in holding and _begins_within(one, now, ahead)]
    if not holding and not coming:
        return policy
    most = _smallest(policy.max_workers, [one.max_workers for one in holding])
    early = _raised(policy.min_workers, [one.min_workers for one in holding], [one.min_workers for one in coming])
    most = max(most, early) if coming else most
    kinds = tuple(_effective_type(kind, policy, most, holding, coming) for kind in policy.worker_types)
    return replace(
        policy,
        min_workers=early,
        max_workers=max(most, sum(kind.min_workers for kind in kinds)) if coming else most,
        worker_types=kinds,
        scheduled=tuple(one.name for one in (*holding, *coming)),
    )


def _effective_type(
    kind: WorkerType, policy: Policy, most: int, holding: Sequence[Schedule], coming: Sequence[Schedule]
) -> WorkerType:
    """The type's limits; one that may have as many workers as the pool still may."""
    now, soon = _bounds(kind, holding), _bounds(kind, coming)
    own = max(kind.max_workers, most) if kind.max_workers >= policy.max_workers else kind.max_workers
    early = _raised(kind.min_workers, [one.min_workers for one in now], [one.min_workers for one in soon])
    return replace(
        kind,
        min_workers=early,
        max_workers=max(_smallest(own, [one.max_workers for one in now]), early),
        warm_workers=_raised(kind.warm_workers, [one.warm_workers for one in now], [one.warm_workers for one in soon]),
    )


def _bounds(kind: WorkerType, schedules: Iterable[Schedule]) -> list[TypeBounds]:
    return [bounds for one in schedules for bounds in one.worker_types if bounds.name == kind.name]


def _raised(own: int, holding: Iterable[int | None], coming: Iterable[int | None]) -> int:
    """The largest minimum of the windows that hold, else the policy's own; what comes can only raise it."""
    now = max((value for value in holding if value is not None), default=own)
    return max([now, *(value for value in coming if value is not None)])


def _smallest(otherwise: int, given: Iterable[int | None]) -> int:
    return min((value for value in given if value is not None), default=otherwise)


def _begins_within(schedule: Schedule, now: float, ahead: float) -> bool:
    window = next_window(schedule, now)
    return window is not None and window.start <= now + ahead


def active(policy: Policy, now: float) -> tuple[Schedule, ...]:
    """The schedules with a window that holds at `now`."""
    return tuple(one for one in policy.schedules if window_at(one, now))


def next_change(policy: Policy, now: float) -> Change | None:
    """The next beginning or end of a window; None if there is none."""
    changes = [change for one in policy.schedules for change in _changes(one, now)]
    return min(changes, default=None)


def seconds_to_look(policy: Policy, now: float, ahead: float) -> float:
    """Seconds until `effective` may be another one; infinite without schedules."""
    changes = [change for one in policy.schedules for change in _changes(one, now)]
    times = [*(change.at for change in changes), *(change.at - ahead for change in changes if change.begins)]
    return min((at - now for at in times if at > now), default=math.inf)


def schedule_lines(policy: Policy, now: float) -> list[str]:
    """Sentences about the schedules of `policy` (as configured): which hold, and the next change; none without any."""
    holding, change = active(policy, now), next_change(policy, now)
    lines = []
    if len(holding) > 1:
        names = ", ".join(one.name for one in holding)
        lines.append(f"Schedules {names} overlap: the largest minimum and the smallest maximum hold.")
    elif holding:
        lines.append(f"Schedule {holding[0].name} holds.")
    if change:
        when = datetime.fromtimestamp(change.at, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        lines.append(f"Schedule {change.name} {'begins' if change.begins else 'ends'} at {when}.")
    return lines


def _changes(schedule: Schedule, now: float) -> Iterable[Change]:
    """The next beginning that changes something, and the end of the window that holds."""
    window, following = window_at(schedule, now), next_window(schedule, now)
    while window and following and following.start <= window.end:  # the next one follows without a gap
        if (window := following).end - now > LONGEST_LOOK_SECONDS:
            return
        following = next_window(schedule, window.start)
    if window and not math.isinf(window.end):
        yield Change(window.end, schedule.name, begins=False)
    elif following:
        yield Change(following.start, schedule.name, begins=True)
