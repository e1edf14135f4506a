"""Launches that found no host with room: how long their worker type is held. Pure: standard library only.

That is no failure: nothing is wrong with the type, so the circuit breaker does not count it. The hold ends sooner if a
worker was removed, which makes room.
"""

from __future__ import annotations

from dataclasses import dataclass

NO_ROOM_SECONDS = 30.0  # until the next try: hosts are added and relabelled by people


@dataclass(frozen=True)
class NoRoom:
    """No host had room for a worker of a type at `at` (unix seconds), and why in the provider's words."""

    at: float
    detail: str = ""

    def wait(self, now: float) -> float:
        """Seconds until the next launch may be tried; a time in the future is a clock that was set back."""
        return 0.0 if self.at > now + NO_ROOM_SECONDS else max(0.0, self.at + NO_ROOM_SECONDS - now)
