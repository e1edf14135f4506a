"""How many workers of which type the demand needs. Pure: standard library only.

Bin packing is hard, and no greedy rule is the best in every case. So several greedy ways are tried, one of them
the way of Ray's own autoscaler (`ray.autoscaler.v2.scheduler`), and the best outcome is taken: the most requests
served, then the first of `Outcome.cost` that differs. Small problems are then searched for a better one (`exact`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, Gang
from scaler.packing.capacity import Key, Sight, fresh, grouped, sight
from scaler.packing.fitting import Fitting, could_hold
from scaler.packing.search import Search

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scaler.model.cluster import WorkerType
    from scaler.packing.capacity import Slot
    from scaler.packing.room import Room


@dataclass(frozen=True)
class Packing:
    """Workers to launch, what the limits leave pending, and what fits no worker type."""

    launches: tuple[WorkerType, ...] = ()
    pending: tuple[Demand | Gang, ...] = ()
    infeasible: tuple[Demand | Gang, ...] = ()
    spare: Counter[Key] = field(default_factory=Counter)
    """Workers that hold none of the demand, by what the requests see of them (`seen`)."""
    seen: Sight = field(default_factory=lambda: Sight((), ()))

    @property
    def unmet(self) -> int:
        """How many requests the limits leave pending."""
        return sum(left.count for left in self.pending)

    @property
    def unserved(self) -> int:
        """How many requests find no place, for whatever reason."""
        return self.unmet + sum(left.count for left in self.infeasible)


def solve(
    demands: Iterable[Demand],
    gangs: Iterable[Gang],
    slots: Iterable[Slot],
    worker_types: Sequence[WorkerType],
    room: Room,
) -> Packing:
    """Put the demand into `slots`, and what does not fit there into new workers within `room`.

    Gangs go first, whole or not at all. Workers with GPUs take work that needs none only if no other type can, or
    if a limit leaves more of it unserved otherwise.
    """
    demands, gangs, slots = tuple(demands), tuple(gangs), tuple(slots)
    seen = sight(demands, gangs)
    there = grouped((slot for slot in slots if slot.worker_type is None), seen)
    joining = Counter(slot.worker_type for slot in slots if slot.worker_type)
    for kind in worker_types:  # an empty worker equals a joining one: the same plan fits again
        if found := there.pop(seen.key(fresh(kind)), None):
            joining[kind] += found.count
    places = [fresh(kind) for kind in worker_types if room.of(kind.name)]
    places += [*map(fresh, joining), *(group.slot for group in there.values())]
    asked: list[Demand | Gang] = [*gangs, *demands]
    fitting = Fitting(places)
    parts = [(one, fitting.holds(one)) for one in asked if one.count]
    work = Search(
        [one for one, placeable in parts if placeable and isinstance(one, Demand)],
        [one for one, placeable in parts if placeable and isinstance(one, Gang)],
        list(there.values()),
        joining,
        worker_types,
    )
    best = work.best(room)
    pending, infeasible = list[Demand | Gang](), list[Demand | Gang]()
    unserved: list[Demand | Gang] = [
        *best.gangs_left,
        *best.demands_left,
        *(one for one, placeable in parts if not placeable),
    ]
    for left in unserved:
        (pending if could_hold(left, worker_types) else infeasible).append(left)
    launches = tuple(best.launched.elements())
    return Packing(launches, tuple(pending), tuple(infeasible), work.spare(best, there, seen), seen)
