"""Room on workers, present or to come, and how much demand one of them takes. Pure: standard library only.

Work is counted by shape and workers by equal state, never one by one: the cost grows with shapes and distinct
workers, not with requests.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ray_watcher_common.state import Demand, Gang, Node
    from scaler.model.cluster import WorkerType

    Taken = tuple[tuple[int, int], ...]
    """How many of each demand, by its index; a demand that is not named: none."""
    Block = tuple[int, int, Sequence[tuple[str, float]]]
    """Demands in a row, from one index to before another, and what any of them takes at least."""

TOLERANCE = 1e-6  # Ray counts resources in units of 1e-4; sums of floats must not lose a whole task
ALMOST = 1 - TOLERANCE
UNLIMITED = 10**18


@dataclass(frozen=True, eq=False)
class Slot:
    """The room of a worker: what is free of what it has in total. `worker_type` is set for one to be launched."""

    free: Mapping[str, float]
    total: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)
    worker_type: WorkerType | None = None
    groups: frozenset[str] = frozenset()  # ids of the placement groups with a bundle here

    @property
    def kind(self) -> str:
        """The name of its worker type, "" for a present worker."""
        return self.worker_type.name if self.worker_type else ""

    @property
    def untouched(self) -> bool:
        """Whether it is a fresh worker on which nothing was put."""
        return self.free is self.total

    @cached_property
    def freedom(self) -> float:
        """How many CPUs are free."""
        return self.free.get("CPU", 0.0)

    def capacity(self, demand: Demand) -> int:
        """How many of `demand` fit (all of them if it asks for nothing)."""
        return _capacity(self.free, self.labels, demand, demand.count)

    def after(self, demand: Demand) -> Slot:
        """The slot once one of `demand`, which fits, is put there."""
        free = dict(self.free)
        for name, amount in demand.shape:
            free[name] -= amount
        return Slot(free, self.total, self.labels, self.worker_type, self.groups)

    def filled(
        self,
        demands: Sequence[Demand],
        counts: Sequence[int],
        *,
        at_most: int | None = None,
        indices: Iterable[int] | None = None,
        blocks: Iterable[Block] = (),
    ) -> tuple[Slot, Taken]:
        """The slot after taking what fits of each demand in order: at most its pending count, and `at_most` in all.

        `indices` are the demands that may fit, if that is known; else `blocks` are all of them.
        """
        free, taken = dict(self.free), list[tuple[int, int]]()
        left = UNLIMITED if at_most is None else at_most
        if indices is not None:
            self._fill(free, taken, demands, counts, indices, left)
        for start, end, least in blocks if indices is None else ():
            for name, amount in least:
                if free.get(name, 0.0) < amount:
                    break
            else:
                pending = compress(range(start, end), counts[start:end])
                left = self._fill(free, taken, demands, counts, pending, left)
                if not left:
                    break
        return Slot(free, self.total, self.labels, self.worker_type, self.groups), tuple(taken)

    def _fill(
        self,
        free: dict[str, float],
        taken: list[tuple[int, int]],
        demands: Sequence[Demand],
        counts: Sequence[int],
        indices: Iterable[int],
        left: int,
    ) -> int:
        """Take what fits of these demands, at most `left`; returns how many of that are left."""
        for index in indices:
            count = counts[index]
            if not count:
                continue
            demand = demands[index]
            for name, amount in demand.shape:  # the hot loop: most requests do not fit
                if free.get(name, 0.0) < amount * ALMOST:
                    break
            else:
                fits = _capacity(free, self.labels, demand, min(count, left))
                if not fits:
                    continue
                left -= fits
                taken.append((index, fits))
                for name, amount in demand.shape:
                    free[name] -= amount * fits
                if not left:
                    break
        return left


@dataclass(frozen=True)
class Slots:
    """`count` workers of equal state."""

    slot: Slot
    count: int


def fresh(worker_type: WorkerType) -> Slot:
    """A worker of this type, empty."""
    resources = worker_type.resources
    return Slot(resources, resources, worker_type.node_labels, worker_type)


def of_node(node: Node, *, whole: bool = False) -> Slot:
    """What is free on a node; all that it has if `whole`."""
    return Slot(node.total if whole else node.available, node.total, node.labels, None, frozenset(node.groups))


Key = tuple[tuple[tuple[str, float, float], ...], tuple[tuple[str, str], ...], tuple[str, ...]]
"""What requests see of a worker: resources they ask for (free, total), labels they select by, groups they belong to."""


@dataclass(frozen=True)
class Sight:
    """The resources, labels and groups that some requests ask for: all else of a worker does not matter to them.

    Ray gives each node resources and labels of its own (`node:10.0.0.7`): nobody asks for them.
    """

    names: tuple[str, ...]
    keys: tuple[str, ...]
    groups: frozenset[str] = frozenset()

    def key(self, slot: Slot) -> Key:
        """Equal for workers that are alike to these requests."""
        free, total, labels = slot.free, slot.total, slot.labels
        return (
            tuple([(name, free.get(name, 0.0), total.get(name, 0.0)) for name in self.names]),
            tuple([(key, labels[key]) for key in self.keys if key in labels]),
            tuple(sorted(slot.groups & self.groups)) if slot.groups else (),
        )


def sight(demands: Iterable[Demand], gangs: Iterable[Gang] = ()) -> Sight:
    """What these ask for together."""
    gangs = tuple(gangs)
    requests = (*demands, *(part for gang in gangs for part in gang.bundles))
    names = {"GPU"}.union(name for request in requests for name, _ in request.shape)
    wanted = (one for request in requests for one in (request.selectors, *request.fallbacks))
    keys = {selector.key for selectors in wanted for selector in selectors}
    keys |= {gang.same_label for gang in gangs if gang.same_label}
    groups = frozenset(gang.group for gang in gangs if gang.group)
    return Sight(tuple(sorted(names)), tuple(sorted(keys)), groups)


def grouped(slots: Iterable[Slot], seen: Sight) -> dict[Key, Slots]:
    """Slots that are alike, in an order that does not depend on the input's."""
    slots = list(slots)
    same = Counter(map(id, slots))  # new workers of a type are one and the same slot
    counts = Counter[Key]()
    for slot in {id(slot): slot for slot in slots}.values() if len(same) < len(slots) else slots:
        counts[seen.key(slot)] += same[id(slot)]
    return {key: Slots(_slot(key), counts[key]) for key in sorted(counts)}


def _slot(key: Key) -> Slot:
    room, labels, groups = key
    free, total = {name: free for name, free, _ in room}, {name: total for name, _, total in room if total}
    return Slot(free, total, dict(labels), None, frozenset(groups))


def _capacity(free: Mapping[str, float], labels: Mapping[str, str], demand: Demand, count: int) -> int:
    """How many of `count` requests fit into what is free."""
    for name, amount in demand.shape:
        room = free.get(name, 0.0)
        if room < amount * count:
            count = int(room / amount + TOLERANCE)
            if count <= 0:
                return 0
    return count if not (demand.selectors or demand.fallbacks) or demand.may_run_on(labels) else 0
