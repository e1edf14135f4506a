"""A Ray cluster as a discrete-event simulation: tasks wait first in, first out by shape, workers join and leave.

Pure. Tasks are entries of the trace's arrays, not objects: a shape's queue is two counters. Invariant between events:
if a task is pending, no worker has room for it.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scaler.model.workers import lowest_free_index

if TYPE_CHECKING:
    from benchmarks.simulation_trace import Trace, Work

# Measured with real Ray in containers; on 2 cores 4 joined at once in 9 s, 8 in 20 s.
LAUNCH_SECONDS = 0.34  # create and start a container
JOIN_SECONDS = (2.3, 4.0)  # from then until Ray has it, alone
CROWDED_CORE_SECONDS = 4.8  # of each start where cores are short
PICKUP_SECONDS = 0.5  # until the first task runs there
STOP_SECONDS = 1.6  # stop and remove the container of an idle worker
# Ray reports the first 10 waiting tasks of a shape at once and the rest about a second later.
FIRST_REPORT = 10
REPORT_SECONDS = 0.9

HALF = 0.5  # Ray fills nodes up to here in order, then takes the least loaded (its hybrid policy)
END, JOIN, GONE = range(3)


@dataclass(slots=True)
class SimWorker:
    """One worker; `free` CPUs count once it has joined."""

    index: int
    worker_id: str
    launched_at: float
    landed_at: float  # its container is up
    free: int
    joined: bool = False
    leaving: bool = False
    queued: set[int] = field(default_factory=set)  # levels of use in whose heaps it stands


class Queue:
    """The tasks of one shape: submitted, then started, in order."""

    def __init__(self, work: Work) -> None:
        self.cpus, self.arrivals, self.durations = work.cpus, work.arrivals, work.durations
        self.arrived = self.started = self._reported = 0
        self.waits: list[float] = []

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self.arrived - self.started

    def next_arrival(self) -> float:
        """When the next task is submitted."""
        return self.arrivals[self.arrived] if self.arrived < len(self.arrivals) else math.inf

    def shown(self, now: float) -> int:
        """How many Ray reports as pending."""
        if self.waiting <= FIRST_REPORT:
            return self.waiting
        while self._reported < self.arrived and self.arrivals[self._reported] <= now - REPORT_SECONDS:
            self._reported += 1
        return max(FIRST_REPORT, self._reported - self.started)

    def start(self, now: float) -> float:
        """Start the first in the queue; returns how long it will run."""
        task = self.started
        self.started += 1
        self.waits.append(now - self.arrivals[task])
        return self.durations[task]


class Cluster:
    """Workers of one type, and the day's tasks; `cores` are what starting workers share."""

    def __init__(self, trace: Trace, cpus: int, cores: float, seed: int = 0) -> None:
        self.cpus, self._cores, self._seconds = cpus, cores, trace.seconds
        self.queues = tuple(Queue(work) for work in trace.works)
        self.workers: dict[int, SimWorker] = {}
        self.idle_since: OrderedDict[int, float] = OrderedDict()  # the longest idle first
        self.joining = self.in_ray = self.busy_cpus = self.launches = self.removals = self.most_workers = 0
        self.busy_seconds = self.worker_seconds = 0.0  # CPU-seconds of tasks, seconds of workers, within the day
        self.lives: list[float] = []
        self._rnd = random.Random(seed)  # noqa: S311  # join times, not secrets
        self._events: list[tuple[float, int, int, int]] = []
        self._levels: list[list[int]] = [[] for _ in range(cpus + 1)]  # by CPUs in use: heaps of worker indexes
        self._eager = math.ceil(cpus * HALF)

    # --- what a scaler sees ---------------------------------------------------------------------------

    def shown(self, now: float) -> tuple[int, ...]:
        """Waiting tasks by shape, as Ray reports them."""
        return tuple(queue.shown(now) for queue in self.queues)

    @property
    def waiting_cpus(self) -> int:
        """CPUs that waiting tasks need."""
        return sum(queue.cpus * queue.waiting for queue in self.queues)

    @property
    def done(self) -> bool:
        """Whether every task of the day has started."""
        return all(queue.started == len(queue.arrivals) for queue in self.queues)

    # --- what a scaler does ---------------------------------------------------------------------------

    def launch(self, now: float, landed_at: float) -> None:
        """One more worker, decided `now`, its container up at `landed_at`."""
        index = self._new_index()
        self.workers[index] = SimWorker(index, f"worker-{index}-{self.launches:06x}", now, landed_at, self.cpus)
        self.launches += 1
        self.joining += 1
        self.most_workers = max(self.most_workers, len(self.workers))
        seconds = max(self._rnd.uniform(*JOIN_SECONDS), CROWDED_CORE_SECONDS * self.joining / self._cores)
        heapq.heappush(self._events, (landed_at + seconds + PICKUP_SECONDS, JOIN, index, 0))

    def let_go(self, index: int, gone_at: float) -> None:
        """An idle worker takes no more work, and is gone at `gone_at`."""
        self.workers[index].leaving = True
        del self.idle_since[index]
        self.in_ray -= 1
        heapq.heappush(self._events, (gone_at, GONE, index, 0))

    def begin_with(self, count: int) -> None:
        """Workers that exist before the day begins; they are not launches."""
        for _ in range(count):
            index = self._new_index()
            self.workers[index] = SimWorker(index, f"worker-{index}-ffff{index:02x}", 0.0, 0.0, self.cpus)
            self.joining += 1
            self._join(0.0, self.workers[index])
        self.most_workers = max(self.most_workers, count)

    def _new_index(self) -> int:
        return lowest_free_index(self.workers.keys())

    # --- time -----------------------------------------------------------------------------------------

    def advance(self, until: float) -> None:
        """All that happens up to `until`, in order."""
        events, queues = self._events, self.queues
        arriving = min(queues, key=Queue.next_arrival)
        arrival = arriving.next_arrival()
        while True:
            if events and events[0][0] <= arrival:
                if events[0][0] > until:
                    break
                at, kind, index, cpus = heapq.heappop(events)
                self._happen(at, kind, self.workers[index], cpus)
            else:
                if arrival > until or arrival == math.inf:
                    break
                self._arrive(arrival, arriving)
                arriving = min(queues, key=Queue.next_arrival)
                arrival = arriving.next_arrival()

    def end_of_day(self) -> None:
        """Count what the workers that are still there have cost."""
        for worker in self.workers.values():
            self._count_life(worker, self._seconds)

    def _happen(self, at: float, kind: int, worker: SimWorker, cpus: int) -> None:
        if kind == END:
            worker.free += cpus
            self.busy_cpus -= cpus
            self._serve(at, worker)
        elif kind == JOIN:
            self._join(at, worker)
        else:
            del self.workers[worker.index]
            self.removals += 1
            self.lives.append(at - worker.launched_at)
            self._count_life(worker, at)

    def _count_life(self, worker: SimWorker, until: float) -> None:
        self.worker_seconds += max(0.0, min(until, self._seconds) - worker.launched_at)

    def _join(self, at: float, worker: SimWorker) -> None:
        worker.joined = True
        self.joining -= 1
        self.in_ray += 1
        self._serve(at, worker)

    def _arrive(self, at: float, queue: Queue) -> None:
        queue.arrived += 1
        if queue.waiting == 1 and (worker := self._with_room(queue.cpus)):
            self._run(at, worker, queue)
            self._offer(worker)

    def _serve(self, at: float, worker: SimWorker) -> None:
        """Give this worker's room to those that have waited longest of what fits."""
        while fitting := [queue for queue in self.queues if queue.waiting and queue.cpus <= worker.free]:
            self._run(at, worker, min(fitting, key=lambda queue: queue.arrivals[queue.started]))
        if worker.free == self.cpus:
            self.idle_since[worker.index] = at
        self._offer(worker)

    def _run(self, at: float, worker: SimWorker, queue: Queue) -> None:
        duration = queue.start(at)
        if worker.free == self.cpus:
            self.idle_since.pop(worker.index, None)
        worker.free -= queue.cpus
        self.busy_cpus += queue.cpus
        day = self._seconds
        self.busy_seconds += queue.cpus * max(0.0, min(at + duration, day) - min(at, day))
        heapq.heappush(self._events, (at + duration, END, worker.index, queue.cpus))

    def _offer(self, worker: SimWorker) -> None:
        level = self.cpus - worker.free
        if worker.free and level not in worker.queued:
            worker.queued.add(level)
            heapq.heappush(self._levels[level], worker.index)

    def _with_room(self, cpus: int) -> SimWorker | None:
        """The worker that Ray would take: of those less than half in use the first, else the least loaded."""
        first: SimWorker | None = None
        for level in range(self.cpus - cpus + 1):
            if level >= self._eager and first:
                break
            found = self._first_at(level)
            if found and (first is None or found.index < first.index):
                first = found
        return first

    def _first_at(self, level: int) -> SimWorker | None:
        """The first worker with that many CPUs in use; forgets those that have moved on."""
        heap = self._levels[level]
        while heap:
            worker = self.workers.get(heap[0])
            if worker and worker.joined and not worker.leaving and worker.free == self.cpus - level:
                return worker
            gone = heapq.heappop(heap)
            if worker := self.workers.get(gone):
                worker.queued.discard(level)
        return None
