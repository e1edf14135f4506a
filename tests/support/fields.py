"""What the builders take by name: the fields of the values that they build. mypy holds these to the values' own."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray_watcher_common.state import Demand, Gang, Node, NodeStatus, ResourceBundle
    from scaler.model.alerts import Permission
    from scaler.model.circuit_breaker import LaunchHealth
    from scaler.model.cluster import Waiting, WorkerType
    from scaler.model.no_room import NoRoom
    from scaler.model.pause import Pause
    from scaler.model.schedule import Schedule
    from scaler.model.workers import ActionKind, Joined


class TypeFields(TypedDict, total=False):
    """Of a `WorkerType`."""

    name: str
    num_cpus: float
    num_gpus: float
    memory: int | None
    object_store_memory: int | None
    min_workers: int
    max_workers: int
    idle_timeout: float
    custom_resources: ResourceBundle
    labels: tuple[tuple[str, str], ...]
    image: str | None
    priority: int
    price_per_hour: float
    max_launches: int | None
    warm_workers: int


class PolicyFields(TypedDict, total=False):
    """Of a `Policy`."""

    worker_types: tuple[WorkerType, ...]
    max_workers: int
    min_workers: int
    max_launches: int | None
    upscaling_speed: float | None
    disruption_budget: int | None
    scale_up_cooldown: float
    scale_down_cooldown: float
    join_timeout: float
    drain_timeout: float
    stale_after: float
    alert_expiry: float
    schedules: tuple[Schedule, ...]


class NodeFields(TypedDict, total=False):
    """Of a `Node`, as `builders.node` takes them."""

    total: Mapping[str, float] | None
    available: Mapping[str, float] | None
    status: NodeStatus | None
    idle: float


class WorkerFields(TypedDict, total=False):
    """Of a `Worker`."""

    worker_id: str
    worker_type: str
    created_at: float
    node: Node | None
    detail: str
    action: ActionKind | None
    draining_since: float | None
    host: str | None
    waiting: Waiting | None


class AlertFields(TypedDict, total=False):
    """Of an `Alert`."""

    key: str
    name: str
    firing: bool
    starts_at: float
    received_at: float
    worker_type: str | None
    step: int | None
    summary: str


class StateFields(TypedDict, total=False):
    """Of a `ClusterState`."""

    observed_at: float
    source: str
    gangs: tuple[Gang, ...]
    constraints: tuple[Demand, ...]
    demand_known: bool
    pending_since: float | None
    session: str


class ObservationFields(TypedDict, total=False):
    """Of an `Observation`, but the workers."""

    up: Permission
    down: Permission
    last_scale_up: float | None
    last_scale_down: float | None
    launch_health: Mapping[str, LaunchHealth]
    no_room: Mapping[str, NoRoom]
    last_drain_failure: float | None
    last_prepare_failure: float | None
    demand_since: float | None
    blind_since: float | None
    problem: str
    provider_problem: str
    journal_problem: str
    paused_up: Pause | None
    paused_down: Pause | None
    learned: Mapping[str, Mapping[str, float]]
    joined: Mapping[str, Joined]
