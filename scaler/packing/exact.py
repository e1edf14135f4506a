"""The best packing of a small problem: every mix of workers that could be better is tried. Pure: standard library only.

Two thoughts keep it small. A worker is filled as far as it goes, in each way there is: to leave room unused serves
nobody. And workers are filled one after the other, so that all that matters of the past is what is left: states in
which the same or less is left are one. What it costs is bounded by `EFFORT`; then the best that was found counts.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import replace
from itertools import count, product
from typing import TYPE_CHECKING, NamedTuple

from ray_watcher_common.state import Strategy
from scaler.packing.capacity import Slot, Slots
from scaler.packing.greedy import Outcome, cost_of, places_for
from scaler.packing.heuristics import as_ray_orders, gang_key
from scaler.packing.line import requests_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ray_watcher_common.state import Demand, Gang
    from scaler.model.cluster import WorkerType
    from scaler.packing.room import Room

Left = tuple[int, ...]
"""How many of each part are pending still."""

EFFORT = 10_000  # looks of a worker at a part: some hundredths of a second of one core
MOST_PARTS, MOST_GANGS, MOST_GROUPS, MOST_STATES = 12, 5, 50, 100
UNITS = 10_000  # Ray counts resources in ten-thousandths, so whole numbers are exact


class _Part(NamedTuple):
    """Pending requests of one shape; those of a gang that is to be placed, in the `places` that it may use."""

    demand: Demand
    needs: tuple[tuple[str, int], ...]
    gang: int | None = None
    spread: bool = False
    places: frozenset[int] | None = None


class _Used(NamedTuple):
    """Equal workers, and how many of each part were put on each of them."""

    slot: Slot
    took: Left
    many: int = 1


States = dict[Left, tuple[_Used, ...]]
"""What may be left after some workers, and how they were filled for it."""


class Exact:
    """The best way to serve `demands` and `gangs` on `present` and `joining` workers, and on new ones within `room`."""

    def __init__(
        self,
        demands: Sequence[Demand],
        gangs: Sequence[Gang],
        present: Sequence[Slots],
        joining: Counter[WorkerType],
        empty: Mapping[WorkerType, Slot],
        worker_types: Sequence[WorkerType],
        room: Room,
    ) -> None:
        self._demands, self._gangs = demands, sorted(gangs, key=gang_key)
        self._joining, self._room = joining, room
        joined = sorted(joining, key=_kind_order)  # as new ones: what was found is found again once it has joined
        self._there = [*present, *(Slots(empty[kind], joining[kind]) for kind in joined)]
        self._new = {kind: empty[kind] for kind in worker_types if room.of(kind.name)}
        self._effort = EFFORT
        self.finished = False

    @property
    def small(self) -> bool:
        """Whether it is worth while to begin."""
        parts = len(self._demands) + sum(len(gang.bundles) for gang in self._gangs)
        return parts <= MOST_PARTS and len(self._gangs) <= MOST_GANGS and len(self._there) <= MOST_GROUPS

    def better(self, best: Outcome) -> Outcome:
        """The best outcome, or `best` if nothing better is found in time."""
        for parts, left_out in self._selections():
            fewest = sum(gang.count for gang in left_out)
            if fewest <= best.unserved:
                best = self._better_with(parts, left_out, best)
        self.finished = self._effort > 0
        return best

    def _selections(self) -> Iterator[tuple[list[_Part], list[Gang]]]:
        """Each choice of gangs to place, and where; most requests first."""
        options = [[None, *self._options(index, gang)] for index, gang in enumerate(self._gangs)]
        loose = [_part(demand) for demand in self._demands]
        found = []
        for chosen in product(*options):
            left_out = [gang for gang, parts in zip(self._gangs, chosen, strict=True) if parts is None]
            found.append(([*loose, *(part for parts in chosen for part in parts or ())], left_out))
        return iter(sorted(found, key=lambda one: sum(gang.count for gang in one[1])))

    def _options(self, index: int, gang: Gang) -> Iterator[list[_Part]]:
        spread = gang.strategy is Strategy.STRICT_SPREAD
        for usable, new in places_for(gang, self._there, list(self._new.values())):
            places = frozenset(id(slot) for slot in (*(group.slot for group in usable), *new))
            yield [_part(demand, index, places, spread=spread) for demand in requests_of(gang)]

    def _better_with(self, parts: list[_Part], left_out: list[Gang], best: Outcome) -> Outcome:
        """The best outcome that places these parts, those of gangs all."""
        parts.sort(key=lambda part: (part.gang is None, part.gang, as_ray_orders(part.demand)))
        filling, states = _Filling(parts), States({tuple(part.demand.count for part in parts): ()})
        for group in self._there:
            states = self._filled_group(filling, states, group)
            if self._effort <= 0:
                return best
        kinds, number = sorted(self._new, key=_kind_order), count()
        missing = sum(gang.count for gang in left_out)
        bound = _Bound(parts, [(kind, self._room.of(kind.name)) for kind in kinds], missing)
        queue = [((0.0, 0.0, 0, 0), next(number), (0,) * len(kinds), -1, states)]
        while queue and self._effort > 0:
            cost, _, mix, last, states = heapq.heappop(queue)
            if last >= 0:
                states = self._filled(filling, states, self._new[kinds[last]])
            left = min(_whole(parts, states), key=lambda one: (sum(one), one), default=None)
            if left is not None and (missing + sum(left), *cost) < best.cost[:5]:
                best = self._outcome(parts, left, states[left], left_out)
            places = self._room.total - sum(mix)
            states = {left: used for left, used in states.items() if bound.of(left, cost, places) < best.cost[:5]}
            self._effort -= 5 + len(states)
            for index in range(max(0, last), len(kinds)) if states and places > 0 else ():
                if mix[index] < self._room.of(kinds[index].name):
                    more = tuple(many + (at == index) for at, many in enumerate(mix))
                    launched = dict(zip(kinds, more, strict=True))
                    heapq.heappush(queue, (cost_of(launched), next(number), more, index, states))
        return best

    def _filled_group(self, filling: _Filling, states: States, group: Slots) -> States:
        """The states after all workers of a group."""
        for done in range(group.count):
            after = self._filled(filling, states, group.slot)
            if after.keys() == states.keys():  # nothing fits, nor will on the others
                rest = group.count - done
                return {left: (*used, _Used(group.slot, (0,) * len(left), rest)) for left, used in states.items()}
            states = after
        return states

    def _filled(self, filling: _Filling, states: States, slot: Slot) -> States:
        """The states after one more worker, without those in which more is left than in another."""
        found = States()
        for left, used in states.items():
            for took in filling.of(slot, left):
                after = tuple(many - some for many, some in zip(left, took, strict=True))
                found.setdefault(after, (*used, _Used(slot, took)))
            self._effort -= filling.looks
            filling.looks = 0
            if self._effort <= 0:
                break
        kept = list[Left]()
        for left in sorted(found, key=lambda left: (sum(left), left)):
            if len(kept) < MOST_STATES and not any(all(map(int.__le__, other, left)) for other in kept):
                kept.append(left)
        self._effort -= len(found) * (1 + len(kept) // 10) + sum(map(len, found.values())) // 100
        return {left: found[left] for left in kept}

    def _outcome(self, parts: list[_Part], left: Left, used: tuple[_Used, ...], left_out: list[Gang]) -> Outcome:
        demands = tuple(replace(part.demand, count=many) for part, many in zip(parts, left, strict=True) if many)
        return Outcome([_after(parts, one) for one in used], demands, tuple(left_out), self._joining)


class _Bound:
    """What no packing can be better than: as if all that may be launched were one worker, small requests first."""

    def __init__(self, parts: Sequence[_Part], kinds: Sequence[tuple[WorkerType, int]], missing: int) -> None:
        self._missing = missing
        largest = Counter[str]()
        for kind, _ in kinds:
            largest |= Counter({name: _units(amount) for name, amount in kind.resources.items()})
        names = sorted({name for part in parts for name, _ in part.needs})
        self._sizes = [(largest[name], _by_size(parts, name)) for name in names]
        self._gpus = [(index, amount) for amount, index in _by_size(parts, "GPU") if amount]

    def of(self, left: Left, cost: tuple[float, float, int, int], places: int) -> tuple[float, ...]:
        """The least cost if so much is left and so many workers may be added to those that cost so much."""
        unserved = more = 0
        for largest, sizes in self._sizes:
            room, without, needed = largest * places, 0, 0
            for amount, index in sizes:
                served = min(left[index], room // amount) if amount else left[index]
                room -= amount * served
                without += left[index] - served
                needed += amount * left[index]
            unserved = max(unserved, without)
            more = max(more, -(-needed // largest)) if largest else more
        if unserved:
            return (self._missing + unserved, *cost)
        gpus, price, workers, _ = cost
        needed = sum(left[index] * amount for index, amount in self._gpus)
        return (self._missing, gpus + max(0, needed) / UNITS, price, workers + more)


def _by_size(parts: Sequence[_Part], name: str) -> list[tuple[int, int]]:
    """How much of a resource each part takes, the smallest first, with its index."""
    return sorted((dict(part.needs).get(name, 0), index) for index, part in enumerate(parts))


class _Filling:
    """The ways to fill a worker with some parts so that nothing more fits on it."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts, self._known = parts, dict[tuple[int, Left], list[Left]]()
        self._names = sorted({name for part in parts for name, _ in part.needs})
        self._needs = [[(self._names.index(name), amount) for name, amount in part.needs if amount] for part in parts]
        self.looks = 0

    def of(self, slot: Slot, left: Left) -> list[Left]:
        """How many of each part it takes, in each way."""
        usable = tuple(many if self._may_use(part, slot) else 0 for part, many in zip(self._parts, left, strict=True))
        if (id(slot), usable) not in self._known:
            free = [_units(slot.free.get(name, 0.0)) for name in self._names]
            self._known[id(slot), usable] = [took for took, _, _ in self._ways(usable, free, 0, frozenset())]
        return self._known[id(slot), usable]

    @staticmethod
    def _may_use(part: _Part, slot: Slot) -> bool:
        return (part.places is None or id(slot) in part.places) and part.demand.may_run_on(slot.labels)

    def _ways(
        self, left: Left, free: list[int], index: int, spread: frozenset[int]
    ) -> Iterator[tuple[Left, list[int], frozenset[int]]]:
        """All ways to take of the parts from `index` on until nothing more fits, and what is free then.

        `spread` are the gangs that have their one bundle here.
        """
        self.looks += 1
        if self.looks > EFFORT:
            return
        if index == len(left):
            yield (), free, spread
            return
        part = self._parts[index]
        most = self._fitting(index, left[index], free, spread)
        for many in range(most, -1, -1):
            rest, here = free, spread
            if many:
                rest = list(free)
                for name, amount in self._needs[index]:
                    rest[name] -= amount * many
                here = spread | {part.gang} if part.spread and part.gang is not None else spread
            for others, last, gangs in self._ways(left, rest, index + 1, here):
                if many == most or not self._fitting(index, 1, last, gangs):
                    yield (many, *others), last, gangs

    def _fitting(self, index: int, wanted: int, free: list[int], spread: frozenset[int]) -> int:
        """How many of a part fit, of so many that are wanted."""
        part = self._parts[index]
        if part.spread:
            wanted = 0 if part.gang in spread else min(1, wanted)
        for name, amount in self._needs[index]:
            if free[name] < amount * wanted:
                wanted = free[name] // amount
        return wanted


def _whole(parts: Sequence[_Part], states: Iterable[Left]) -> Iterator[Left]:
    """The states in which the gangs are placed whole."""
    of_gangs = [index for index, part in enumerate(parts) if part.gang is not None]
    return (left for left in states if not any(left[index] for index in of_gangs))


def _part(
    demand: Demand, gang: int | None = None, places: frozenset[int] | None = None, *, spread: bool = False
) -> _Part:
    needs = tuple((name, _units(amount)) for name, amount in demand.shape)
    return _Part(demand, needs, gang, spread, places)


def _units(amount: float) -> int:
    return round(amount * UNITS)


def _kind_order(kind: WorkerType) -> tuple[float, str]:
    return kind.num_gpus, kind.name


def _after(parts: Sequence[_Part], used: _Used) -> Slots:
    """The worker with what was put on it."""
    if not any(used.took):
        return Slots(used.slot, used.many)
    free = dict(used.slot.free)
    for part, many in zip(parts, used.took, strict=True):
        for name, amount in part.demand.shape if many else ():
            free[name] -= amount * many
    return Slots(replace(used.slot, free=free), used.many)
