"""How many workers of which type the demand needs. Pure: standard library only.

Bin packing is hard; greedy rules are good and never all of them always. So several greedy ways are walked, one of
them the way of Ray's own autoscaler (`ray.autoscaler.v2.scheduler`), and the best outcome is taken: the most
requests served, then the fewest workers, then the least GPU and CPU left over. Hence never worse than Ray's.
"""

from __future__ import annotations

import bisect
from collections import Counter
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from scaler.model import Demand, Gang, ResourceBundle, Strategy, WorkerType, bundle
from scaler.slots import Slot, Slots, fresh, grouped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Order = Callable[[Demand], tuple[object, ...]]
    Score = Callable[[Slot, Slot, "Sequence[tuple[Demand, int]]", "Mapping[str, float]"], tuple[float, ...]]

PLAIN_RESOURCES = frozenset({"CPU", "memory", "object_store_memory"})  # every worker has them
SETTLE_ROUNDS = 3
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
class Packing:
    """Workers to launch, what the limits leave waiting, and what fits no worker type."""

    launches: tuple[WorkerType, ...] = ()
    waiting: tuple[Demand | Gang, ...] = ()
    infeasible: tuple[Demand | Gang, ...] = ()

    @property
    def unmet(self) -> int:
        """How many requests the limits leave waiting."""
        return sum(left.count for left in self.waiting)


def solve(
    demands: Iterable[Demand],
    gangs: Iterable[Gang],
    slots: Iterable[Slot],
    worker_types: Sequence[WorkerType],
    room: Room,
) -> Packing:
    """Put the demand into `slots` and what fits nowhere there into new workers, as far as there is `room`.

    Gangs go first, whole or not at all. Workers with GPUs take work that needs none only where no other type can.
    """
    slots = tuple(slots)
    present = grouped(slot for slot in slots if slot.worker_type is None)
    joining = Counter(slot.worker_type for slot in slots if slot.worker_type)
    work = _Work(tuple(demands), tuple(gangs), present, joining)
    best = work.settle(worker_types, room)
    left: list[Demand | Gang] = [*best.gangs_left, *best.demands_left]
    feasible = [misfit for misfit in left if could_hold(misfit, worker_types)]
    return Packing(best.launched(), tuple(feasible), tuple(misfit for misfit in left if misfit not in feasible))


@dataclass(frozen=True)
class _Work:
    """What there is to pack, where there is room now, and which workers are joining, empty."""

    demands: tuple[Demand, ...]
    gangs: tuple[Gang, ...]
    present: list[Slots]
    joining: Counter[WorkerType]

    def settle(self, worker_types: Sequence[WorkerType], room: Room) -> _Outcome:
        """The best outcome that stays the best once its workers are joining, so that planning again adds nothing."""
        best = self.best(worker_types, room)
        for _ in range(SETTLE_ROUNDS):
            if len(self.present) <= RESCORED_GROUPS:
                best = self._with_none_to_spare(best)
            chosen, left = Counter(best.launched()), room.copy()
            for kind, count in chosen.items():
                left.take(kind.name, count)
            again = self.best(worker_types, left, chosen)
            if again.cost() >= best.cost():
                break
            best = again
        return best

    def best(
        self, worker_types: Sequence[WorkerType], room: Room, chosen: Counter[WorkerType] | None = None
    ) -> _Outcome:
        """The best of all greedy ways; `chosen` are workers that will be launched beside the joining ones."""
        empty = self.joining + (chosen or Counter())
        few = len(self.present) <= RESCORED_GROUPS
        ways = product(_gang_orders(self.gangs), ORDERS if few else ORDERS[:1], SCORES if few else SCORES[:1])
        outcomes = []
        for gangs, order, score in ways:
            way = _Attempt(order, score, self.joining)
            groups = [*self.present, *(Slots(fresh(kind), count) for kind, count in empty.items())]
            outcomes.append(way.run(self.demands, gangs, groups, worker_types, room.copy()))
            if empty:  # once more as if they were not there yet: the way in which they were chosen is found again
                outcomes.append(way.run(self.demands, gangs, self.present, worker_types, room.with_(empty)))
        return min(outcomes, key=_Outcome.cost)

    def _with_none_to_spare(self, best: _Outcome) -> _Outcome:
        """Pack anew into the very workers that were chosen, and into fewer as long as that serves as much."""
        counts, nowhere = Counter(best.launched()), Room(0, {})
        best = min(best, self.best((), nowhere, counts), key=_Outcome.cost)
        for kind, count in sorted(counts.items(), key=lambda item: item[0].name):
            served = best.cost()[0]

            def serves(
                n: int,
                kind: WorkerType = kind,
                counts: Counter[WorkerType] = counts,
                served: float = served,
            ) -> bool:
                return self.best((), nowhere, counts - Counter({kind: counts[kind] - n})).cost()[0] <= served

            if serves(count - 1):
                counts[kind] = bisect.bisect_left(range(count), x=True, key=serves)
                best = self.best((), nowhere, +counts)
        return best


def unplaced(demands: Iterable[Demand], gangs: Iterable[Gang], slots: Iterable[Slot]) -> int:
    """How many requests find no room in `slots`, by one quick way."""
    demands, gangs = tuple(demands), tuple(gangs)
    way = _Attempt(_as_ray_orders, _as_ray_scores, Counter())
    outcome = way.run(demands, _gang_orders(gangs)[0], grouped(slots), (), Room(0, {}))
    return int(outcome.cost()[0])


def could_hold(misfit: Demand | Gang, worker_types: Iterable[WorkerType]) -> bool:
    """Whether workers of one of these types, as many as it takes, could hold it."""
    return any(fits(misfit, [fresh(kind)] * (misfit.count if isinstance(misfit, Gang) else 1)) for kind in worker_types)


def fits(misfit: Demand | Gang, slots: Sequence[Slot]) -> bool:
    """Whether one of a demand, or all of a gang, fits into `slots`."""
    if isinstance(misfit, Demand):
        return any(slot.capacity(misfit) for slot in slots)
    alone = _Attempt(_as_ray_orders, _as_ray_scores, Counter()).run((), (misfit,), grouped(slots), (), Room(0, {}))
    return not alone.gangs_left


@dataclass(frozen=True)
class _Outcome:
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
class _Attempt:
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
    ) -> _Outcome:
        workers, gangs_left = list(present), []
        for gang in gangs:
            trial = room.copy()
            served, left = self.serve(requests_of(gang), workers, worker_types, trial, spread=_is_spread(gang))
            if left:
                gangs_left.append(gang)
            else:
                workers, room = served, trial
        workers, demands_left = self.serve(demands, workers, worker_types, room)
        return _Outcome(workers, tuple(demands_left), tuple(gangs_left), self.joining)

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
        pool = sorted(workers, key=lambda group: group.slot.free.get("GPU", 0.0) > 0)
        while left and pool:
            window = pool if len(pool) <= RESCORED_GROUPS else pool[:1]
            best = self._best(window, left, at_most)
            if best is None:
                done += window
                pool = pool[len(window) :]
                continue
            done.append(Slots(best.slot, best.times))
            pool = [group for group in pool if group is not best.group]
            if best.group.count > best.times:
                pool.append(replace(best.group, count=best.group.count - best.times))
            left = best.leaves(left)
        return done + pool, left

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
        totals = _sum((demand.shape, demand.count) for demand in left)
        options = []
        for group in pool:
            slot, taken = group.slot.filled(left, at_most=at_most)
            if any(taken):
                options.append(
                    (group, slot, taken, self.score(group.slot, slot, list(zip(left, taken, strict=True)), totals))
                )
        if not options:
            return None
        group, slot, taken, _ = max(options, key=lambda option: option[3])
        repeats = (d.count // n for _, _, counts, _ in options for d, n in zip(left, counts, strict=True) if n)
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
        counts = (demand.count - taken * self.times for demand, taken in zip(left, self.taken, strict=True))
        return [replace(demand, count=count) for demand, count in zip(left, counts, strict=True) if count]


# --- gangs --------------------------------------------------------------------------------------------


def _gang_orders(gangs: Iterable[Gang]) -> list[tuple[Gang, ...]]:
    """Strict gangs and large ones first, as Ray's scheduler does it; among equals the large shapes or the small."""
    by_shape = sorted(
        gangs, key=lambda gang: (gang.strategy.value, [(part.shape, part.count) for part in gang.bundles])
    )

    def hard_first(gang: Gang) -> tuple[int, int]:
        return (0 if gang.strategy is Strategy.ANY else -gang.count, -gang.count)

    orders = (tuple(sorted(some, key=hard_first)) for some in (by_shape, by_shape[::-1]))
    return list(dict.fromkeys(orders))


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


# --- orders and scores --------------------------------------------------------------------------------


def _as_ray_orders(demand: Demand) -> tuple[object, ...]:
    """`_sort_resource_request` of Ray's scheduler: many selectors, many resources and large amounts first."""
    amounts = sum(amount for _, amount in demand.shape)
    return (-len(demand.selectors), -len(demand.shape), -amounts, demand.shape)


def _special_first(demand: Demand) -> tuple[object, ...]:
    """What few workers can hold first."""
    plain = all(name in PLAIN_RESOURCES for name, _ in demand.shape)
    return (plain, *_as_ray_orders(demand))


def _small_first(demand: Demand) -> tuple[object, ...]:
    """Under limits, more requests are served so."""
    return (-len(demand.selectors), sum(amount for _, amount in demand.shape), demand.shape)


def _spares_gpus(before: Slot, taken: Sequence[tuple[Demand, int]]) -> bool:
    """Whether no GPU worker is spent on work that needs none."""
    return not before.total.get("GPU") or any(name == "GPU" for demand, n in taken if n for name, _ in demand.shape)


def _as_ray_scores(
    before: Slot, after: Slot, taken: Sequence[tuple[Demand, int]], _totals: Mapping[str, float]
) -> tuple[float, ...]:
    """`_compute_score` of Ray's scheduler: spare GPUs, use many kinds of resources, use each of them well."""
    kinds = {name for demand, n in taken if n for name, _ in demand.shape} & before.total.keys()
    use = [total * ((total - after.free.get(name, 0.0)) / total) ** 3 for name, total in before.total.items() if total]
    return (
        _spares_gpus(before, taken),
        len(kinds),
        min(use, default=0.0),
        sum(use) / max(1, len(use)),
        _priority(before),
    )


def _covers_most(
    before: Slot, after: Slot, taken: Sequence[tuple[Demand, int]], totals: Mapping[str, float]
) -> tuple[float, ...]:
    """Take the worker that covers the largest share of what waits, with the least left over."""
    share = sum((before.free.get(name, 0.0) - after.free.get(name, 0.0)) / total for name, total in totals.items())
    left = sum(amount / before.total[name] for name, amount in after.free.items() if before.total.get(name))
    return (_spares_gpus(before, taken), share, -left, _priority(before))


def _covers_most_roomily(
    before: Slot, after: Slot, taken: Sequence[tuple[Demand, int]], totals: Mapping[str, float]
) -> tuple[float, ...]:
    """Likewise, but of equals the one that has room for more to come."""
    spares, share, left, priority = _covers_most(before, after, taken, totals)
    return (spares, share, sum(after.free.values()), left, priority)


def _leaves_least(
    before: Slot, after: Slot, taken: Sequence[tuple[Demand, int]], _totals: Mapping[str, float]
) -> tuple[float, ...]:
    """Take the worker that this fills up best."""
    left = sum(amount / before.total[name] for name, amount in after.free.items() if before.total.get(name))
    return (_spares_gpus(before, taken), -left / max(1, len(before.total)), _priority(before))


def _priority(slot: Slot) -> int:
    return getattr(slot.worker_type, "priority", 0)


ORDERS: tuple[Order, ...] = (_as_ray_orders, _special_first, _small_first)
SCORES: tuple[Score, ...] = (_as_ray_scores, _covers_most, _covers_most_roomily, _leaves_least)
