"""Short ways to the values that tests are about; everything not named is the quiet default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray_watcher_common.state import ClusterState, Demand, Gang, Node, NodeStatus, Strategy, bundle
from scaler.model.alerts import Alert, Permission
from scaler.model.cluster import Direction, WorkerType
from scaler.model.decision import Observation
from scaler.model.policy import Policy
from scaler.model.workers import Worker, WorkerState

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_000_000.0
ONE_CPU = {"CPU": 1.0}


def worker_type(**changes: object) -> WorkerType:
    """One CPU, up to five workers, idle after 60 s."""
    return WorkerType(**{"name": "default", **changes})  # type: ignore[arg-type]


def policy(*kinds: WorkerType, **changes: object) -> Policy:
    """The default type and limits of the guide."""
    values = {"worker_types": kinds or (worker_type(),), "max_workers": 5, **changes}
    return Policy(**values)  # type: ignore[arg-type]


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
) -> Node:
    """A node of one CPU; idle if it says for how long, else busy."""
    capacity = ONE_CPU if total is None else total
    free = capacity if available is None and (idle or status is NodeStatus.IDLE) else (available or {})
    state = status or (NodeStatus.IDLE if idle else NodeStatus.RUNNING)
    node_id = (worker_id or "head").encode().hex()
    return Node(node_id, state, worker_id, is_head, capacity, free, idle)


def head(**changes: object) -> Node:
    """A head without room."""
    return node(is_head=True, **{"total": {"CPU": 1.0}, **changes})  # type: ignore[arg-type]


def worker(index: int = 1, state: WorkerState = WorkerState.RUNNING, **changes: object) -> Worker:
    """`worker-<index>`, running and busy unless its state or `idle` seconds say otherwise."""
    worker_id = worker_name(index)
    values = {"worker_type": "default", "created_at": NOW - 300, **changes}
    idle = values.pop("idle", 0.0)
    if state in (WorkerState.RUNNING, WorkerState.DRAINING) and "node" not in values:
        status = NodeStatus.DRAINING if state is WorkerState.DRAINING else None
        values["node"] = node(worker_id, idle=idle, status=status)  # type: ignore[arg-type]
    return Worker(worker_id, index, state=state, **values)  # type: ignore[arg-type]


def worker_name(index: int) -> str:
    """The id that `worker(index)` has."""
    return f"worker-{index}-{index:06x}"


def alert(direction: Direction = Direction.UP, **changes: object) -> Alert:
    """An alert that has been firing for ten seconds."""
    name = "RayPendingTasks" if direction is Direction.UP else "RayWorkersIdle"
    values = {
        "key": f"group|{name}",
        "name": name,
        "direction": direction,
        "firing": True,
        "starts_at": NOW - 10,
        "received_at": NOW - 10,
        **changes,
    }
    return Alert(**values)  # type: ignore[arg-type]


def permits(direction: Direction = Direction.UP, **changes: object) -> Permission:
    """One alert's permission."""
    return Permission((alert(direction, **changes),))


def snapshot(*nodes: Node, demands: tuple[Demand, ...] = (), **changes: object) -> ClusterState:
    """A fresh snapshot from the GCS."""
    values = {"observed_at": NOW, "source": "gcs", "nodes": nodes, "demands": demands, **changes}
    return ClusterState(**values)  # type: ignore[arg-type]


def observation(*workers: Worker, nodes: tuple[Node, ...] = (), **changes: object) -> Observation:
    """Workers with their nodes in a fresh snapshot, with `demands`, `gangs`, `known` and the times."""
    own = tuple(w.node for w in workers if w.node)
    seen = snapshot(
        *nodes,
        *own,
        demands=changes.pop("demands", ()),  # type: ignore[arg-type]
        gangs=changes.pop("gangs", ()),
        demand_known=changes.pop("known", True),
        pending_since=changes.pop("pending_since", None),
        observed_at=changes.pop("observed_at", NOW),
    )
    return Observation(**{"snapshot": seen, "workers": workers, **changes})  # type: ignore[arg-type]
