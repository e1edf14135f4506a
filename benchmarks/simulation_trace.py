"""A day of work for a simulated cluster: when which task is submitted, what it needs and for how long it runs.

Pure: the same arguments give the same day.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import accumulate

DAY_SECONDS = 86_400.0
QUIETEST_SECONDS = 3 * 3600.0  # three in the night
BIN_SECONDS = 60.0  # the rate is constant for so long
SHAPES = ((1, 0.70), (2, 0.20), (4, 0.10))  # CPUs of a task, and what share of the tasks is like that
SIGMA = 1.2  # of the log-normal task durations: the longest percent runs for more than 16 times the median


@dataclass(frozen=True)
class Day:
    """How a day's work comes: `swing` 0 is the same rate all day, 1 nothing at its quietest."""

    swing: float
    burst_share: float  # of all tasks
    bursts_an_hour: float
    largest_burst: float  # of all tasks


DAYS = {
    "office": Day(swing=0.8, burst_share=0.3, bursts_an_hour=30, largest_burst=0.002),  # people, and their pipelines
    "batch": Day(swing=0.0, burst_share=0.9, bursts_an_hour=6, largest_burst=0.01),  # jobs: quiet, then many at once
    "flat": Day(swing=0.0, burst_share=0.0, bursts_an_hour=0, largest_burst=0),  # a service
}


@dataclass(frozen=True)
class Work:
    """The tasks of one shape in the order of their submission; times in seconds since the day began."""

    cpus: int
    arrivals: tuple[float, ...]
    durations: tuple[float, ...]


@dataclass(frozen=True)
class Trace:
    """A day's work, shape by shape; nothing arrives after `seconds`."""

    works: tuple[Work, ...]
    seconds: float

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return sum(len(work.arrivals) for work in self.works)

    @property
    def cpu_seconds(self) -> float:
        """What all tasks need together."""
        return sum(work.cpus * sum(work.durations) for work in self.works)


def generate(day: Day, *, tasks: int, hours: float, cpu_seconds: float, seed: int) -> Trace:
    """A day of `tasks` tasks that need about `cpu_seconds` in all."""
    rnd = random.Random(seed)  # noqa: S311  # work, not secrets
    seconds = hours * 3600.0
    weights = list(accumulate(_rate(day, (i + 0.5) * BIN_SECONDS) for i in range(math.ceil(seconds / BIN_SECONDS))))
    mean_cpus = sum(cpus * share for cpus, share in SHAPES)
    mu = math.log(cpu_seconds / tasks / mean_cpus) - SIGMA**2 / 2
    in_bursts = round(tasks * day.burst_share)
    times: dict[int, list[float]] = {cpus: [] for cpus, _ in SHAPES}
    for at, cpus in zip(_times(rnd, weights, seconds, tasks - in_bursts), _shapes(rnd, tasks - in_bursts), strict=True):
        times[cpus].append(at)
    for size in _burst_sizes(rnd, in_bursts, day.bursts_an_hour * hours, day.largest_burst * tasks):
        times[_shapes(rnd, 1)[0]] += _times(rnd, weights, seconds, 1) * size
    return Trace(
        tuple(
            Work(cpus, tuple(sorted(arrivals)), tuple(rnd.lognormvariate(mu, SIGMA) for _ in arrivals))
            for cpus, arrivals in times.items()
        ),
        seconds,
    )


def _rate(day: Day, at: float) -> float:
    return 1.0 - day.swing * math.cos(2 * math.pi * (at - QUIETEST_SECONDS) / DAY_SECONDS)


def _times(rnd: random.Random, cumulated: list[float], seconds: float, count: int) -> list[float]:
    bins = rnd.choices(range(len(cumulated)), cum_weights=cumulated, k=count)
    return [min(seconds, (one + rnd.random()) * BIN_SECONDS) for one in bins]


def _shapes(rnd: random.Random, count: int) -> list[int]:
    return rnd.choices([cpus for cpus, _ in SHAPES], [share for _, share in SHAPES], k=count)


def _burst_sizes(rnd: random.Random, tasks: int, bursts: float, most: float) -> list[int]:
    """Sizes that add up to `tasks`: most small, few large (Pareto)."""
    left, sizes, mean = tasks, list[int](), tasks / max(1.0, bursts)
    while left:
        size = max(1, min(left, round(most), round(mean / 3 * rnd.paretovariate(1.5))))
        sizes.append(size)
        left -= size
    return sizes
