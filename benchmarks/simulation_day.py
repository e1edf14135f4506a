"""`simulate(trace, policy, scaler) → Result`: a day of work on a cluster that `scaler` grows and shrinks. Pure."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.simulation_cluster import LAUNCH_SECONDS, STOP_SECONDS, Cluster
from benchmarks.simulation_scalers import Flights

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.simulation_scalers import Scaler
    from benchmarks.simulation_trace import Trace
    from scaler.model.policy import Policy

SAMPLE_SECONDS = 60.0
SHORT_LIFE_SECONDS = 180.0  # idle timeout and a little more: such a worker has hardly worked


@dataclass(frozen=True)
class Sample:
    """One moment: workers there or on their way, CPUs in use, and CPUs that waiting tasks need."""

    at: float
    workers: int
    busy_cpus: int
    waiting_cpus: int


@dataclass(frozen=True)
class Result:
    """What a day came to. `waits` are sorted seconds, one for each task; the rest counts what fell into the day."""

    waits: list[float]
    samples: list[Sample]
    worker_hours: float
    utilization: float
    launches: int
    removals: int
    short_lives: int  # workers removed within SHORT_LIFE_SECONDS of their launch
    median_life: float
    most_workers: int
    plans: int

    def wait(self, quantile: float) -> float:
        """Seconds that this share of the tasks did not wait longer than."""
        if not self.waits:
            return 0.0
        return self.waits[max(0, math.ceil(quantile * len(self.waits)) - 1)]

    def share_over(self, seconds: float) -> float:
        """The share of the tasks that waited longer than this."""
        return 1.0 - bisect.bisect_right(self.waits, seconds) / max(1, len(self.waits))


def simulate(
    trace: Trace,
    policy: Policy,
    scaler: Scaler,
    *,
    begin_with: int = 0,
    seed: int = 0,
    progress: Callable[[float], None] = lambda _at: None,
) -> Result:
    """Run the day, and on until the last task has started; `progress` is called with the simulated second."""
    (kind,) = policy.worker_types
    cpus = int(kind.num_cpus)
    cluster = Cluster(trace, cpus, cores=float(cpus * policy.max_workers), seed=seed)
    cluster.begin_with(begin_with)
    launches, removals = Flights(scaler.flights), Flights(scaler.flights)
    samples, turn, now = list[Sample](), 0, 0.0
    while now <= trace.seconds or not cluster.done:
        cluster.advance(now)
        decision = scaler.decide(cluster, now)
        for index in decision.leaving:
            cluster.let_go(index, removals.lands(now, STOP_SECONDS))
        for _ in range(decision.launches):
            cluster.launch(now, launches.lands(now, LAUNCH_SECONDS))
        if now >= len(samples) * SAMPLE_SECONDS:
            samples.append(Sample(now, len(cluster.workers), cluster.busy_cpus, cluster.waiting_cpus))
            progress(now)
        turn += 1
        now = turn * scaler.interval
    return _result(cluster, samples, scaler.plans)


def _result(cluster: Cluster, samples: list[Sample], plans: int) -> Result:
    cluster.end_of_day()
    return Result(
        waits=sorted(chain.from_iterable(queue.waits for queue in cluster.queues)),
        samples=samples,
        worker_hours=cluster.worker_seconds / 3600.0,
        utilization=cluster.busy_seconds / (cluster.worker_seconds * cluster.cpus) if cluster.worker_seconds else 0.0,
        launches=cluster.launches,
        removals=cluster.removals,
        short_lives=sum(life < SHORT_LIFE_SECONDS for life in cluster.lives),
        median_life=median(cluster.lives) if cluster.lives else 0.0,
        most_workers=cluster.most_workers,
        plans=plans,
    )
