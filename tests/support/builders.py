"""Short ways to the values that tests are about; everything not named is the quiet default."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ray_watcher_common.state import ClusterState, Demand, Gang, Node, NodeStatus, Strategy, bundle
from scaler.model.alerts import Alert, Permission
from scaler.model.cluster import Direction, WorkerType
from scaler.model.decision import Observation
from scaler.model.policy import Policy
from scaler.model.workers import Worker, WorkerState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Unpack

    from support.fields import (
        AlertFields,
        NodeFields,
        ObservationFields,
        PolicyFields,
        StateFields,
        TypeFields,
        WorkerFields,
    )

NOW = 1_000_000.0
ONE_CPU = {"CPU": 1.0}


def worker_type(**fields: Unpack[TypeFields]) -> WorkerType:
    """One CPU, up to five workers, idle after 60 s."""
    return replace(WorkerType("default"), **fields)


def policy(*kinds: WorkerType, **fields: Unpack[PolicyFields]) -> Policy:
    """The default type and limits of the guide."""
    return replace(Policy(worker_types=kinds or (worker_type(),), max_workers=5), **fields)


def demand(count: int = 1, shape: Mapping[str, float] | None = None) -> Demand:
    """`count` requests of one CPU."""
    return Demand(bundle(ONE_CPU if shape is None else shape), count)


def gang(*shapes: Mapping[str, float], strategy: Strategy = Strategy.ANY) -> Gang:
    """A placement group of these bundles."""
    return Gang(tuple(Demand(bundle(shape), 1) for shape in shapes), strategy)


def node(
    worker_id: str = "",
    *,
    total: Mapping[str, float] | None = None,
    available: Mapping[str, float] | None = None,
    status: NodeStatus | None = None,
    idle: float = 0.0,
    is_head: bool = False,
    labels: Mapping[str, str] | None = None,
) -> Node:
    """A node of one CPU; idle if it says for how long, else busy."""
    capacity = ONE_CPU if total is None else total
    free = capacity if available is None and (idle or status is NodeStatus.IDLE) else (available or {})
    state = status or (NodeStatus.IDLE if idle else NodeStatus.RUNNING)
    node_id = (worker_id or "head").encode().hex()
    return Node(node_id, state, worker_id, is_head, capacity, free, idle, labels or {})


def head(**fields: Unpack[NodeFields]) -> Node:
    """A head without room."""
    return node(is_head=True, **fields)


def worker(
    index: int = 1, state: WorkerState = WorkerState.RUNNING, *, idle: float = 0.0, **fields: Unpack[WorkerFields]
) -> Worker:
    """`worker-<index>`, running and busy unless its state or `idle` seconds say otherwise."""
    name = worker_name(index)
    own = None
    if state in (WorkerState.RUNNING, WorkerState.DRAINING):
        own = node(name, idle=idle, status=NodeStatus.DRAINING if state is WorkerState.DRAINING else None)
    return replace(Worker(name, index, "default", state, NOW - 300, own), **fields)


def worker_name(index: int) -> str:
    """The id that `worker(index)` has."""
    return f"worker-{index}-{index:06x}"


def alert(direction: Direction = Direction.UP, **fields: Unpack[AlertFields]) -> Alert:
    """An alert that has been firing for ten seconds."""
    name = fields.get("name") or ("RayPendingTasks" if direction is Direction.UP else "RayWorkersIdle")
    firing = Alert(f"group|{name}", name, direction, firing=True, starts_at=NOW - 10, received_at=NOW - 10)
    return firing._replace(**fields)


def permits(direction: Direction = Direction.UP, **fields: Unpack[AlertFields]) -> Permission:
    """One alert's permission."""
    return Permission((alert(direction, **fields),))


def snapshot(*nodes: Node, demands: tuple[Demand, ...] = (), **fields: Unpack[StateFields]) -> ClusterState:
    """A fresh snapshot from the GCS."""
    return replace(ClusterState(NOW, "gcs", nodes, demands), **fields)


def observation(
    *workers: Worker,
    nodes: tuple[Node, ...] = (),
    demands: tuple[Demand, ...] = (),
    gangs: tuple[Gang, ...] = (),
    known: bool = True,
    pending_since: float | None = None,
    observed_at: float = NOW,
    **fields: Unpack[ObservationFields],
) -> Observation:
    """Workers with their nodes in a fresh snapshot."""
    own = tuple(w.node for w in workers if w.node)
    seen = snapshot(
        *nodes,
        *own,
        demands=demands,
        gangs=gangs,
        demand_known=known,
        pending_since=pending_since,
        observed_at=observed_at,
    )
    return replace(Observation(seen, workers), **fields)
