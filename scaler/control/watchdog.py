"""The alert that always fires: while it arrives, Prometheus evaluates rules and Alertmanager delivers."""

from __future__ import annotations

import threading

MISSING_AFTER_SECONDS = 150.0
"""Alertmanager repeats it every minute (prometheus/alertmanager.yml): one lost notification is no alarm."""


class Watchdog:
    """When RayWatchdog was last received, `last` by an earlier process; this one began at `begun` (unix seconds).

    Until the first time it is not expected: an installation may lack its rule or its route.
    """

    def __init__(self, last: float | None = None, begun: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._last = last
        self._begun = begun
        self._ended = False

    def receive(self, now: float, *, firing: bool) -> bool:
        """Note a notification; returns whether the alert came back, or ended: Prometheus no longer sends it."""
        with self._lock:
            was_missing = self._missing_since(now) is not None
            if firing:
                self._last, self._ended = now, False
            else:
                self._ended = self._last is not None
            return was_missing != (self._missing_since(now) is not None)

    def missing_since(self, now: float) -> float | None:
        """When it was last received (unix seconds), if it is missing at `now`; None if it arrives, or never did."""
        with self._lock:
            return self._missing_since(now)

    def _missing_since(self, now: float) -> float | None:
        if self._last is None:
            return None
        late = now - max(self._last, self._begun) > MISSING_AFTER_SECONDS  # nothing is received by what does not run
        if not (self._ended or late):
            return None
        return self._last

    def up(self, now: float) -> float:
        """1 if it arrives, 0 if it is missing, not a number if it has never arrived."""
        with self._lock:
            return float("nan") if self._last is None else float(self._missing_since(now) is None)
