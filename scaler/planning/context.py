"""A plan in the making: what the rules see and add to. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ray_watcher_common.state import ClusterState, NodeStatus
from scaler.model.circuit_breaker import HEALTHY, LaunchHealth
from scaler.model.decision import Action, Cause, Held, Infeasible, Observation
from scaler.model.workers import JOINING, ActionKind, Worker, WorkerState, dangling_nodes
from scaler.packing.capacity import Slot, fresh
from scaler.packing.greedy import Room

if TYPE_CHECKING:
    from collections.abc import Collection

    from scaler.model.policy import Policy


RETRY_SECONDS = 10.0  # what has just failed is not tried again at once, however short the cooldown


def cooldown_left(last_event: float | None, cooldown: float, now: float) -> float:
    """Seconds until the next event is allowed, 0.0 where it is.

    An event further in the future than the cooldown is a clock that was set back; it does not count.
    """
    if last_event is None or last_event > now + cooldown:
        return 0.0
    return max(0.0, last_event + cooldown - now)


def scale_up_wait(observation: Observation, policy: Policy, now: float) -> float:
    """Seconds of cooldown before workers may be launched."""
    return cooldown_left(observation.last_scale_up, policy.scale_up_cooldown, now)


def scale_down_wait(observation: Observation, policy: Policy, now: float) -> float:
    """Seconds before workers may be drained: the cooldown, or a moment of rest after a drain that failed."""
    rest = cooldown_left(observation.last_drain_failure, RETRY_SECONDS, now)
    return max(rest, cooldown_left(observation.last_scale_down, policy.scale_down_cooldown, now))


def sized_like_present_nodes(policy: Policy, observation: Observation) -> Policy:
    """Where the policy leaves a worker's memory to Ray, expect what Ray chose for the nodes that are here."""
    alive = [node for node in observation.snapshot.nodes if node.alive] if observation.snapshot else []

    def largest(resource: str) -> int | None:
        return int(max((node.total.get(resource, 0.0) for node in alive), default=0.0)) or None

    memory, objects = largest("memory"), largest("object_store_memory")
    kinds = (
        replace(kind, memory=kind.memory or memory, object_store_memory=kind.object_store_memory or objects)
        for kind in policy.worker_types
    )
    return replace(policy, worker_types=tuple(kinds))


@dataclass
class Context:
    """The rules' common ground. `demand_met`: no demand waits for a worker that is still to be launched."""

    observation: Observation
    policy: Policy
    now: float
    actions: list[Action] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    infeasible: list[Infeasible] = field(default_factory=list)
    demand_met: bool = True
    settling: bool = False  # a burst that has just begun is given a moment to show its size
    _staying: dict[str, Worker] = field(init=False)

    def __post_init__(self) -> None:
        self._staying = {worker.worker_id: worker for worker in self.observation.workers if worker.counts}

    def remove(self, worker: Worker, cause: Cause, reason: str) -> None:
        """Remove a worker."""
        self.actions.append(Action(ActionKind.REMOVE, cause, reason, worker.worker_type, worker.worker_id))
        self._staying.pop(worker.worker_id, None)

    def hold(self, cause: Cause, count: int, reason: str, worker_id: str = "") -> None:
        """Say that `count` workers or requests are held back; nothing to say for none."""
        if count > 0:
            self.held.append(Held(cause, count, reason, worker_id))

    def health(self, worker_type: str) -> LaunchHealth:
        """How launches of this type have gone."""
        return self.observation.launch_health.get(worker_type, HEALTHY)

    def rests(self, worker_type: str) -> bool:
        """Whether launches of this type have failed so recently that none is tried yet."""
        return self.health(worker_type).wait(self.now) > 0

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
        """Warm workers that can be told to join."""
        return [w for w in self.observation.workers if w.state is WorkerState.WARM and w.action is None]

    def room(self) -> Room:
        """How many workers may yet be launched; warm ones join, or make room.

        One that ended has its place until it is removed: what it started may outlive it for a moment.
        """
        ready = {worker.worker_id for worker in self.ready}
        taken = Counter(w.worker_type for w in self.observation.workers if w.worker_id not in ready)
        taken.update(launch.worker_type for launch in self.launches)
        return Room(
            self.policy.max_workers - taken.total(),
            {kind.name: kind.max_workers - taken[kind.name] for kind in self.policy.worker_types},
        )

    def capacity(
        self, snapshot: ClusterState, without: frozenset[str] = frozenset(), *, as_if_empty: bool = False
    ) -> list[Slot]:
        """Room that is free now or joining; not of draining, dead or vanished nodes, nor of those in `without`.

        `as_if_empty` counts what is in use as free.
        """
        workers = self.observation.workers
        leaving = {w.node.node_id for w in workers if w.node and w.state not in (WorkerState.RUNNING, *JOINING)}
        gone = dangling_nodes(snapshot, workers) | leaving | without
        present = [
            Slot(node.total if as_if_empty else node.available, node.total, node.labels)
            for node in snapshot.nodes
            if node.status in (NodeStatus.RUNNING, NodeStatus.IDLE) and node.node_id not in gone
        ]
        joining = [worker.worker_type for worker in self.staying if worker.state in JOINING]
        kinds = map(self.policy.worker_type, [*joining, *(launch.worker_type for launch in self.launches)])
        return present + [fresh(kind) for kind in kinds if kind is not None]
