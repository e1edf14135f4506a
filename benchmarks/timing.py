"""Time, processor time and memory, measured the same way everywhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MIB = 1024 * 1024


def seconds_of(call: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def alternating(calls: Sequence[Callable[[], object]], times: int, pause: float = 0.0) -> list[list[float]]:
    """Seconds of each call, `times` rounds of one after the other: what loads the machine meets them all alike.

    Before each call `pause` seconds pass, which do not count.
    """
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(times):
        for seconds, call in zip(taken, calls, strict=True):
            time.sleep(pause)
            seconds.append(seconds_of(call))
    return taken


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Processor time that they have used so far, user and system; one that has ended counts nothing."""
    return sum(_cpu_of(process) for process in processes)


def _cpu_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def cpu_seconds_per_call(
    processes: Sequence[psutil.Process],
    call: Callable[[], object],
    times: int,
    *,
    idle: float = 0.0,
    pause: float = 0.0,
) -> float:
    """Processor time of `processes` for one call, `pause` seconds apart; `idle` is what they use in a second anyway."""
    before, began = cpu_seconds(processes), time.perf_counter()
    for _ in range(times):
        time.sleep(pause)
        call()
    used = cpu_seconds(processes) - before - idle * (time.perf_counter() - began)
    return max(0.0, used / times)


def idle_rate(processes: Sequence[psutil.Process], seconds: float) -> float:
    """Processor seconds per second while nobody asks them anything."""
    before = cpu_seconds(processes)
    time.sleep(seconds)
    return (cpu_seconds(processes) - before) / seconds


def rss_mib(process: psutil.Process) -> float:
    """Resident memory, MiB."""
    return float(process.memory_info().rss) / MIB
