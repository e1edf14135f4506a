"""The best of many greedy ways to pack some requests. Pure: standard library only."""

from __future__ import annotations

import bisect
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, Gang, Strategy, merged
from scaler.model.cluster import WorkerType
from scaler.packing.capacity import TOLERANCE, Key, Slot, Slots, fresh
from scaler.packing.choices import Choices
from scaler.packing.exact import Exact
from scaler.packing.greedy import Outcome, Way
from scaler.packing.room import Room

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scaler.packing.capacity import Sight
    from scaler.packing.choices import Choice

SETTLE_ROUNDS = 3  # each makes the outcome better; more than one is rare
POOLED_GANGS = 5  # so many gangs or more are first packed as if their bundles were single requests


@dataclass(frozen=True)
class Search:
    """The requests to pack, the present workers with room, the joining (empty) workers and the worker types."""

    demands: Sequence[Demand]
    gangs: Sequence[Gang]
    present: Sequence[Slots]
    joining: Counter[WorkerType]
    worker_types: Sequence[WorkerType]

    def best(self, room: Room) -> Outcome:
        """The best outcome, whole gangs by gangs or, if there is room for all, their bundles like any other request."""
        loose, others = loose_gangs(self.gangs)
        if not loose:
            return self.settle(room)
        requests = merged((*self.demands, *(part for gang in loose for part in gang.bundles)))
        pooled = replace(self, demands=requests, gangs=others).settle(room, whole=True)
        return self.settle(room) if pooled.unserved else pooled

    def settle(self, room: Room, *, whole: bool = False) -> Outcome:
        """The best outcome: of all for small problems, for others by further ways; `whole`: if that serves all."""
        best = self._best(self._tried(room, self.choices.usual))
        if not (best.unserved or best.launched) or (whole and best.unserved):
            return best
        exact = Exact(self.demands, self.gangs, self.present, self.joining, self._empty, self.worker_types, room)
        if exact.small:
            best = exact.better(best)
        return best if exact.finished else self._settled(best, room)

    def _settled(self, best: Outcome, room: Room) -> Outcome:
        """An outcome that stays the best once its workers are joining, so that planning again adds nothing."""
        if best.unserved:  # a limit: serve as much as there is room for
            best = self._best([best, *self._tried(room, self.choices.further)])
        for _ in range(SETTLE_ROUNDS if self.choices.few else 0):
            if best.launched:
                best = self._with_none_to_spare(best)
            if not best.launched or not best.unserved:
                break
            left = room.copy()
            for kind, count in best.launched.items():
                left.take(kind.name, count)
            again = self._best(self._ways(left, self.joining + best.launched, self.choices.usual))
            if again.cost >= best.cost:
                break
            best = again
        return best

    def _tried(self, room: Room, choices: Sequence[Choice]) -> Iterator[Outcome]:
        """Where each way ends; once more without the joining workers, to find the choice again that launched them."""
        yield from self._ways(room, self.joining, choices)
        if self.joining:
            outcomes = self._ways(room.with_(self.joining), Counter(), choices)
            yield from (outcome for outcome in outcomes if room.holds(outcome.launched))

    def _ways(self, room: Room, there: Counter[WorkerType], choices: Sequence[Choice]) -> Iterator[Outcome]:
        """Where each greedy way ends that may use the empty workers in `there` and launch as many as have `room`."""
        joined = sorted(there.items(), key=lambda item: item[0].name)
        workers = [*self.present, *(Slots(self._empty[kind], count) for kind, count in joined)]
        new = [self._empty[kind] for kind in self.worker_types]
        for gangs, line, score, gangs_last in choices:
            way = Way(line, score, self.joining, gangs_last, **self.choices.bounds)
            yield way.run(gangs, workers, new, room.copy())

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
    def choices(self) -> Choices:
        """The ways to try."""
        return Choices(self.demands, self.gangs, len(self.present), self.worker_types)

    @cached_property
    def _empty(self) -> dict[WorkerType, Slot]:
        return {kind: fresh(kind) for kind in sorted({*self.worker_types, *self.joining}, key=attrgetter("name"))}

    def _best(self, outcomes: Iterable[Outcome]) -> Outcome:
        """The best outcome; none is better than to serve all without more workers."""
        tried = list[Outcome]()
        for outcome in outcomes:
            tried.append(outcome)
            if not outcome.unserved and not outcome.launched:
                return outcome
        return min(tried, key=attrgetter("cost"))

    def _with_none_to_spare(self, best: Outcome) -> Outcome:
        """Pack once more into the chosen workers, and into fewer as long as that serves as much."""
        if best.unserved:
            best = self._best([best, *self._ways(Room(0, {}), self.joining + best.launched, self.choices.limited)])
        for kind in sorted(best.launched, key=lambda kind: (-kind.num_gpus, kind.name)):  # the expensive types first
            best = self._with_fewest(kind, best)
        return best

    def _with_fewest(self, kind: WorkerType, best: Outcome) -> Outcome:
        """As good an outcome with as few of `kind` as that takes."""
        count, choices = best.launched[kind], self.choices.limited if best.unserved else self.choices.usual
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


def loose_gangs(gangs: Sequence[Gang]) -> tuple[list[Gang], list[Gang]]:
    """The gangs that may be packed as single requests, if there are many of them, and the others."""
    loose = [gang for gang in gangs if gang.strategy is Strategy.ANY and not gang.same_label]
    if len(loose) < POOLED_GANGS:
        return [], list(gangs)
    return loose, [gang for gang in gangs if gang.strategy is not Strategy.ANY or gang.same_label]


def _requests(demands: Iterable[Demand], gangs: Iterable[Gang]) -> tuple[Demand, ...]:
    """All that is pending, the bundles of gangs one by one."""
    return (*demands, *(part for gang in gangs for part in gang.bundles))
