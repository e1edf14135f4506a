"""How many workers of which type the demand needs. Pure: standard library only.

Bin packing is hard; greedy rules are good and never all of them always. So several greedy ways are walked, one of
them the way of Ray's own autoscaler (`ray.autoscaler.v2.scheduler`), and the best outcome is taken: the most
requests served, then the fewest workers, then the least GPU and CPU left over. Hence never worse than Ray's.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, product
from operator import attrgetter
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, Gang, Strategy, merged
from scaler.model.cluster import WorkerType
from scaler.packing.capacity import TOLERANCE, Key, Sight, Slot, Slots, fresh, grouped, sight
from scaler.packing.greedy import RESCORED_GROUPS, Line, Outcome, Room, Way, requests_of
from scaler.packing.heuristics import (
    LIMITED_ORDERS,
    LIMITED_SCORES,
    ORDERS,
    SCORES,
    as_ray_orders,
    as_ray_scores,
    gang_orders,
    limited_gang_orders,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scaler.packing.heuristics import Order, Score

    _Choice = tuple[tuple[Gang, ...], Line, Score, bool]

# How many looks of a worker at a request one packing takes at most, roughly: about a tenth of a second of one core. A
# larger problem is packed in fewer ways (always by Ray's order), and fewer workers are compared for each step.
EFFORT = 300_000
SETTLE_ROUNDS = 3  # each makes the outcome better; more than one is rare
# If a limit leaves something unserved, every mix of as many workers as have room is packed, up to so many mixes of so
# many different requests: small pools, where one worker more or less of a type matters most.
WAYS = len(ORDERS) * len(SCORES)
POOLED_GANGS = 5  # so many gangs or more are first packed as if their bundles were single requests
MIXES, MIXED_REQUESTS, LIMITED_WAYS = 40, 20, 50


@dataclass(frozen=True)
class Packing:
    """Workers to launch, what the limits leave pending, and what fits no worker type."""

    launches: tuple[WorkerType, ...] = ()
    waiting: tuple[Demand | Gang, ...] = ()
    infeasible: tuple[Demand | Gang, ...] = ()
    spare: Counter[Key] = field(default_factory=Counter)
    """Workers that none of it is put on, by what the requests see of them (`seen`)."""
    seen: Sight = field(default_factory=lambda: Sight((), ()))

    @property
    def unmet(self) -> int:
        """How many requests the limits leave pending."""
        return sum(left.count for left in self.waiting)

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
    """Put the demand into `slots` and what fits nowhere there into new workers, as far as there is `room`.

    Gangs go first, whole or not at all. Workers with GPUs take work that needs none only if no other type can, or
    if a limit leaves more of it unserved otherwise.
    """
    demands, gangs, slots = tuple(demands), tuple(gangs), tuple(slots)
    seen = sight(demands, gangs)
    there = grouped((slot for slot in slots if slot.worker_type is None), seen)
    joining = Counter(slot.worker_type for slot in slots if slot.worker_type)
    for kind in worker_types:  # one that is there and empty is as good as one that joins: the same plan fits again
        if found := there.pop(seen.key(fresh(kind)), None):
            joining[kind] += found.count
    places = [fresh(kind) for kind in worker_types if room.of(kind.name)]
    places += [*map(fresh, joining), *(group.slot for group in there.values())]
    asked: list[Demand | Gang] = [*gangs, *demands]
    fitting = _Fitting(places)
    parts = [(one, fitting.holds(one)) for one in asked if one.count]
    work = _Work(
        [one for one, placeable in parts if placeable and isinstance(one, Demand)],
        [one for one, placeable in parts if placeable and isinstance(one, Gang)],
        list(there.values()),
        joining,
        worker_types,
    )
    best = work.best(room)
    waiting, infeasible = list[Demand | Gang](), list[Demand | Gang]()
    unserved: list[Demand | Gang] = [
        *best.gangs_left,
        *best.demands_left,
        *(one for one, placeable in parts if not placeable),
    ]
    for left in unserved:
        (waiting if could_hold(left, worker_types) else infeasible).append(left)
    launches = tuple(best.launched.elements())
    return Packing(launches, tuple(waiting), tuple(infeasible), work.spare(best, there, seen), seen)


@dataclass(frozen=True)
class _Work:
    """What there is to pack, where there is room now, which workers are joining, empty, and which types there are."""

    demands: Sequence[Demand]
    gangs: Sequence[Gang]
    present: Sequence[Slots]
    joining: Counter[WorkerType]
    worker_types: Sequence[WorkerType]

    def best(self, room: Room) -> Outcome:
        """The best outcome, whole gangs by gangs or, if there is room for all, their bundles like any other request."""
        loose, others = _loose(self.gangs)
        if not loose:
            return self.settle(room)
        requests = merged((*self.demands, *(part for gang in loose for part in gang.bundles)))
        pooled = replace(self, demands=requests, gangs=others).settle(room)
        return self.settle(room) if pooled.unserved else pooled

    def settle(self, room: Room) -> Outcome:
        """The best outcome that stays the best once its workers are joining, so that planning again adds nothing."""
        best = self._best(self._tried(room, self._choices))
        if best.unserved:
            best = self._limited(best, room)
        for _ in range(SETTLE_ROUNDS if self._few else 0):
            if best.launched:
                best = self._with_none_to_spare(best)
            if not best.launched or not best.unserved:
                break
            left = room.copy()
            for kind, count in best.launched.items():
                left.take(kind.name, count)
            again = self._best(self._ways(left, self.joining + best.launched, self._choices))
            if again.cost >= best.cost:
                break
            best = again
        return best

    def _tried(self, room: Room, choices: Sequence[_Choice]) -> Iterator[Outcome]:
        """Where each way ends; once more as if nobody were joining: how the joining were chosen is found again."""
        yield from self._ways(room, self.joining, choices)
        if self.joining:
            outcomes = self._ways(room.with_(self.joining), Counter(), choices)
            yield from (outcome for outcome in outcomes if room.holds(outcome.launched))

    def _ways(self, room: Room, there: Counter[WorkerType], choices: Sequence[_Choice]) -> Iterator[Outcome]:
        """Where each greedy way ends that may use the empty workers in `there` and launch as many as have `room`."""
        joined = sorted(there.items(), key=lambda item: item[0].name)
        workers = [*self.present, *(Slots(self._empty[kind], count) for kind, count in joined)]
        new = [self._empty[kind] for kind in self.worker_types]
        for gangs, line, score, gangs_last in choices:
            yield Way(line, score, self.joining, gangs_last, self.rescored, self.looked).run(
                gangs, workers, new, room.copy()
            )

    def _limited(self, best: Outcome, room: Room) -> Outcome:
        """A better outcome if a limit leaves something unserved: by further ways, then with each mix of workers.

        A mix is tried only if it might serve more than the best so far, or as much with fewer GPUs or workers.
        """
        further = self._limited_choices[: max(2, min(LIMITED_WAYS, EFFORT // self._size))]
        mixes = list(islice(_mixes(self.worker_types, room), MIXES + 1))
        if not self._few or len(mixes) > MIXES or len(self.demands) + len(self.gangs) > MIXED_REQUESTS:
            return self._best([best, *self._tried(room, further)])
        bounds = sorted(((self._bound(mix), index) for index, mix in enumerate(mixes)))
        if bounds[0][0] < best.cost[:3]:
            best = self._best([best, *self._tried(room, further)])
        for bound, index in bounds:
            if bound < best.cost[:3]:
                ways = self._ways(Room(0, {}), self.joining + mixes[index], self._limited_choices)
                best = min(best, *_until(ways, bound), key=attrgetter("cost"))
        return best

    def _bound(self, mix: Counter[WorkerType]) -> tuple[float, float, float]:
        """No way with these workers is better: the fewest unserved, and no GPUs or workers of it if it serves less."""
        return (self._fewest_unserved(self.joining + mix), 0, 0)

    def spare(self, outcome: Outcome, there: Mapping[Key, Slots], seen: Sight) -> Counter[Key]:
        """The workers, present or joining, on which the outcome puts nothing."""
        untouched = {id(group.slot): key for key, group in there.items()}
        empty = {id(slot) for slot in self._empty.values()}
        spare, used = Counter[Key](), Counter[WorkerType]()
        for group in outcome.workers:
            if id(group.slot) in untouched:
                spare[untouched[id(group.slot)]] += group.count
            elif group.slot.worker_type and id(group.slot) not in empty:
                used[group.slot.worker_type] += group.count
        for kind, count in (self.joining - used).items():
            spare[seen.key(self._empty[kind])] += count
        return spare

    @cached_property
    def _empty(self) -> dict[WorkerType, Slot]:
        return {kind: fresh(kind) for kind in (*self.worker_types, *self.joining)}

    @cached_property
    def _size(self) -> int:
        """How many looks of a worker at a request one way takes, roughly."""
        kinds, bundles = len(self.worker_types) + 1, sum(len(gang.bundles) for gang in self.gangs)
        demands = len(self.demands)
        return 1 + demands * (len(self.present) + kinds * demands) + bundles * (len(self.present) + bundles)

    @property
    def _few(self) -> bool:
        """Whether it is so small that all ways may be tried."""
        return self._size * WAYS <= EFFORT and len(self.present) <= RESCORED_GROUPS

    @cached_property
    def rescored(self) -> int:
        """How many workers may be compared for each step."""
        requests = max(1, len(self.demands), *(len(gang.bundles) for gang in self.gangs)) * max(1, len(self.gangs))
        return min(RESCORED_GROUPS, max(1, math.isqrt(EFFORT // requests)))

    @cached_property
    def looked(self) -> int:
        """How many different workers each gang may try."""
        return max(RESCORED_GROUPS, EFFORT // (1 + sum(len(gang.bundles) for gang in self.gangs)))

    @cached_property
    def _choices(self) -> list[_Choice]:
        """What the ways differ in."""
        if self._few:
            return self._choose(ORDERS, SCORES)
        return self._choose(ORDERS[:2], SCORES[:2]) if self._size * WAYS <= 2 * EFFORT else [self.quickest]

    @cached_property
    def quickest(self) -> _Choice:
        """Ray's own way."""
        return self._choose((as_ray_orders,), (as_ray_scores,))[0]

    @cached_property
    def _limited_choices(self) -> list[_Choice]:
        """The same if a limit leaves something unserved."""
        choices = self._choose(LIMITED_ORDERS, LIMITED_SCORES)
        if not self.gangs:
            return choices
        others = self._choose(LIMITED_ORDERS, LIMITED_SCORES, limited_gang_orders(self.gangs))
        last = [(gangs, line, score, True) for gangs, line, score, _ in others if gangs is others[0][0]]
        return [*choices, *others, *last]

    def _choose(
        self, orders: Sequence[Order], scores: Sequence[Score], gangs: Sequence[tuple[Gang, ...]] = ()
    ) -> list[_Choice]:
        """Each order with each score; orders that come to the same are one."""
        parts = (self.demands, *(gang.bundles for gang in self.gangs))
        distinct = {tuple(one for part in parts for one in sorted(part, key=order)): order for order in orders}
        lines = [Line(self.demands, order) for order in distinct.values()]
        return list(product(gangs or gang_orders(self.gangs), lines, scores, [False]))

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
            best = self._best([best, *self._ways(Room(0, {}), self.joining + best.launched, self._limited_choices)])
        for kind in sorted(best.launched, key=lambda kind: (-kind.num_gpus, kind.name)):  # the dear ones first
            best = self._with_fewest(kind, best)
        return best

    def _with_fewest(self, kind: WorkerType, best: Outcome) -> Outcome:
        """As good an outcome with as few of `kind` as that takes."""
        count, choices = best.launched[kind], self._limited_choices if best.unserved else self._choices
        others = self.joining + best.launched - Counter({kind: count})

        def serve(n: int) -> bool:
            there = others + Counter({kind: n})
            return self._fewest_unserved(there) <= best.unserved and any(
                outcome.unserved <= best.unserved for outcome in self._ways(Room(0, {}), there, choices)
            )

        if not serve(count - 1):
            return best
        fewest = bisect.bisect_left(range(count), x=True, key=serve)
        return self._best(self._ways(Room(0, {}), others + Counter({kind: fewest}), choices))

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


def _mixes(kinds: Sequence[WorkerType], room: Room) -> Iterator[Counter[WorkerType]]:
    """All ways to fill the room with workers of these types, as many as it takes."""
    if not kinds or room.total <= 0:
        yield Counter()
        return
    kind, others = kinds[0], kinds[1:]
    elsewhere = sum(room.of(other.name) for other in others)
    most = room.of(kind.name)
    for count in range(most, max(0, min(most, room.total - elsewhere)) - 1, -1):
        rest = room.copy()
        rest.take(kind.name, count)
        for mix in _mixes(others, rest):
            yield Counter({kind: count}) + mix


def _until(outcomes: Iterable[Outcome], bound: tuple[float, ...]) -> Iterator[Outcome]:
    """The outcomes up to the first that is as good as it can be."""
    for outcome in outcomes:
        yield outcome
        if outcome.cost[:3] <= bound:
            return


def unplaced(demands: Iterable[Demand], gangs: Iterable[Gang], slots: Iterable[Slot]) -> int:
    """How many requests find no room in `slots`, by one quick way."""
    return _quickly(tuple(demands), tuple(gangs), slots).unserved


def _quickly(demands: Sequence[Demand], gangs: Sequence[Gang], slots: Iterable[Slot]) -> Outcome:
    present = list(grouped(slots, sight(demands, gangs)).values())
    work = _Work(demands, gangs, present, Counter(), ())
    gangs, line, score, _ = work.quickest
    return Way(line, score, rescored=work.rescored, looked=work.looked).run(gangs, present, (), Room(0, {}))


def placed(demands: Iterable[Demand], gangs: Iterable[Gang], slots: Iterable[Slot]) -> Counter[Demand | Gang]:
    """How much of each request finds room in `slots`, by one quick way."""
    demands, gangs, slots = tuple(demands), tuple(gangs), tuple(slots)
    loose, others = _loose(gangs)
    requests = merged((*demands, *(part for gang in loose for part in gang.bundles)))
    outcome = _quickly(requests, others, slots)
    left = Counter({_what(one): one.count for one in outcome.demands_left})
    found = Counter[Demand | Gang]()
    for demand in demands:
        found[demand] += max(0, demand.count - left[_what(demand)])
    for gang in gangs:
        whole = gang not in outcome.gangs_left and not any(left[_what(part)] for part in gang.bundles)
        found[gang] += gang.count if whole else 0
    return found


def _what(demand: Demand) -> tuple[object, ...]:
    return demand.shape, demand.selectors, demand.fallbacks


def _loose(gangs: Sequence[Gang]) -> tuple[list[Gang], list[Gang]]:
    """The gangs that may be packed as single requests, if there are many of them, and the others."""
    loose = [gang for gang in gangs if gang.strategy is Strategy.ANY and not gang.same_label]
    if len(loose) < POOLED_GANGS:
        return [], list(gangs)
    return loose, [gang for gang in gangs if gang.strategy is not Strategy.ANY or gang.same_label]


def could_hold(misfit: Demand | Gang, worker_types: Iterable[WorkerType]) -> bool:
    """Whether workers of these types, as many as it takes, could hold it; a gang may need several types."""
    return _has_places(misfit, [fresh(kind) for kind in worker_types])


def _has_places(misfit: Demand | Gang, places: Sequence[Slot]) -> bool:
    """Whether it could be placed if there were any number of each of `places`."""
    return _Fitting(places).holds(misfit)


class _Fitting:
    """Whether requests could be placed if there were any number of each of some workers."""

    def __init__(self, places: Sequence[Slot]) -> None:
        self._places = places
        self._known: dict[tuple[object, ...], bool] = {}
        self._by_label: dict[str, dict[str, list[Slot]]] = {}

    def holds(self, misfit: Demand | Gang) -> bool:
        """Whether this demand, or each bundle of this gang, fits on one of them."""
        if isinstance(misfit, Demand):
            return self._fits(misfit, self._places)
        parts, key = requests_of(misfit), misfit.same_label
        if not key:
            return all(self._fits(part, self._places) for part in parts)
        values = {slot.labels[key] for slot in self._places if key in slot.labels}
        same = ([slot for slot in self._places if slot.labels.get(key) == value] for value in values)
        return any(all(any(slot.capacity(part) for slot in places) for part in parts) for places in same)

    def _fits(self, part: Demand, places: Sequence[Slot]) -> bool:
        key = (part.shape, part.selectors, part.fallbacks)
        if key not in self._known:
            self._known[key] = any(slot.capacity(part) for slot in self._candidates(part, places))
        return self._known[key]

    def _candidates(self, part: Demand, places: Sequence[Slot]) -> Sequence[Slot]:
        """The places that may have a label that it wants."""
        first = part.selectors[0] if part.selectors and not part.fallbacks else None
        if first is None or first.operator != "in":
            return places
        if first.key not in self._by_label:
            found = self._by_label[first.key] = defaultdict(list)
            for slot in places:
                if first.key in slot.labels:
                    found[slot.labels[first.key]].append(slot)
        return [slot for value in first.values for slot in self._by_label[first.key].get(value, ())]


def fits(misfit: Demand | Gang, slots: Sequence[Slot]) -> bool:
    """Whether one of a demand, or all of a gang, fits into `slots`."""
    if isinstance(misfit, Demand):
        return any(slot.capacity(misfit) for slot in slots)
    return not unplaced((), (misfit,), slots)


def _requests(demands: Iterable[Demand], gangs: Iterable[Gang]) -> tuple[Demand, ...]:
    """All that is pending, the bundles of gangs one by one."""
    return (*demands, *(part for gang in gangs for part in gang.bundles))
