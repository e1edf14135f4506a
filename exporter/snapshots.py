"""One read at a time, for any number of scrapers, and nobody waits long for it.

A reader joins the read that is under way or has just ended, or starts one, waits a moment, and otherwise takes the
last one with its age. So ten scrapers at once cost Ray one call, and a frozen Ray delays a scrape by `patience` and
never more. Here, where one read follows another, it shows since when something has been waiting.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from exporter.sources import Reading, Source, read_first

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exporter.sources import ClusterSource
    from ray_watcher_common.state import ClusterState

log = structlog.get_logger()
SHARED_SECONDS = 0.1  # scrapers of the same moment are this far apart; Ray's own figures lag by more
NEVER: Mapping[Source, int] = dict.fromkeys(Source, 0)


@dataclass(frozen=True)
class View:
    """What a reader gets: a state that may be acted on, or None and the reasons; and how the reads went so far."""

    state: ClusterState | None
    age_seconds: float = 0.0
    problems: Mapping[str, str] = field(default_factory=dict)
    durations: Mapping[Source, float] = field(default_factory=dict)  # seconds of the last question to each
    collects: Mapping[Source, int] = field(default_factory=lambda: NEVER)
    errors: Mapping[Source, int] = field(default_factory=lambda: NEVER)


class Snapshots:
    """The latest reading of `sources`; a state older than `stale_after` seconds counts as none.

    A read that ended less than `shared` seconds ago is not repeated.
    """

    def __init__(
        self,
        sources: Sequence[ClusterSource],
        now: Callable[[], float],
        *,
        stale_after: float,
        patience: float,
        shared: float = 0.0,
    ) -> None:
        self._sources = sources
        self._now = now
        self._stale_after = stale_after
        self._patience = patience
        self._shared = shared
        self._lock = threading.Lock()
        self._flight: Future[None] | None = None
        self._landed_at = float("-inf")
        self._reading = Reading(None)
        self._pending_since: float | None = None  # unix seconds
        self._durations: dict[Source, float] = {}
        self._collects = dict(NEVER)
        self._errors = dict(NEVER)

    def latest(self) -> View:
        """A fresh view if one comes within `patience` seconds, else the last one. Never raises, never hangs."""
        wait([self._join_flight()], timeout=self._patience)
        with self._lock:
            state, age, problems = self._usable(self._reading)
            return View(state, age, problems, dict(self._durations), dict(self._collects), dict(self._errors))

    def _usable(self, reading: Reading) -> tuple[ClusterState | None, float, dict[str, str]]:
        if reading.state is None:
            return None, 0.0, reading.problems or {"exporter": "the first read has not ended yet"}
        age = max(0.0, self._now() - reading.state.observed_at)
        if age <= self._stale_after:
            return reading.state, age, reading.problems
        stale = f"the last answer is {age:.0f} s old, wanted at most {self._stale_after:g} s"
        return None, 0.0, {**reading.problems, reading.state.source: stale}

    def _join_flight(self) -> Future[None]:
        with self._lock:
            if self._flight is None or (self._flight.done() and not 0 <= self._now() - self._landed_at < self._shared):
                flight: Future[None] = Future()
                threading.Thread(target=self._fly, args=(flight,), name="read-cluster", daemon=True).start()
                self._flight = flight
            return self._flight

    def _fly(self, flight: Future[None]) -> None:
        reading = read_first(self._sources, self._now())
        if reading.state:
            reading = replace(reading, state=self._with_pending_since(reading.state))
        with self._lock:
            before, self._reading = self._reading, reading
            self._landed_at = self._now()
            for attempt in reading.attempts:
                self._durations[attempt.source] = attempt.seconds
                self._collects[attempt.source] += 1
                self._errors[attempt.source] += bool(attempt.problem)
        flight.set_result(None)
        _tell_change(before, reading)

    def _with_pending_since(self, state: ClusterState) -> ClusterState:
        """`state` with the time of the first read that saw something wait; only one that sees nothing wait ends it."""
        if not state.demand_known:
            return state
        if not state.pending:
            self._pending_since = None
        elif self._pending_since is None:
            self._pending_since = state.observed_at
        return replace(state, pending_since=self._pending_since)


def _tell_change(before: Reading, after: Reading) -> None:
    """One line in the log when another source answers, or none; not one for each scrape."""
    old, new = (reading.state.source if reading.state else None for reading in (before, after))
    if after.state is None and (old is not None or not before.attempts):
        log.warning("no source answers", **after.problems)
    elif old != new and new is not None:
        log.info("source answers", source=new, **after.problems)
