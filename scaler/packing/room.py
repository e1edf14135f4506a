"""How many workers may yet be launched. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaler.model.cluster import WorkerType


@dataclass
class Room:
    """How many workers may yet be launched, over all and by type."""

    total: int
    by_type: dict[str, int]

    def of(self, worker_type: str) -> int:
        """How many of this type."""
        return max(0, min(self.total, self.by_type.get(worker_type, 0)))

    def take(self, worker_type: str, count: int = 1) -> bool:
        """Use up `count` places if there are as many."""
        if self.of(worker_type) < count:
            return False
        self.total -= count
        self.by_type[worker_type] -= count
        return True

    def copy(self) -> Room:
        """One to try with."""
        return Room(self.total, dict(self.by_type))

    def holds(self, workers: Mapping[WorkerType, int]) -> bool:
        """Whether there is room for all of these."""
        fits = all(count <= self.by_type.get(kind.name, 0) for kind, count in workers.items())
        return fits and sum(workers.values()) <= max(0, self.total)

    def within(self, other: Room) -> Room:
        """The room that both have."""
        by_type = {name: min(count, other.by_type.get(name, 0)) for name, count in self.by_type.items()}
        return Room(min(self.total, other.total), by_type)

    def with_(self, workers: Mapping[WorkerType, int]) -> Room:
        """The room there would be without these workers."""
        by_type = Counter(self.by_type)
        for kind, count in workers.items():
            by_type[kind.name] += count
        return Room(self.total + sum(workers.values()), dict(by_type))
