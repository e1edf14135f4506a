"""What the rules of a plan see and add to. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ray_watcher_common.state import ClusterState, NodeStatus
from scaler.model.circuit_breaker import HEALTHY, BreakerState, LaunchHealth
from scaler.model.cluster import NO_ROOM
from scaler.model.decision import Action, Cause, Held, Infeasible, Observation
from scaler.model.no_room import NoRoom
from scaler.model.workers import JOINING, ActionKind, Worker, WorkerState, dangling_nodes
from scaler.packing.capacity import Slot, fresh, of_node
from scaler.packing.room import Room

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from scaler.model.cluster import WorkerType
    from scaler.model.policy import Policy
    from scaler.planning.needs import Need


RETRY_SECONDS = 10.0  # a drain or preparation that failed is not tried again at once, however short the cooldown


def cooldown_left(last_event: float | None, cooldown: float, now: float) -> float:
    """Seconds until the next event is allowed, 0.0 if it is allowed now.

    An event further in the future than the cooldown is a clock that was set back; it does not count.
    """
    if last_event is None or last_event > now + cooldown:
        return 0.0
    return max(0.0, last_event + cooldown - now)


def scale_up_wait(observation: Observation, policy: Policy, now: float) -> float:
    """Seconds of cooldown before workers may be launched."""
    return cooldown_left(observation.last_scale_up, policy.scale_up_cooldown, now)


def scale_down_wait(observation: Observation, policy: Policy, now: float) -> float:
    """Seconds before workers may be drained: the cooldown, or the time to wait after a drain that failed."""
    retry = cooldown_left(observation.last_drain_failure, RETRY_SECONDS, now)
    return max(retry, cooldown_left(observation.last_scale_down, policy.scale_down_cooldown, now))


@dataclass
class Context:
    """One plan in the making: what it rests on, and the actions and holds so far.

    `demand_met`: no demand needs a worker that is still to be launched. `needs`: what was packed, and on which workers.
    """

    observation: Observation
    policy: Policy
    now: float
    actions: list[Action] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    infeasible: list[Infeasible] = field(default_factory=list)
    demand_met: bool = True
    promised: tuple[WorkerType, ...] = ()  # the types as the policy file has them, whatever came true of them
    settling: bool = False  # a burst that has just begun gets a moment to show its size
    needs: list[Need] = field(default_factory=list)
    launched: Counter[str] = field(default_factory=Counter)  # launches of this plan, by worker type
    _staying: dict[str, Worker] = field(init=False)

    def __post_init__(self) -> None:
        self._staying = {worker.worker_id: worker for worker in self.observation.workers if worker.counts}

    def launch(self, worker_type: str, count: int, cause: Cause, reason: str) -> None:
        """Launch `count` workers of this type."""
        if count > 0:
            self.actions += [Action(ActionKind.LAUNCH, cause, reason, worker_type)] * count
            self.launched[worker_type] += count

    def remove(self, worker: Worker, cause: Cause, reason: str) -> None:
        """Remove a worker."""
        self.actions.append(Action(ActionKind.REMOVE, cause, reason, worker.worker_type, worker.worker_id))
        self._staying.pop(worker.worker_id, None)

    def hold(
        self, cause: Cause, count: int, reason: str, worker_id: str = "", *, worker_type: str = "", shape: str = ""
    ) -> None:
        """Hold back `count` workers, or `count` requests of one `shape`; nothing if there are none."""
        if count > 0:
            self.held.append(Held(cause, count, reason, worker_id, worker_type, shape))

    def health(self, worker_type: str) -> LaunchHealth:
        """How launches of this type have gone."""
        return self.observation.launch_health.get(worker_type, HEALTHY)

    def backs_off(self, worker_type: str) -> bool:
        """Whether launches of this type have failed, or found no room, so recently that none is tried yet."""
        return self.fails(worker_type) or self.has_no_room(worker_type)

    def fails(self, worker_type: str) -> bool:
        """Whether launches of this type have failed so recently that none is tried yet."""
        return self.health(worker_type).wait(self.now) > 0

    def gives_up_on(self, worker_type: str) -> bool:
        """Whether others take its place: its breaker is open after failed launches, or its launches find no room."""
        return self.health(worker_type).state(self.now) is BreakerState.OPEN or self.has_no_room(worker_type)

    def has_no_room(self, worker_type: str) -> bool:
        """Whether no host had room for this type so recently that none is tried yet."""
        return self.no_room(worker_type) is not None

    def no_room(self, worker_type: str) -> NoRoom | None:
        """The launch for which no host had room, while it holds its type; one that still waits for room does."""
        for worker in self.observation.workers:
            if worker.waiting in NO_ROOM and worker.worker_type == worker_type:
                return NoRoom(self.now, worker.detail)
        found = self.observation.no_room.get(worker_type)
        return found if found and found.wait(self.now) > 0 else None

    def cheapest_first(self, kinds: Iterable[WorkerType]) -> list[WorkerType]:
        """In which order types are used if the demand does not choose: without GPU, healthy, cheap, high priority.

        A GPU type comes before another whose breaker is open, not before one that failed once and is tried again soon.
        """

        def order(kind: WorkerType) -> tuple[float, ...]:
            gpus, *expense = kind.expense
            return (self.gives_up_on(kind.name), gpus, self.backs_off(kind.name), *expense)

        return sorted(kinds, key=order)

    @property
    def launches(self) -> list[Action]:
        """The launches so far."""
        return [action for action in self.actions if action.kind is ActionKind.LAUNCH]

    @property
    def staying(self) -> Collection[Worker]:
        """Workers that count and that this plan does not remove."""
        return self._staying.values()

    @property
    def ready(self) -> list[Worker]:
        """Warm workers that can join."""
        return [w for w in self.observation.workers if w.state is WorkerState.WARM and w.action is None]

    def in_progress(self) -> Counter[str]:
        """Launches that have not joined yet, those of this plan included, by worker type."""
        return self.launched + self._joining

    @cached_property
    def _joining(self) -> Counter[str]:
        return Counter(worker.worker_type for worker in self.observation.workers if worker.state in JOINING)

    @cached_property
    def _places_taken(self) -> Counter[str]:
        ready = {worker.worker_id for worker in self.ready}
        return Counter(w.worker_type for w in self.observation.workers if w.worker_id not in ready)

    def room(self, launched: Mapping[str, int] | None = None) -> Room:
        """How many workers may yet be launched under max_workers; warm ones join, or make room.

        `launched` are launches to count, all of this plan if not given.

        One that ended has its place until it is removed: what it started may outlive it for a moment.
        """
        taken = self._places_taken + Counter(self.launched if launched is None else launched)
        return Room(
            self.policy.max_workers - taken.total(),
            {kind.name: kind.max_workers - taken[kind.name] for kind in self.policy.worker_types},
        )

    def capacity(
        self,
        snapshot: ClusterState,
        without: frozenset[str] = frozenset(),
        *,
        whole_nodes: bool = False,
        joining: bool = True,
        launched: Mapping[str, int] | None = None,
    ) -> list[Slot]:
        """Room that is free now or joining; not of draining, dead or vanished nodes, nor of those in `without`.

        `whole_nodes` counts what is in use as free. Without `joining` only what is in Ray now. `launched` are launches
        to count, all of this plan if not given.
        """
        workers = self.observation.workers
        leaving = {w.node.node_id for w in workers if w.node and w.state not in (WorkerState.RUNNING, *JOINING)}
        gone = dangling_nodes(snapshot, workers) | leaving | without
        present = [
            of_node(node, whole=whole_nodes)
            for node in snapshot.nodes
            if node.status in (NodeStatus.RUNNING, NodeStatus.IDLE) and node.node_id not in gone
        ]
        if not joining:
            return present
        names = [worker.worker_type for worker in self.staying if worker.state in JOINING]
        slots = {kind.name: fresh(kind) for kind in self.policy.worker_types}
        new = Counter(self.launched if launched is None else launched).elements()
        return present + [slots[name] for name in (*names, *new) if name in slots]
