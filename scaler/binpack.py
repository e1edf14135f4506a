"""How much demand fits where. Pure: standard library only.

Work is counted by shape, never request by request: the cost grows with shapes and workers, not with requests.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scaler.model import Demand, Gang, LabelConstraint, ResourceBundle, Strategy, WorkerType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PLAIN_RESOURCES = frozenset({"CPU", "memory", "object_store_memory"})  # every worker has them
TOLERANCE = 1e-6  # Ray counts resources in units of 1e-4; sums of floats must not lose a whole task


@dataclass
class Slot:
    """Free resources of one worker, present or to come."""

    free: dict[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)
    worker_type: WorkerType | None = None  # set for a worker that is still to be launched

    def copy(self) -> Slot:
        """A slot of its own to try something on."""
        return Slot(dict(self.free), self.labels, self.worker_type)

    def capacity(self, demand: Demand) -> int:
        """How many of `demand` fit (all of them where it asks for nothing)."""
        if not all(_satisfied(selector, self.labels) for selector in demand.selectors):
            return 0
        fits = (
            math.floor(self.free.get(name, 0.0) / amount + TOLERANCE) for name, amount in demand.shape if amount > 0
        )
        return max(0, min(demand.count, min(fits, default=demand.count)))

    def take(self, shape: ResourceBundle, count: int) -> None:
        """Use up the room of `count` requests."""
        for name, amount in shape:
            self.free[name] = self.free.get(name, 0.0) - amount * count


@dataclass
class Room:
    """How many workers may yet be launched, over all and by type."""

    total: int
    by_type: dict[str, int]

    def take(self, worker_type: str, count: int = 1) -> bool:
        """Use up `count` places if there are as many."""
        if min(self.total, self.by_type.get(worker_type, 0)) < count:
            return False
        self.total -= count
        self.by_type[worker_type] -= count
        return True


@dataclass
class Packing:
    """The outcome of `pack_new`: workers to launch, how many requests the limits leave waiting, what fits no type."""

    launches: list[Slot]
    unmet: int
    infeasible: list[Demand | Gang]


def fresh(worker_type: WorkerType) -> Slot:
    """A worker of this type, empty."""
    return Slot(dict(worker_type.resources), worker_type=worker_type)


def hardest_first(demands: Iterable[Demand]) -> list[Demand]:
    """Big and special shapes before small and plain ones, in an order that does not depend on the input's."""

    def key(demand: Demand) -> tuple[bool, int, float, ResourceBundle]:
        plain = all(name in PLAIN_RESOURCES for name, _ in demand.shape)
        return (plain, -len(demand.shape), -sum(amount for _, amount in demand.shape), demand.shape)

    return sorted(demands, key=key)


def place(demand: Demand, slots: Iterable[Slot]) -> int:
    """Put as many of `demand` into `slots` as fit; returns how many are left. Changes `slots`."""
    left = demand.count
    for slot in slots:
        if not left:
            break
        placed = slot.capacity(Demand(demand.shape, left, demand.selectors))
        slot.take(demand.shape, placed)
        left -= placed
    return left


def place_gang(gang: Gang, slots: Sequence[Slot]) -> bool:
    """Put all bundles of `gang` into `slots`, or none. Changes `slots` only on success."""
    if gang.strategy is Strategy.STRICT_PACK:
        return any(_commit([trial], [slot]) for slot in slots if _all_fit(gang, [trial := slot.copy()]))
    trials = [slot.copy() for slot in slots]
    if gang.strategy is Strategy.STRICT_SPREAD:
        return _spread(gang, trials) and _commit(trials, slots)
    return _all_fit(gang, trials) and _commit(trials, slots)


def pack(demands: Iterable[Demand], gangs: Iterable[Gang], slots: Sequence[Slot]) -> tuple[list[Demand], list[Gang]]:
    """What of the demand finds no room in `slots`. Changes `slots`; gangs, the hardest to place, go first."""
    gangs_left = [gang for gang in _gangs_in_order(gangs) if not place_gang(gang, slots)]
    plain_first = sorted(slots, key=lambda slot: slot.free.get("GPU", 0.0) > 0)  # GPU workers serve CPU work last
    demands_left = []
    for demand in hardest_first(demands):
        needs_gpu = any(name == "GPU" for name, _ in demand.shape)
        if left := place(demand, slots if needs_gpu else plain_first):
            demands_left.append(Demand(demand.shape, left, demand.selectors))
    return demands_left, gangs_left


def fits_some(demand: Demand | Gang, slots: Sequence[Slot]) -> bool:
    """Whether one of `demand` (all of a gang) fits into `slots`; changes nothing."""
    if isinstance(demand, Gang):
        return place_gang(demand, [slot.copy() for slot in slots])
    return any(slot.capacity(demand) for slot in slots)


def pack_new(
    demands: Iterable[Demand], gangs: Iterable[Gang], worker_types: Sequence[WorkerType], room: Room
) -> Packing:
    """Workers to launch for demand that fits nowhere now, as far as there is `room`. Changes `room`."""
    packing = Packing([], 0, [])
    for gang in gangs:
        _launch_for_gang(gang, worker_types, room, packing)
    for demand in demands:
        _launch_for_demand(demand, worker_types, room, packing)
    return packing


def _launch_for_demand(demand: Demand, worker_types: Sequence[WorkerType], room: Room, packing: Packing) -> None:
    fitting = [kind for kind in worker_types if fresh(kind).capacity(demand)]
    if not fitting:
        packing.infeasible.append(demand)
        return
    left = place(demand, packing.launches)
    for kind in _cheapest_first(fitting, demand):
        while left and room.take(kind.name):
            packing.launches.append(slot := fresh(kind))
            left = place(Demand(demand.shape, left, demand.selectors), [slot])
    packing.unmet += left


def _launch_for_gang(gang: Gang, worker_types: Sequence[WorkerType], room: Room, packing: Packing) -> None:
    """Whole or not at all, by the first type that can."""

    def with_new(kind: WorkerType, count: int) -> list[Slot] | None:
        slots = [*(slot.copy() for slot in packing.launches), *(fresh(kind) for _ in range(count))]
        return slots if place_gang(gang, slots) else None

    for kind in worker_types:
        if with_new(kind, gang.count) is None:
            continue
        fewest = bisect.bisect_left(range(gang.count), x=True, key=lambda count: with_new(kind, count) is not None)
        slots = with_new(kind, fewest)
        if slots is not None and room.take(kind.name, fewest):
            packing.launches[:] = slots
        else:
            packing.unmet += gang.count
        return
    packing.infeasible.append(gang)


def _cheapest_first(worker_types: Sequence[WorkerType], demand: Demand) -> list[WorkerType]:
    """Types that bring no GPU the demand does not ask for come first, then the smallest."""
    wants_gpu = any(name == "GPU" for name, _ in demand.shape)
    return sorted(worker_types, key=lambda kind: (bool(kind.num_gpus) and not wants_gpu, kind.num_cpus, kind.name))


def _gangs_in_order(gangs: Iterable[Gang]) -> list[Gang]:
    return sorted(gangs, key=lambda gang: (-gang.count, gang.strategy.value, [b.shape for b in gang.bundles]))


def _all_fit(gang: Gang, slots: Sequence[Slot]) -> bool:
    return all(place(bundle, slots) == 0 for bundle in hardest_first(gang.bundles))


def _spread(gang: Gang, slots: list[Slot]) -> bool:
    singles = [b.shape for b in hardest_first(gang.bundles) for _ in range(b.count)]
    unused = list(slots)
    for shape in singles:
        slot = next((slot for slot in unused if slot.capacity(Demand(shape, 1))), None)
        if slot is None:
            return False
        slot.take(shape, 1)
        unused.remove(slot)
    return True


def _commit(trials: Sequence[Slot], slots: Sequence[Slot]) -> bool:
    for trial, slot in zip(trials, slots, strict=True):
        slot.free = trial.free
    return True


def _satisfied(selector: LabelConstraint, labels: Mapping[str, str]) -> bool:
    return (labels.get(selector.key) in selector.values) == (selector.operator == "in")
