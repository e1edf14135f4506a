"""Number of workers and pending requests over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scaler.journal.journal import Journal
    from scaler.model.decision import Observation

SAMPLE_SECONDS = 10.0  # minimum between samples: at most some 8,000 rows a day


class Sampler:
    """Writes a sample when a value has changed, at most every `SAMPLE_SECONDS`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last: tuple[int, int | None] | None = None
        self._at = 0.0

    def see(self, observation: Observation, now: float) -> None:
        """Record an observation made at `now` (unix seconds) if it is due. Raises `JournalError`."""
        snapshot = observation.snapshot
        pending = snapshot.pending if snapshot and snapshot.demand_known else None
        seen = (sum(worker.counts for worker in observation.workers), pending)
        if seen != self._last and abs(now - self._at) >= SAMPLE_SECONDS:
            self._journal.record_sample(now, *seen)
            self._last, self._at = seen, now
