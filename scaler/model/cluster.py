"""The words the scaler thinks in. Pure values: standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ResourceBundle = tuple[tuple[str, float], ...]
"""Resources by name, sorted: hashable, so that equal shapes meet. CPU and GPU count units, memory is bytes."""


def bundle(resources: Mapping[str, float]) -> ResourceBundle:
    """The bundle of `resources`; zero amounts ask for nothing and are left out."""
    return tuple(sorted((name, float(amount)) for name, amount in resources.items() if amount))


def shape_text(shape: ResourceBundle) -> str:
    """A shape as people write it: `CPU:1,GPU:0.5,memory:2GB`; `nothing` for the empty one."""
    return ",".join(f"{name}:{_amount_text(name, amount)}" for name, amount in shape) or "nothing"


def _amount_text(name: str, amount: float) -> str:
    return f"{amount / 1e9:.3g}GB" if name.endswith("memory") and amount >= 1e8 else f"{amount:g}"  # noqa: PLR2004


class Direction(str, Enum):
    """What an alert permits."""

    UP = "up"
    DOWN = "down"


# --- demand and capacity: what `/state` says -----------------------------------------------------------


class Strategy(str, Enum):
    """How a gang's bundles may lie: anywhere, all on one worker, or each on a worker of its own."""

    ANY = "ANY"
    STRICT_PACK = "STRICT_PACK"
    STRICT_SPREAD = "STRICT_SPREAD"


@dataclass(frozen=True, order=True)
class LabelConstraint:
    """A node's label `key` has to be `in` (or `not_in`) `values`."""

    key: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Demand:
    """`count` tasks or actors that each wait for `shape`."""

    shape: ResourceBundle
    count: int
    selectors: tuple[LabelConstraint, ...] = ()


@dataclass(frozen=True)
class Gang:
    """A placement group: all its bundles at once or none."""

    bundles: tuple[Demand, ...]
    strategy: Strategy = Strategy.ANY

    @property
    def count(self) -> int:
        """How many bundles wait."""
        return sum(demand.count for demand in self.bundles)


class NodeStatus(str, Enum):
    """Ray's own node states."""

    RUNNING = "RUNNING"
    IDLE = "IDLE"
    DRAINING = "DRAINING"
    DEAD = "DEAD"


@dataclass(frozen=True)
class Node:
    """A Ray node as `/state` shows it; `instance_id` is our worker id, "" for nodes that are not ours."""

    node_id: str
    status: NodeStatus
    instance_id: str = ""
    is_head: bool = False
    total: Mapping[str, float] = field(default_factory=dict)
    available: Mapping[str, float] = field(default_factory=dict)
    idle_seconds: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    activity: tuple[str, ...] = ()  # what keeps it from being idle, in Ray's words

    @property
    def alive(self) -> bool:
        """Whether the node is there; dead ones stay in Ray's list."""
        return self.status is not NodeStatus.DEAD

    @property
    def in_use(self) -> str:
        """What keeps it busy, for people; "" where nothing does."""
        used = ", ".join(sorted(name for name, amount in self.total.items() if self.available.get(name, 0.0) < amount))
        spoken = (activity.removeprefix("Resource: ").rstrip(".") for activity in self.activity)
        told = (activity[:1].lower() + activity[1:] if activity.startswith("Busy") else activity for activity in spoken)
        return "; ".join(told) or (f"{used} in use" if used else "")


@dataclass(frozen=True)
class Snapshot:
    """The cluster at `observed_at` (unix seconds). Where `demand_known` is false, `demands` says nothing."""

    observed_at: float
    source: str
    nodes: tuple[Node, ...] = ()
    demands: tuple[Demand, ...] = ()
    gangs: tuple[Gang, ...] = ()
    constraints: tuple[Demand, ...] = ()  # of request_resources: what the cluster has to be able to hold, used or not
    demand_known: bool = True
    pending_since: float | None = None  # unix seconds since which something waits unbroken; None: nothing, unknown

    @property
    def pending(self) -> int:
        """Requests that wait for room, placement-group bundles included."""
        return sum(demand.count for demand in self.demands) + sum(gang.count for gang in self.gangs)


# --- workers -------------------------------------------------------------------------------------------


NODE_GROUP_LABEL = "ray.io/node-group"  # RAY_NODE_TYPE_NAME, read in ray._private.resource_and_label_spec


@dataclass(frozen=True)
class WorkerType:
    """What one worker of this type brings and how many of it there may be (Ray's node type)."""

    name: str
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    memory: int | None = None  # bytes of Ray's `memory` resource; None: Ray decides
    object_store_memory: int | None = None  # bytes; None: Ray decides
    min_workers: int = 0
    max_workers: int = 5
    idle_timeout: float = 60.0  # seconds
    custom_resources: ResourceBundle = ()  # beyond Ray's own, for example (("tpu", 4.0),)
    labels: tuple[tuple[str, str], ...] = ()  # Ray labels that selectors ask for, sorted
    image: str | None = None  # of its containers; None: RAY_IMAGE
    priority: int = 0  # the higher is preferred where all else is equal
    max_launches: int | None = None  # launches in flight at most; None: no limit of its own
    warm_workers: int = 0  # prepared beforehand, to join at once when they are needed

    @property
    def resources(self) -> dict[str, float]:
        """What a worker of this type offers to Ray's scheduler, as far as we set it."""
        offered = {"CPU": self.num_cpus, "GPU": self.num_gpus, "memory": float(self.memory or 0)}
        offered["object_store_memory"] = float(self.object_store_memory or 0)
        offered.update(self.custom_resources)
        return {name: amount for name, amount in offered.items() if amount}

    @property
    def node_labels(self) -> dict[str, str]:
        """The labels that Ray will give its nodes, as far as we know them before: ours, and the type's name."""
        return {NODE_GROUP_LABEL: self.name, **dict(self.labels)}


class InstanceStatus(str, Enum):
    """Whether the container or process of a worker is up.

    REQUESTED: its launch is in flight. WARM: it is prepared, and was not told to join Ray yet.
    """

    REQUESTED = "requested"
    WARM = "warm"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True)
class Instance:
    """A worker as its provider sees it: one container or one process group."""

    worker_id: str
    index: int  # the N of `worker-N`: unique among the living, reused after
    worker_type: str
    status: InstanceStatus
    created_at: float  # unix seconds
    detail: str = ""  # container name or pid, and why it exited: for people


@dataclass(frozen=True)
class LaunchRequest:
    """A worker to be: its id is chosen before, so that a launch can be journaled and repeated safely."""

    worker_id: str
    index: int
    worker_type: WorkerType


@dataclass(frozen=True)
class DrainReply:
    """Ray's answer to a drain; `message` says why it was refused."""

    accepted: bool
    message: str = ""
