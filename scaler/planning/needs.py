"""One question for launches and drains: what would packing these requests launch? Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from scaler.packing.capacity import of_node
from scaler.packing.solver import Packing, solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray_watcher_common.state import ClusterState, Demand, Gang, Node
    from scaler.model.cluster import WorkerType
    from scaler.model.decision import Cause
    from scaler.packing.room import Room
    from scaler.planning.context import Context


@dataclass(frozen=True)
class Need:
    """Requests and the worker types that may serve them, packed as the plan was when they were looked at.

    `whole_nodes`: they are about all that nodes have, used or not. A worker that they keep is kept with
    this `cause` and `reason`.
    """

    context: Context
    snapshot: ClusterState
    demands: Sequence[Demand]
    gangs: Sequence[Gang]
    kinds: Sequence[WorkerType]
    cause: Cause
    reason: str
    whole_nodes: bool = False
    launched: Counter[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "launched", Counter(self.context.launched))

    @cached_property
    def packing(self) -> Packing:
        """Where the requests go."""
        return self.packed()

    @cached_property
    def wanted(self) -> Counter[str]:
        """The workers that they take beyond those that run or join, by type."""
        return Counter(kind.name for kind in self.packing.launches)

    @cached_property
    def room(self) -> Room:
        """How many workers may be launched for them under max_workers."""
        return self.context.room(self.launched)

    def packed(self, gone: frozenset[str] = frozenset(), room: Room | None = None) -> Packing:
        """The same requests packed without the nodes in `gone`, with this `room` for new workers."""
        slots = self.context.capacity(self.snapshot, gone, whole_nodes=self.whole_nodes, launched=self.launched)
        return solve(self.demands, self.gangs, slots, self.kinds, room or self.room)

    def with_places(self, many: int, gone: frozenset[str] = frozenset()) -> Packing:
        """The same requests packed as if the pool might have so many workers more, without the nodes in `gone`."""
        return self.packed(gone, replace(self.room, total=self.room.total + many))

    def suffers(self, gone: frozenset[str]) -> bool:
        """Whether packing without the nodes in `gone` launches more, or leaves more unserved."""
        again = self.packed(gone)
        return again.unserved > self.packing.unserved or len(again.launches) > len(self.packing.launches)

    def spare(self) -> Spare:
        """The workers that may go, to be taken one by one."""
        return Spare(self, Counter(self.packing.spare))


@dataclass
class Spare:
    """The workers that a need leaves alone; equal workers are counted, not named."""

    need: Need
    left: Counter[object]

    def has(self, node: Node) -> bool:
        """Whether a worker like this node may go."""
        return self.left[self._key(node)] > 0

    def take(self, node: Node) -> None:
        """Let a worker like this node go."""
        self.left[self._key(node)] -= 1

    def claim(self, node: Node) -> bool:
        """Let a worker like this node go, if one may."""
        if may := self.has(node):
            self.take(node)
        return may

    def _key(self, node: Node) -> object:
        return self.need.packing.seen.key(of_node(node, whole=self.need.whole_nodes))
