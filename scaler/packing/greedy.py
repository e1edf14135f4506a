"""One greedy way to pack: take the best worker, fill it, take the next. Pure: standard library only."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING

from ray_watcher_common.state import Gang, Strategy
from scaler.model.cluster import WorkerType
from scaler.packing.capacity import ALMOST, Slot, Slots
from scaler.packing.heuristics import Fit
from scaler.packing.line import Line, requests_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ray_watcher_common.state import Demand
    from scaler.packing.capacity import Taken
    from scaler.packing.heuristics import Score
    from scaler.packing.room import Room

HASTY_LOOKS = 3  # so many workers are looked at for a bundle in a hurry
RESCORED_GROUPS = 50  # so many different workers are compared for each step; more are filled in one fixed order

FREEDOM = attrgetter("slot.freedom")


@dataclass(frozen=True)
class Outcome:
    """The result of one greedy way."""

    workers: list[Slots]
    demands_left: tuple[Demand, ...]
    gangs_left: tuple[Gang, ...]
    joining: Counter[WorkerType]

    @cached_property
    def launched(self) -> Counter[WorkerType]:
        """The workers beyond the joining ones that something is put on."""
        counts = Counter[WorkerType]()
        for group in self.workers:
            if group.slot.worker_type and not group.slot.untouched:
                counts[group.slot.worker_type] += group.count
        return counts - self.joining

    @cached_property
    def unserved(self) -> int:
        """How many requests found no place."""
        return sum(demand.count for demand in self.demands_left) + sum(gang.count for gang in self.gangs_left)

    @cached_property
    def cost(self) -> tuple[float, ...]:
        """Requests unserved, GPUs, price, workers, priority, GPUs and CPUs left over: the first difference decides."""
        new = [group for group in self.workers if group.slot.worker_type]
        gpus, cpus = (sum(g.slot.free.get(name, 0.0) * g.count for g in new) for name in ("GPU", "CPU"))
        return (self.unserved, *cost_of(self.launched), gpus, cpus)


def cost_of(launched: Mapping[WorkerType, int]) -> tuple[float, float, int, int]:
    """What launches cost: GPUs, price, workers, priority; the first difference decides."""
    gpus = sum(kind.num_gpus * count for kind, count in launched.items())
    price = sum(kind.price_per_hour * count for kind, count in launched.items())
    priority = sum(kind.priority * count for kind, count in launched.items())
    return (gpus, price, sum(launched.values()), -priority)


@dataclass(frozen=True)
class Way:
    """One greedy way: in which order requests are taken, and which worker is the best for them."""

    line: Line
    score: Score
    joining: Counter[WorkerType] = field(default_factory=Counter)
    gangs_last: bool = False
    rescored: int = RESCORED_GROUPS  # so many different workers are compared for each step
    looked: int = 10**9  # so many different workers are tried for a gang, the freest
    hasty: bool = False  # each bundle of a gang on distinct workers takes the first worker it fits, the freest first

    def run(self, gangs: Sequence[Gang], present: Sequence[Slots], empty: Sequence[Slot], room: Room) -> Outcome:
        """Gangs whole or not at all, then the rest; into `present` first, then into as many `empty` as have `room`."""
        queue, workers, gangs_left = _Queue(self.line, self.score, self.rescored), list(present), []
        if self.gangs_last:
            workers = queue.fill(workers) + queue.launch(empty, room)
        for gang in gangs:
            trial = room.copy()
            if served := self._place(gang, workers, empty, trial):
                workers, room = served, trial
            else:
                gangs_left.append(gang)
        if not self.gangs_last:
            workers = queue.fill(workers) + queue.launch(empty, room)
        return Outcome(workers, queue.left, tuple(gangs_left), self.joining)

    def _place(self, gang: Gang, workers: Sequence[Slots], empty: Sequence[Slot], room: Room) -> list[Slots] | None:
        """All workers once the whole gang is placed, None if there is no place for it."""
        line = Line(requests_of(gang), self.line.order, spread=gang.strategy is Strategy.STRICT_SPREAD)
        if not _may_fit(line, workers, empty, room):
            return None
        looked = min(len(workers), self.looked)
        near = workers if looked == len(workers) else heapq.nlargest(looked, workers, key=FREEDOM)
        for usable, new in places_for(gang, near, empty):
            trial = room.copy()
            if self.hasty and line.spread:
                served = self._spread(line, usable, new, trial)
            else:
                bundles = _Queue(line, self.score, self.rescored)
                placed = bundles.fill(usable) + bundles.launch(new, trial)
                served = None if bundles.left else placed
            if served is not None:
                room.total, room.by_type = trial.total, trial.by_type
                chosen = {id(group) for group in usable}
                return [*(group for group in workers if id(group) not in chosen), *served]
        return None

    def _spread(self, line: Line, usable: Sequence[Slots], new: Sequence[Slot], room: Room) -> list[Slots] | None:
        """The workers once each bundle has one of its own: the first that it fits, the freest first, or a new one."""
        left = sorted(usable, key=FREEDOM, reverse=True)
        done = list[Slots]()
        for demand in line.demands:
            count = demand.count
            for at in range(min(len(left), HASTY_LOOKS)) if count else ():
                group = left[at]
                if group.slot.capacity(demand):
                    many = min(count, group.count)
                    done.append(Slots(group.slot.after(demand), many))
                    left[at : at + 1] = [Slots(group.slot, group.count - many)] if many < group.count else []
                    count -= many
                    break
            for slot, after in self._best_new(demand, new) if count else ():
                if many := min(count, room.of(slot.kind)):
                    room.take(slot.kind, many)
                    done.append(Slots(after, many))
                    count -= many
            if count:
                return None
        return [*done, *left]

    def _best_new(self, demand: Demand, new: Sequence[Slot]) -> list[tuple[Slot, Slot]]:
        """The new workers that one of a demand fits, the best first, before and after it is put there."""
        key = demand.shape, demand.selectors, demand.fallbacks, len(new)
        if key not in self._known:
            fitting = [(slot, slot.after(demand)) for slot in new if slot.capacity(demand)]
            selects, totals = bool(demand.selectors), dict(demand.shape)
            fitting.sort(key=lambda one: self.score(Fit(one[0], one[1], totals, 1, selects)), reverse=True)
            self._known[key] = fitting
        return self._known[key]

    @cached_property
    def _known(self) -> dict[tuple[object, ...], list[tuple[Slot, Slot]]]:
        return {}


def _may_fit(line: Line, workers: Sequence[Slots], empty: Sequence[Slot], room: Room) -> bool:
    """Whether there is as much of each resource as all requests of a line take together."""
    for name, needed in line.totals.items():
        most = max((slot.free.get(name, 0.0) for slot in empty if room.of(slot.kind)), default=0.0)
        short = needed * ALMOST - most * max(0, room.total)
        if short > 0 and sum(group.slot.free.get(name, 0.0) * group.count for group in workers) < short:
            return False
    return True


@dataclass(frozen=True)
class _Step:
    """What a worker takes, how it is then, and how good that is."""

    after: Slot
    taken: Taken
    score: tuple[float, ...]


class _Queue:
    """How much of a line is still pending while workers are filled with it."""

    def __init__(self, line: Line, score: Score, rescored: int) -> None:
        self._line, self._score, self._rescored = line, score, rescored
        self._counts = [demand.count for demand in line.demands]
        self._steps: dict[Slot, _Step] = {}

    @property
    def left(self) -> tuple[Demand, ...]:
        """What has found no place yet."""
        left = zip(self._line.demands, self._counts, strict=True)
        return tuple(replace(demand, count=count) for demand, count in left if count)

    def fill(self, workers: Sequence[Slots]) -> list[Slots]:
        """Fill present workers, the best first (if very many, most in the given order). Returns all of them."""
        ordered = sorted(workers, key=lambda group: group.slot.free.get("GPU", 0.0) > 0)
        many, few = ordered[: -self._rescored], ordered[-self._rescored :]
        return [filled for group in many for filled in self._fill_alone(group)] + self._fill_best_first(few)

    def launch(self, empty: Sequence[Slot], room: Room) -> list[Slots]:
        """Fill new workers, the best first, until the demand or the room is used up. Returns those."""
        done: list[Slots] = []
        while best := self._best([Slots(slot, count) for slot in empty if (count := room.of(slot.kind))]):
            group, step = best
            done.append(Slots(step.after, self._take(step.taken, group.count)))
            room.take(group.slot.kind, done[-1].count)
        return done

    def _fill_alone(self, group: Slots) -> list[Slots]:
        """Fill a worker without comparing it to others."""
        done, left = list[Slots](), group.count
        while left and self._pending:
            after, taken = self._line.served_by(group.slot, self._counts)
            if not taken:
                break
            done.append(Slots(after, self._take(taken, left)))
            left -= done[-1].count
        return [*done, Slots(group.slot, left)] if left else done

    @property
    def _pending(self) -> bool:
        return any(self._counts)

    def _fill_best_first(self, workers: list[Slots]) -> list[Slots]:
        done: list[Slots] = []
        while best := self._best(workers):
            group, step = best
            done.append(Slots(step.after, self._take(step.taken, group.count)))
            workers = [other for other in workers if other is not group]
            if rest := group.count - done[-1].count:
                workers.append(Slots(group.slot, rest))
        return done + workers

    def _best(self, workers: Sequence[Slots]) -> tuple[Slots, _Step] | None:
        """The best worker for what is left, and what it takes; None if nothing fits."""
        if not self._pending:
            return None
        options = [(group, step) for group in workers if (step := self._step(group.slot)).taken]
        return max(options, key=lambda option: option[1].score, default=None)

    def _step(self, slot: Slot) -> _Step:
        """What a worker takes; what it would have taken before, as long as there is that much left."""
        step = self._steps.get(slot)
        if step is None or not self._has(step.taken):
            after, taken = self._line.served_by(slot, self._counts)
            served, selects = self._line.tally(taken)
            score = self._score(Fit(slot, after, self._line.totals, served, selects))
            step = self._steps[slot] = _Step(after, taken, score)
        return step

    def _has(self, taken: Taken) -> bool:
        for index, count in taken:  # noqa: SIM110  # all() takes twice as long in the hot loop
            if self._counts[index] < count:
                return False
        return True

    def _take(self, taken: Taken, at_most: int) -> int:
        """Take the same `at_most` times, as long as that much is pending; returns how often."""
        times = min(at_most, *(self._counts[index] // count for index, count in taken))
        for index, count in taken:
            self._counts[index] -= count * times
        return times


def places_for(gang: Gang, workers: Sequence[Slots], empty: Sequence[Slot]) -> Iterator[tuple[list[Slots], list[Slot]]]:
    """The workers, and new ones, among which a gang may be placed: one after the other is tried.

    Some bundles of a rescheduled placement group may still be placed: a STRICT_SPREAD group keeps clear of their nodes,
    a STRICT_PACK group joins them, and one that is bound to a label has the value that they have.
    """
    theirs = [group for group in workers if gang.group and gang.group in group.slot.groups]
    if gang.strategy is Strategy.STRICT_PACK and theirs:
        yield theirs, []
        return
    usable, new = list(workers), list(empty)
    if gang.strategy is Strategy.STRICT_SPREAD:
        usable = [group for group in workers if not gang.group or gang.group not in group.slot.groups]
    if not gang.same_label:
        yield usable, new
        return
    slots = [group.slot for group in theirs] or [*(group.slot for group in usable), *new]
    for value in sorted({slot.labels[gang.same_label] for slot in slots if gang.same_label in slot.labels}):
        yield (
            [group for group in usable if group.slot.labels.get(gang.same_label) == value],
            [slot for slot in new if slot.labels.get(gang.same_label) == value],
        )
