"""A worker's state, derived from its provider, Ray and our own running actions. Pure: standard library only.

REQUESTED ──▶ ALLOCATED ──▶ RUNNING ──▶ DRAINING ──▶ TERMINATING ──▶ (removed)
(launch       (container    (joined     (Ray takes   (Ray let it go, or
 accepted)     is up)        Ray)        no work)     its removal is running)
    │             ├──▶ JOIN_TIMED_OUT (not in Ray in time; or gone from it for as long)
    └─────────────┴──▶ LAUNCH_FAILED  (ended before it joined)
                  any ──▶ TERMINATED  (ended after it joined)
                  any ──▶ LOST        (its host is down)
WARM ──▶ ALLOCATED (prepared; up, but not in Ray, until its launch lets it join)
Idle is a measurement, not a state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from ray_watcher_common.state import ClusterState, Node, NodeStatus
from scaler.model.cluster import Instance, InstanceStatus, Waiting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

NEVER: Mapping[str, float] = MappingProxyType({})
WORKER_ID = re.compile(r"^worker-(\d+)-[0-9a-f]{6}$")


class WorkerState(str, Enum):
    """The lifecycle state of a worker."""

    WARM = "WARM"
    REQUESTED = "REQUESTED"
    ALLOCATED = "ALLOCATED"
    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    LAUNCH_FAILED = "LAUNCH_FAILED"
    JOIN_TIMED_OUT = "JOIN_TIMED_OUT"
    LOST = "LOST"


JOINING = frozenset({WorkerState.REQUESTED, WorkerState.ALLOCATED})
ENDED = frozenset({WorkerState.TERMINATED, WorkerState.LAUNCH_FAILED, WorkerState.LOST})
LEAVING = frozenset({WorkerState.DRAINING, WorkerState.TERMINATING})


class ActionKind(str, Enum):
    """What the scaler does to a worker."""

    PREPARE = "prepare"
    LAUNCH = "launch"
    DRAIN = "drain"
    REMOVE = "remove"


@dataclass(frozen=True)
class Worker:
    """One worker, provider's and Ray's view joined by its id."""

    worker_id: str
    index: int
    worker_type: str
    state: WorkerState
    created_at: float  # unix seconds; for a warm worker, when it began to join
    node: Node | None = None
    detail: str = ""
    action: ActionKind | None = None  # what is being done to it at this moment
    draining_since: float | None = None  # unix seconds at which Ray was first seen to drain it
    host: str | None = None  # None: all workers share one, or it has none yet
    waiting: Waiting | None = None  # why it is not up yet, or not known to be

    @property
    def counts(self) -> bool:
        """Whether it is in Ray or on its way. One that ended or is warm is neither, though it has a place."""
        return self.state not in ENDED and self.state is not WorkerState.WARM


@dataclass(frozen=True)
class Joined:
    """What a worker turned out to have when it had joined: all its resources, and its labels."""

    total: Mapping[str, float]
    labels: Mapping[str, str]


def lowest_free_index(taken: Collection[int]) -> int:
    """The N for the next `worker-N`."""
    return next(index for index in range(1, len(taken) + 2) if index not in taken)


def join_views(
    instances: Iterable[Instance],
    snapshot: ClusterState | None,
    *,
    last_seen: Mapping[str, float],
    launched: Mapping[str, float] = NEVER,
    running: Mapping[str, ActionKind],
    now: float,
    join_timeout: float,
) -> tuple[Worker, ...]:
    """All workers, lowest index first.

    `last_seen` is when an id was last seen in Ray, `launched` when one began to join (unix seconds); `running`
    what is being done to which id just now.
    """
    nodes = _nodes_by_worker(snapshot) if snapshot else {}

    def since(instance: Instance) -> float:
        return max(instance.created_at, launched.get(instance.worker_id, instance.created_at))

    return tuple(
        sorted(
            (
                Worker(
                    worker_id=instance.worker_id,
                    index=instance.index,
                    worker_type=instance.worker_type,
                    state=_state(
                        instance,
                        nodes.get(instance.worker_id),
                        running.get(instance.worker_id),
                        ever_joined=instance.worker_id in last_seen,
                        overdue=snapshot is not None
                        and now - last_seen.get(instance.worker_id, since(instance)) > join_timeout,
                    ),
                    created_at=since(instance),
                    node=nodes.get(instance.worker_id),
                    detail=instance.detail,
                    action=running.get(instance.worker_id),
                    host=instance.host,
                    waiting=instance.waiting,
                )
                for instance in instances
            ),
            key=lambda worker: (worker.index, worker.worker_id),
        )
    )


def _nodes_by_worker(snapshot: ClusterState) -> dict[str, Node]:
    """A restarted container joins again as a new node while Ray remembers the dead one: the living one counts."""
    return {node.instance_id: node for node in sorted(snapshot.nodes, key=lambda node: node.alive) if node.instance_id}


_LEAVES_NO_DOUBT = {InstanceStatus.TERMINATING: WorkerState.TERMINATING, InstanceStatus.LOST: WorkerState.LOST}


def _state(
    instance: Instance, node: Node | None, running: ActionKind | None, *, ever_joined: bool, overdue: bool
) -> WorkerState:
    if running is ActionKind.REMOVE or instance.status in _LEAVES_NO_DOUBT:
        return _LEAVES_NO_DOUBT.get(instance.status, WorkerState.TERMINATING)
    kept_warm = instance.status is InstanceStatus.WARM and running is not ActionKind.LAUNCH
    if running is ActionKind.PREPARE or (kept_warm and node is None and not ever_joined):
        return WorkerState.WARM
    overdue = overdue and instance.waiting is None  # nobody knows, or it is no fault of the worker
    if instance.status is InstanceStatus.REQUESTED:
        return WorkerState.JOIN_TIMED_OUT if overdue and running is None else WorkerState.REQUESTED
    if instance.status is InstanceStatus.EXITED:
        return WorkerState.TERMINATED if node or ever_joined else WorkerState.LAUNCH_FAILED
    if node is not None:
        return _state_in_ray(node, running)
    # Ray may have lost sight of it for a moment (no snapshot, GCS restarted).
    unseen = WorkerState.RUNNING if ever_joined else WorkerState.ALLOCATED
    return WorkerState.JOIN_TIMED_OUT if overdue else unseen


def _state_in_ray(node: Node, running: ActionKind | None) -> WorkerState:
    if node.status is NodeStatus.DEAD:
        return WorkerState.TERMINATING  # Ray let it go; its container or process does not end by itself
    if running is ActionKind.DRAIN or node.status is NodeStatus.DRAINING:
        return WorkerState.DRAINING
    return WorkerState.RUNNING


def dangling_nodes(snapshot: ClusterState, workers: Iterable[Worker]) -> frozenset[str]:
    """Node ids that Ray still calls alive though their container or process is gone.

    Ray notices a killed worker only after 15 to 30 seconds; until then it holds no capacity.
    """
    up = {worker.worker_id for worker in workers if worker.state not in ENDED}
    return frozenset(
        node.node_id
        for node in snapshot.nodes
        if node.status is not NodeStatus.DEAD and WORKER_ID.match(node.instance_id) and node.instance_id not in up
    )
