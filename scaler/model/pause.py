"""A pause: the operator holds one direction, for a reason and perhaps until a time. Pure: standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass(frozen=True)
class Pause:
    """Who paused a direction, why, and since when; `until` None: until it is resumed. Times are unix seconds."""

    reason: str
    by: str
    since: float
    until: float | None = None

    def holds(self, now: float) -> bool:
        """Whether it has not ended by itself."""
        return self.until is None or now < self.until

    @property
    def text(self) -> str:
        """`paused since 2026-01-02 03:04 UTC by anna (maintenance), until 2026-01-02 05:04 UTC`."""
        end = "until it is resumed" if self.until is None else f"until {_moment(self.until)}"
        return f"paused since {_moment(self.since)} by {self.by} ({self.reason}), {end}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
