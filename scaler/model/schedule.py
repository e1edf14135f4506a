"""Schedules of a policy: other limits while a window lasts. Pure: standard library only.

`scaler.schedules` has the times.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TypeBounds:
    """Limits of one worker type during a window; None: as otherwise."""

    name: str
    min_workers: int | None = None
    max_workers: int | None = None
    warm_workers: int | None = None


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """From each time that `cron` matches, for `duration` seconds, or until `end` (a cron expression) matches.

    Times are those of the clocks in `timezone`. The limits hold meanwhile instead of those of the policy.
    """

    name: str
    cron: str
    timezone: str = "UTC"
    duration: float | None = None
    end: str | None = None
    min_workers: int | None = None
    max_workers: int | None = None
    worker_types: tuple[TypeBounds, ...] = ()
