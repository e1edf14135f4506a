"""When a schedule's windows begin and end (unix seconds). Pure: the time is an argument.

Expressions are read and matched by cronsim, which does as Debian's cron does on the days on which clocks change: a time
that is skipped is matched right after the gap, one that comes twice is matched once, and `*` hours match each real one.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaler.model.schedule import Schedule

MINUTE = 60.0
HORIZON = datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC"))
"""A time from which expressions are tried, so that what is a mistake does not depend on today: a leap year begins."""


class Window(NamedTuple):
    """One time span of a schedule, from `start` until before `end`."""

    start: float
    end: float


def window_at(schedule: Schedule, now: float) -> Window | None:
    """The window in which `now` lies, None if it lies in none."""
    window = _last_begun(schedule, now // MINUTE)
    return window if window and window.start <= now < window.end else None


def next_window(schedule: Schedule, now: float) -> Window | None:
    """The first window that begins after `now`; None if there is none within cronsim's horizon of 50 years."""
    return _next(schedule, now // MINUTE)


def windows(schedule: Schedule, since: float) -> Iterator[Window]:
    """The windows that begin after `since`, in order."""
    while window := next_window(schedule, since):
        yield window
        since = window.start


@lru_cache(maxsize=1024)
def _last_begun(schedule: Schedule, minute: float) -> Window | None:
    """Windows begin on whole minutes, so that one answer serves a minute."""
    start = _match(schedule, schedule.cron, (minute + 1) * MINUTE, reverse=True)
    return None if start is None else Window(start, _end(schedule, start))


@lru_cache(maxsize=1024)
def _next(schedule: Schedule, minute: float) -> Window | None:
    start = _match(schedule, schedule.cron, minute * MINUTE)
    return None if start is None else Window(start, _end(schedule, start))


def _end(schedule: Schedule, start: float) -> float:
    if schedule.duration is not None:
        return start + schedule.duration
    end = _match(schedule, schedule.end or "", start)
    return float("inf") if end is None else end


def _match(schedule: Schedule, expression: str, at: float, *, reverse: bool = False) -> float | None:
    """The first match after `at`, or with `reverse` the last one before it."""
    moment = datetime.fromtimestamp(at, ZoneInfo(schedule.timezone))
    found = next(CronSim(expression, moment, reverse=reverse), None)
    return None if found is None else found.timestamp()
