"""How many workers of which type the demand needs. Pure: standard library only.

Bin packing is hard; greedy rules are good and never all of them always. So several greedy ways are walked, one of
them the way of Ray's own autoscaler (`ray.autoscaler.v2.scheduler`), and the best outcome is taken: the most
requests served, then the fewest workers, then the least GPU and CPU left over. Hence never worse than Ray's.
"""

from __future__ import annotations

import bisect
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from operator import attrgetter
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, Gang
from scaler.packing.capacity import TOLERANCE, Slot, Slots, fresh, grouped
from scaler.packing.greedy import RESCORED_GROUPS, Line, Outcome, Room, Way
from scaler.packing.heuristics import ORDERS, SCORES, as_ray_orders, as_ray_scores, gang_orders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scaler.model.cluster import WorkerType
    from scaler.packing.heuristics import Score

SETTLE_ROUNDS = 3  # each makes the outcome better; more than one is rare


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
    demands, gangs, slots = tuple(demands), tuple(gangs), tuple(slots)
    present = grouped((slot for slot in slots if slot.worker_type is None), _requests(demands, gangs))
    joining = Counter(slot.worker_type for slot in slots if slot.worker_type)
    places = [fresh(kind) for kind in worker_types if room.of(kind.name)]
    places += [*map(fresh, joining), *(group.slot for group in present)]
    placeable = [demand for demand in demands if fits(demand, places)]
    hopeless = [demand for demand in demands if demand.count and not fits(demand, places)]
    best = _Work(placeable, gangs, present, joining, worker_types).settle(room)
    waiting, infeasible = list[Demand | Gang](), list[Demand | Gang]()
    unserved: list[Demand | Gang] = [*best.gangs_left, *best.demands_left, *hopeless]
    for left in unserved:
        (waiting if could_hold(left, worker_types) else infeasible).append(left)
    return Packing(tuple(best.launched.elements()), tuple(waiting), tuple(infeasible))


@dataclass(frozen=True)
class _Work:
    """What there is to pack, where there is room now, which workers are joining, empty, and which types there are."""

    demands: Sequence[Demand]
    gangs: Sequence[Gang]
    present: Sequence[Slots]
    joining: Counter[WorkerType]
    worker_types: Sequence[WorkerType]

    def settle(self, room: Room) -> Outcome:
        """The best outcome that stays the best once its workers are joining, so that planning again adds nothing."""
        best = self._best(self._ways(room, self.joining))
        if self.joining:  # once more as if they were not there yet: the way in which they were chosen is found again
            best = self._best([best, *self._ways(room.with_(self.joining), Counter())])
        for _ in range(SETTLE_ROUNDS):
            if best.launched and self._few:
                best = self._with_none_to_spare(best)
            if not best.launched or not best.unserved:
                break
            left = room.copy()
            for kind, count in best.launched.items():
                left.take(kind.name, count)
            again = self._best(self._ways(left, self.joining + best.launched))
            if again.cost >= best.cost:
                break
            best = again
        return best

    def _ways(self, room: Room, there: Counter[WorkerType]) -> Iterator[Outcome]:
        """Where each greedy way ends that may use the empty workers in `there` and launch as many as have `room`."""
        joined = sorted(there.items(), key=lambda item: item[0].name)
        workers = [*self.present, *(Slots(self._empty[kind], count) for kind, count in joined)]
        new = [self._empty[kind] for kind in self.worker_types]
        for gangs, line, score in self._choices:
            yield Way(line, score, self.joining).run(gangs, workers, new, room.copy())

    @cached_property
    def _empty(self) -> dict[WorkerType, Slot]:
        return {kind: fresh(kind) for kind in (*self.worker_types, *self.joining)}

    @cached_property
    def _few(self) -> bool:
        """Whether there are so few different workers that several ways may be tried."""
        return len(self.present) <= RESCORED_GROUPS

    @cached_property
    def _choices(self) -> list[tuple[tuple[Gang, ...], Line, Score]]:
        """What the ways differ in; orders that come to the same are one."""
        orders, scores = (ORDERS, SCORES) if self._few else (ORDERS[:1], SCORES[:1])
        parts = (self.demands, *(gang.bundles for gang in self.gangs))
        distinct = {tuple(one for part in parts for one in sorted(part, key=order)): order for order in orders}
        lines = [Line(self.demands, order) for order in distinct.values()]
        return list(product(gang_orders(self.gangs), lines, scores))

    def _best(self, outcomes: Iterable[Outcome]) -> Outcome:
        """The best outcome; none is better than to serve all without more workers."""
        tried = list[Outcome]()
        for outcome in outcomes:
            tried.append(outcome)
            if not outcome.unserved and not outcome.launched:
                return outcome
        return min(tried, key=attrgetter("cost"))

    def _with_none_to_spare(self, best: Outcome) -> Outcome:
        """Pack anew into the very workers that were chosen, and into fewer as long as that serves as much."""
        if best.unserved:
            best = self._best([best, *self._ways(Room(0, {}), self.joining + best.launched)])
        for kind in sorted(best.launched, key=attrgetter("name")):
            best = self._with_fewest(kind, best)
        return best

    def _with_fewest(self, kind: WorkerType, best: Outcome) -> Outcome:
        """As good an outcome with as few of `kind` as that takes."""
        count = best.launched[kind]
        others = self.joining + best.launched - Counter({kind: count})

        def serve(n: int) -> bool:
            there = others + Counter({kind: n})
            return self._fewest_unserved(there) <= best.unserved and any(
                outcome.unserved <= best.unserved for outcome in self._ways(Room(0, {}), there)
            )

        if not serve(count - 1):
            return best
        fewest = bisect.bisect_left(range(count), x=True, key=serve)
        return self._best(self._ways(Room(0, {}), others + Counter({kind: fewest})))

    def _fewest_unserved(self, there: Counter[WorkerType]) -> int:
        """No way leaves less: not even if all that is free were one worker, and small requests went first."""
        free = Counter[str]()
        for group in (*self.present, *(Slots(self._empty[kind], count) for kind, count in there.items())):
            for name, amount in group.slot.free.items():
                free[name] += amount * group.count  # type: ignore[assignment]  # a Counter of floats

        def unserved(name: str) -> int:
            room, left = float(free[name]), 0
            for amount, count in sorted((dict(one.shape).get(name, 0.0), one.count) for one in requests):
                served = min(count, int(room / amount + TOLERANCE)) if amount else count
                room, left = room - amount * served, left + count - served
            return left

        requests = _requests(self.demands, self.gangs)
        return max(map(unserved, {name for one in requests for name, _ in one.shape}), default=0)


def unplaced(demands: Iterable[Demand], gangs: Iterable[Gang], slots: Iterable[Slot]) -> int:
    """How many requests find no room in `slots`, by one quick way."""
    demands, gangs = tuple(demands), tuple(gangs)
    way = Way(Line(demands, as_ray_orders), as_ray_scores)
    return way.run(gang_orders(gangs)[0], grouped(slots, _requests(demands, gangs)), (), Room(0, {})).unserved


def could_hold(misfit: Demand | Gang, worker_types: Iterable[WorkerType]) -> bool:
    """Whether workers of one of these types, as many as it takes, could hold it."""
    return any(fits(misfit, [fresh(kind)] * (misfit.count if isinstance(misfit, Gang) else 1)) for kind in worker_types)


def fits(misfit: Demand | Gang, slots: Sequence[Slot]) -> bool:
    """Whether one of a demand, or all of a gang, fits into `slots`."""
    if isinstance(misfit, Demand):
        return any(slot.capacity(misfit) for slot in slots)
    return not unplaced((), (misfit,), slots)


def _requests(demands: Iterable[Demand], gangs: Iterable[Gang]) -> tuple[Demand, ...]:
    """All that waits, the bundles of gangs one by one."""
    return (*demands, *(part for gang in gangs for part in gang.bundles))
