"""One greedy way to pack: take the best worker, fill it, take the next. Pure: standard library only."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scaler.model import Demand, Gang, ResourceBundle, Strategy, WorkerType, bundle
from scaler.slots import Slot, Slots, fresh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scaler.preferences import Order, Score

RESCORED_GROUPS = 50  # so many different workers are compared for each step; more are filled in one fixed order


@dataclass
class Room:
    """How many workers may yet be launched, over all and by type."""

    total: int
    by_type: dict[str, int]

    def of(self, worker_type: str) -> int:
        """How many of this type."""
        return max(0, min(self.total, self.by_type.get(worker_type, 0)))

    def take(self, worker_type: str, count: int = 1) -> bool:
        """Use up `count` places if there are as many."""
        if self.of(worker_type) < count:
            return False
        self.total -= count
        self.by_type[worker_type] -= count
        return True

    def copy(self) -> Room:
        """One to try with."""
        return Room(self.total, dict(self.by_type))

    def with_(self, workers: Mapping[WorkerType, int]) -> Room:
        """The room there would be without these workers."""
        by_type = Counter(self.by_type)
        for kind, count in workers.items():
            by_type[kind.name] += count
        return Room(self.total + sum(workers.values()), dict(by_type))


@dataclass(frozen=True)
class Outcome:
    """Where one greedy way ended."""

    workers: list[Slots]
    demands_left: tuple[Demand, ...]
    gangs_left: tuple[Gang, ...]
    joining: Counter[WorkerType]

    def launched(self) -> tuple[WorkerType, ...]:
        """The workers beyond the joining ones."""
        counts = Counter[WorkerType]()
        for group in self.workers:
            if group.slot.worker_type:
                counts[group.slot.worker_type] += group.count
        return tuple((counts - self.joining).elements())

    def cost(self) -> tuple[float, ...]:
        """Requests unserved, workers, GPUs and CPUs left over: the first difference decides."""
        new = [group for group in self.workers if group.slot.worker_type]
        unserved = sum(d.count for d in self.demands_left) + sum(g.count for g in self.gangs_left)
        gpus, cpus = (sum(g.slot.free.get(name, 0.0) * g.count for g in new) for name in ("GPU", "CPU"))
        return (unserved, len(self.launched()), gpus, cpus)


@dataclass(frozen=True)
class Way:
    """One greedy way: in which order requests are taken, and which worker is the best for them."""

    order: Order
    score: Score
    joining: Counter[WorkerType]

    def run(
        self,
        demands: Sequence[Demand],
        gangs: Sequence[Gang],
        present: Sequence[Slots],
        worker_types: Sequence[WorkerType],
        room: Room,
    ) -> Outcome:
        """Gangs whole or not at all, then the rest; into `present` first, then into what `room` allows."""
        workers, gangs_left = list(present), []
        for gang in gangs:
            trial = room.copy()
            served, left = self.serve(requests_of(gang), workers, worker_types, trial, spread=_is_spread(gang))
            if left:
                gangs_left.append(gang)
            else:
                workers, room = served, trial
        workers, demands_left = self.serve(demands, workers, worker_types, room)
        return Outcome(workers, tuple(demands_left), tuple(gangs_left), self.joining)

    def serve(
        self,
        demands: Iterable[Demand],
        workers: Sequence[Slots],
        worker_types: Sequence[WorkerType],
        room: Room,
        *,
        spread: bool = False,
    ) -> tuple[list[Slots], list[Demand]]:
        """All workers afterwards, old and new, and the demand that found no place. Uses up `room`."""
        left, at_most = sorted((d for d in demands if d.count), key=self.order), 1 if spread else None
        used, left = self._use(workers, left, at_most)
        new, left = self._launch(worker_types, room, left, at_most)
        return used + new, left

    def _use(
        self, workers: Sequence[Slots], left: list[Demand], at_most: int | None
    ) -> tuple[list[Slots], list[Demand]]:
        """Fill workers that are there, the best first."""
        done: list[Slots] = []
        pool = deque(sorted(workers, key=lambda group: group.slot.free.get("GPU", 0.0) > 0))
        while left and pool:
            window = [pool.popleft() for _ in range(len(pool) if len(pool) <= RESCORED_GROUPS else 1)]
            best = self._best(window, left, at_most)
            if best is None:
                done += window
                continue
            done.append(Slots(best.slot, best.times))
            pool.extendleft(group for group in reversed(window) if group is not best.group)
            if best.group.count > best.times:
                pool.append(replace(best.group, count=best.group.count - best.times))
            left = best.leaves(left)
        return [*done, *pool], left

    def _launch(
        self, worker_types: Sequence[WorkerType], room: Room, left: list[Demand], at_most: int | None
    ) -> tuple[list[Slots], list[Demand]]:
        """Fill new workers, the best first, until the demand or the room is used up."""
        done: list[Slots] = []
        while left:
            pool = [Slots(fresh(kind), room.of(kind.name)) for kind in worker_types if room.of(kind.name)]
            best = self._best(pool, left, at_most)
            if best is None or (kind := best.group.slot.worker_type) is None:
                break
            room.take(kind.name, best.times)
            done.append(Slots(best.slot, best.times))
            left = best.leaves(left)
        return done, left

    def _best(self, pool: Sequence[Slots], left: Sequence[Demand], at_most: int | None) -> _Step | None:
        """The best worker for what is left, as often in a row as it stays the best."""
        options = []
        for group in pool:
            slot, taken = group.slot.filled(left, at_most=at_most)
            if any(taken):
                options.append((group, slot, taken))
        if not options:
            return None
        totals = _sum((demand.shape, demand.count) for demand in left) if len(options) > 1 else {}

        def score(option: tuple[Slots, Slot, tuple[int, ...]]) -> tuple[float, ...]:
            group, slot, taken = option
            return self.score(group.slot, slot, list(zip(left, taken, strict=True)), totals)

        group, slot, taken = max(options, key=score) if len(options) > 1 else options[0]
        repeats = (d.count // n for _, _, counts in options for d, n in zip(left, counts, strict=True) if n)
        return _Step(group, slot, taken, min(group.count, *repeats))


@dataclass(frozen=True)
class _Step:
    """`times` workers of `group`, each of which takes `taken` and is `slot` then."""

    group: Slots
    slot: Slot
    taken: tuple[int, ...]
    times: int

    def leaves(self, left: Sequence[Demand]) -> list[Demand]:
        """What is left of the demand after this step."""
        rest = []
        for demand, taken in zip(left, self.taken, strict=True):
            if not taken:
                rest.append(demand)
            elif count := demand.count - taken * self.times:
                rest.append(Demand(demand.shape, count, demand.selectors))
        return rest


def requests_of(gang: Gang) -> tuple[Demand, ...]:
    """What has to be placed: a STRICT_PACK gang is one large request."""
    if gang.strategy is not Strategy.STRICT_PACK:
        return gang.bundles
    whole = _sum((part.shape, part.count) for part in gang.bundles)
    selectors = tuple(selector for part in gang.bundles for selector in part.selectors)
    return (Demand(bundle(whole), 1, selectors),)


def _is_spread(gang: Gang) -> bool:
    return gang.strategy is Strategy.STRICT_SPREAD


def _sum(shapes: Iterable[tuple[ResourceBundle, int]]) -> dict[str, float]:
    total = Counter[str]()
    for shape, count in shapes:
        for name, amount in shape:
            total[name] += amount * count  # type: ignore[assignment]  # a Counter of floats
    return dict(total)
