"""How many workers of which type the demand needs. Pure: standard library only.

Bin packing is hard; greedy rules are good and never all of them always. So several greedy ways are walked, one of
them the way of Ray's own autoscaler (`ray.autoscaler.v2.scheduler`), and the best outcome is taken: the most
requests served, then the fewest workers, then the least GPU and CPU left over. Hence never worse than Ray's.
"""

from __future__ import annotations

import bisect
from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from scaler.greedy import RESCORED_GROUPS, Outcome, Room, Way
from scaler.model import Demand, Gang, WorkerType
from scaler.preferences import ORDERS, SCORES, as_ray_orders, as_ray_scores, gang_orders
from scaler.slots import Slot, Slots, fresh, grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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

    def settle(self, worker_types: Sequence[WorkerType], room: Room) -> Outcome:
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
    ) -> Outcome:
        """The best of all greedy ways; `chosen` are workers that will be launched beside the joining ones."""
        empty = self.joining + (chosen or Counter())
        few = len(self.present) <= RESCORED_GROUPS
        ways = product(gang_orders(self.gangs), ORDERS if few else ORDERS[:1], SCORES if few else SCORES[:1])
        outcomes = []
        for gangs, order, score in ways:
            way = Way(order, score, self.joining)
            groups = [*self.present, *(Slots(fresh(kind), count) for kind, count in empty.items())]
            outcomes.append(way.run(self.demands, gangs, groups, worker_types, room.copy()))
            if empty:  # once more as if they were not there yet: the way in which they were chosen is found again
                outcomes.append(way.run(self.demands, gangs, self.present, worker_types, room.with_(empty)))
        return min(outcomes, key=Outcome.cost)

    def _with_none_to_spare(self, best: Outcome) -> Outcome:
        """Pack anew into the very workers that were chosen, and into fewer as long as that serves as much."""
        counts, nowhere = Counter(best.launched()), Room(0, {})
        best = min(best, self.best((), nowhere, counts), key=Outcome.cost)
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
    way = Way(as_ray_orders, as_ray_scores, Counter())
    outcome = way.run(demands, gang_orders(gangs)[0], grouped(slots), (), Room(0, {}))
    return int(outcome.cost()[0])


def could_hold(misfit: Demand | Gang, worker_types: Iterable[WorkerType]) -> bool:
    """Whether workers of one of these types, as many as it takes, could hold it."""
    return any(fits(misfit, [fresh(kind)] * (misfit.count if isinstance(misfit, Gang) else 1)) for kind in worker_types)


def fits(misfit: Demand | Gang, slots: Sequence[Slot]) -> bool:
    """Whether one of a demand, or all of a gang, fits into `slots`."""
    if isinstance(misfit, Demand):
        return any(slot.capacity(misfit) for slot in slots)
    alone = Way(as_ray_orders, as_ray_scores, Counter()).run((), (misfit,), grouped(slots), (), Room(0, {}))
    return not alone.gangs_left
