"""One read at a time for any number of scrapers; each waits only a moment.

A scraper joins the read that is in progress or has just ended, or starts one, waits for `patience`, and otherwise uses
the last state with its age. So ten scrapers at once cost Ray one call, and a frozen Ray delays a scrape by `patience`
at most. Since reads follow one another here, this is also the place to note since when something has been pending.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from exporter.sources.chain import Reading, Source, read_first
from ray_watcher_common.state import sound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exporter.sources.chain import ClusterSource
    from ray_watcher_common.state import ClusterState

log = structlog.get_logger()
SHARED_SECONDS = 0.1  # scrapers within this time share a read; Ray's own figures lag by more
MOST_LOGGED = 5
NEVER: Mapping[Source, int] = dict.fromkeys(Source, 0)


@dataclass(frozen=True)
class View:
    """A state that may be acted on, or None and the reasons; and statistics of the reads so far."""

    state: ClusterState | None
    age_seconds: float = 0.0
    problems: Mapping[str, str] = field(default_factory=dict)
    durations: Mapping[Source, float] = field(default_factory=dict)  # of the last read of each, in seconds
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
        self._read: Future[None] | None = None
        self._ended_at = float("-inf")
        self._reading = Reading(None)
        self._pending_since: float | None = None  # unix seconds
        self._durations: dict[Source, float] = {}
        self._collects = dict(NEVER)
        self._errors = dict(NEVER)
        self._left_out = False

    def latest(self) -> View:
        """A fresh view if one comes within `patience` seconds, else the last one. Never raises, never hangs."""
        wait([self._join_read()], timeout=self._patience)
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

    def _join_read(self) -> Future[None]:
        with self._lock:
            if self._read is None or (self._read.done() and not 0 <= self._now() - self._ended_at < self._shared):
                read: Future[None] = Future()
                threading.Thread(target=self._run, args=(read,), name="read-cluster", daemon=True).start()
                self._read = read
            return self._read

    def _run(self, read: Future[None]) -> None:
        reading = read_first(self._sources, self._now())
        if reading.state:
            state, left_out = sound(reading.state)
            reading = replace(reading, state=self._with_pending_since(state))
            self._log_left_out(left_out)
        with self._lock:
            before, self._reading = self._reading, reading
            self._ended_at = self._now()
            for attempt in reading.attempts:
                self._durations[attempt.source] = attempt.seconds
                self._collects[attempt.source] += 1
                self._errors[attempt.source] += bool(attempt.problem)
        read.set_result(None)
        _log_change(before, reading)

    def _log_left_out(self, problems: Sequence[str]) -> None:
        """Log what cannot be true of the cluster, when it begins."""
        if problems and not self._left_out:
            log.warning("unusable items left out", number=len(problems), problems=list(problems[:MOST_LOGGED]))
        self._left_out = bool(problems)

    def _with_pending_since(self, state: ClusterState) -> ClusterState:
        """`state` with the time of the first read with pending demand, kept until a read without any."""
        if not state.demand_known:
            return state
        if not state.pending:
            self._pending_since = None
        elif self._pending_since is None:
            self._pending_since = state.observed_at
        return replace(state, pending_since=self._pending_since)


def _log_change(before: Reading, after: Reading) -> None:
    """Log a line when the answering source changes, not for each scrape."""
    old, new = (reading.state.source if reading.state else None for reading in (before, after))
    if after.state is None and (old is not None or not before.attempts):
        log.warning("no source available", **after.problems)
    elif old != new and new is not None:
        log.info("source changed", source=new, **after.problems)
