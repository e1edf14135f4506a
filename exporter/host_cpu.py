"""Physical CPU of this host, over a window that no number of scrapers can shrink."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_SECONDS = 1.0  # shorter ones show single ticks of the kernel's clock


class HostCpu:
    """Busy share since the last measurement that is at least `WINDOW_SECONDS` old; `now` counts seconds."""

    def __init__(self, now: Callable[[], float], cpu_times: Callable[[], tuple[float, float]] | None = None) -> None:
        self._now = now
        self._cpu_times = cpu_times or busy_and_total
        self._lock = threading.Lock()
        self._at, self._times = now(), self._cpu_times()
        self._ratio: float | None = None

    def ratio(self) -> float | None:
        """0 to 1, or None before the first window has passed."""
        with self._lock:
            if self._now() - self._at >= WINDOW_SECONDS:
                before, self._times = self._times, self._cpu_times()
                self._at = self._now()
                busy, total = (new - old for new, old in zip(self._times, before, strict=True))
                self._ratio = min(1.0, max(0.0, busy / total)) if total > 0 else self._ratio
            return self._ratio


def busy_and_total() -> tuple[float, float]:
    """CPU seconds since boot, of all processors; time waiting for a disk is idle, a guest is counted within user."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    total = sum(times) - guests
    return total - idle, total
