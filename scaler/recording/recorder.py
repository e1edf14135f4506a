"""Writes the recording in a thread of its own. The loop only hands over values, which costs microseconds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from scaler.model.errors import JournalError, RecordingError
from scaler.recording.segments import Writer

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge

    from scaler.model.ports import Clock
    from scaler.recording.moment import Moment
    from scaler.recording.store import RecordingStore, Retention

log = structlog.get_logger()

EVERY_SECONDS = 1.0  # at most one moment without actions is recorded in this time
FLUSH_SECONDS = 10.0  # a crash loses at most the moments of this time
TIDY_SECONDS = 60.0
MOST_WAITING = 100  # moments with actions; the oldest gives way


class Recorder:
    """Takes moments from the loop, and writes those that differ. Problems are logged and counted, never raised."""

    def __init__(
        self, store: RecordingStore, retention: Retention, clock: Clock, *, size: Gauge, errors: Counter
    ) -> None:
        self._store, self._retention, self._clock = store, retention, clock
        self._size, self._errors = size, errors
        self._lock = threading.Lock()
        self._waiting: list[Moment] = []
        self._writer = Writer()
        self._flushed_at = self._tidied_at = float("-inf")
        self._failing = False
        self._thread: threading.Thread | None = None

    def see(self, moment: Moment) -> None:
        """Take a moment. Those that act are all kept; of the others only the newest."""
        with self._lock:
            if self._waiting and not self._waiting[-1].plan.actions:
                self._waiting.pop()
            self._waiting = [*self._waiting[-MOST_WAITING:], moment]

    def start(self, stop: threading.Event) -> None:
        """Start the thread that writes until `stop` is set; a retention of no bytes records nothing."""
        if self._retention.size:
            self._thread = threading.Thread(target=self.run, args=(stop,), name="recorder", daemon=True)
            self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the thread to write the rest and end."""
        if self._thread:
            self._thread.join(seconds)

    def run(self, stop: threading.Event) -> None:
        """Write until `stop` is set."""
        while not stop.wait(EVERY_SECONDS):
            self.write()
        self.write(finish=True)

    def write(self, *, finish: bool = False) -> None:
        """Write what has been seen since the last call; what is left of a batch too if this is the end."""
        try:
            self._write(finish=finish)
            self._failing = False
        except (JournalError, RecordingError, TypeError, ValueError) as error:  # also of a value JSON has no word for
            self._errors.inc()
            self._writer = Writer()  # the next moment begins a group, which needs nothing that was lost
            if not self._failing:
                log.warning("recording interrupted", problem=str(error))
            self._failing = True

    def _write(self, *, finish: bool) -> None:
        with self._lock:
            moments, self._waiting = self._waiting, []
        for moment in moments:
            if segment := self._writer.add(moment):
                self._store.append(segment)
        now = self._clock.now()
        if finish or abs(now - self._flushed_at) >= FLUSH_SECONDS:
            self._flushed_at = now
            if segment := self._writer.take():
                self._store.append(segment)
        if abs(now - self._tidied_at) >= TIDY_SECONDS:
            self._tidied_at = now
            self._store.thin(self._retention, now)
            self._size.set(self._store.bound(self._retention, now))
