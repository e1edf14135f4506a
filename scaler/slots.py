"""Room on workers, present or to come, and how much demand one of them takes. Pure: standard library only.

Work is counted by shape and workers by equal state, never one by one: the cost grows with shapes and distinct
workers, not with requests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scaler.model import Demand, LabelConstraint, WorkerType

TOLERANCE = 1e-6  # Ray counts resources in units of 1e-4; sums of floats must not lose a whole task


@dataclass(frozen=True)
class Slot:
    """The room of a worker: what is free of what it has in total. `worker_type` is set for one to be launched."""

    free: Mapping[str, float]
    total: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)
    worker_type: WorkerType | None = None

    def capacity(self, demand: Demand) -> int:
        """How many of `demand` fit (all of them where it asks for nothing)."""
        if demand.selectors and not all(_satisfied(selector, self.labels) for selector in demand.selectors):
            return 0
        fits, free = demand.count, self.free
        for name, amount in demand.shape:
            most = math.floor(free.get(name, 0.0) / amount + TOLERANCE)
            if most < fits:
                if most <= 0:
                    return 0
                fits = most
        return fits

    def filled(self, demands: Sequence[Demand], *, at_most: int | None = None) -> tuple[Slot, tuple[int, ...]]:
        """The slot after taking what fits of each demand in turn (`at_most` requests in all), and how many of each."""
        slot, taken, left = self, [], at_most
        for demand in demands:
            count = slot.capacity(demand) if left is None else min(left, slot.capacity(demand))
            if count:
                slot = slot.without(demand, count)
                left = None if left is None else left - count
            taken.append(count)
        return slot, tuple(taken)

    def without(self, demand: Demand, count: int) -> Slot:
        """The slot after taking `count` of `demand`."""
        free = dict(self.free)
        for name, amount in demand.shape:
            free[name] = free.get(name, 0.0) - amount * count
        return replace(self, free=free)


@dataclass(frozen=True)
class Slots:
    """`count` workers of equal state."""

    slot: Slot
    count: int


def fresh(worker_type: WorkerType) -> Slot:
    """A worker of this type, empty."""
    resources = worker_type.resources
    return Slot(resources, resources, worker_type.node_labels, worker_type)


def grouped(slots: Iterable[Slot]) -> list[Slots]:
    """Equal slots together, in an order that does not depend on the input's."""
    groups: dict[object, list[Slot]] = {}
    for slot in slots:
        kind = slot.worker_type.name if slot.worker_type else ""
        key = (kind, tuple(sorted(slot.free.items())), tuple(sorted(slot.labels.items())))
        groups.setdefault(key, []).append(slot)
    return [Slots(members[0], len(members)) for _, members in sorted(groups.items(), key=lambda group: repr(group[0]))]


def _satisfied(selector: LabelConstraint, labels: Mapping[str, str]) -> bool:
    return (labels.get(selector.key) in selector.values) == (selector.operator == "in")
