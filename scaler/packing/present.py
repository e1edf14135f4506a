"""What fits into the room that is free now, without new workers, by one quick way. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, Gang, merged
from scaler.packing.capacity import grouped, sight
from scaler.packing.greedy import Way
from scaler.packing.room import Room
from scaler.packing.search import Search, loose_gangs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scaler.packing.capacity import Slot
    from scaler.packing.greedy import Outcome


def unplaced(demands: Iterable[Demand], gangs: Iterable[Gang], slots: Iterable[Slot]) -> int:
    """How many requests find no room in `slots`, by one quick way."""
    return _quickly(tuple(demands), tuple(gangs), slots).unserved


def placed(demands: Iterable[Demand], gangs: Iterable[Gang], slots: Iterable[Slot]) -> Counter[Demand | Gang]:
    """How much of each request finds room in `slots`, by one quick way."""
    demands, gangs, slots = tuple(demands), tuple(gangs), tuple(slots)
    loose, others = loose_gangs(gangs)
    requests = merged((*demands, *(part for gang in loose for part in gang.bundles)))
    outcome = _quickly(requests, others, slots)
    left = Counter({_what(one): one.count for one in outcome.demands_left})
    gangs_left = set(map(id, outcome.gangs_left))
    found = Counter[Demand | Gang]()
    for demand in demands:
        found[demand] += max(0, demand.count - left[_what(demand)])
    for gang in gangs:
        whole = id(gang) not in gangs_left and not any(left[_what(part)] for part in gang.bundles)
        found[gang] += gang.count if whole else 0
    return found


def fits(misfit: Demand | Gang, slots: Sequence[Slot]) -> bool:
    """Whether one of a demand, or all of a gang, fits into `slots`."""
    if isinstance(misfit, Demand):
        return any(slot.capacity(misfit) for slot in slots)
    return not unplaced((), (misfit,), slots)


def _quickly(demands: Sequence[Demand], gangs: Sequence[Gang], slots: Iterable[Slot]) -> Outcome:
    present = list(grouped(slots, sight(demands, gangs)).values())
    choices = Search(demands, gangs, present, Counter(), ()).choices
    gangs, line, score, _ = choices.quickest
    return Way(line, score, **choices.bounds).run(gangs, present, (), Room(0, {}))


def _what(demand: Demand) -> tuple[object, ...]:
    return demand.shape, demand.selectors, demand.fallbacks
