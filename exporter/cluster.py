"""What the cluster is and what it waits for, as values; and their JSON, the contract of `/state`.

Pure: standard library only. Readers (`gcs`, `dashboard`) build a `ClusterState`, `families` turns it into
metrics, and the scaler reads the JSON with a reader of its own, held to this one by a golden file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STATE_VERSION = 1
HEAD_RESOURCE = "node:__internal_head__"  # Ray marks its head node with this resource
_GROUP_RESOURCE = re.compile(r"_group_(\d+_)?[0-9a-f]{36}$")

ResourceBundle = tuple[tuple[str, float], ...]
"""Resources by name, sorted: hashable, so that equal shapes meet. CPU and GPU count units, memory is bytes."""


def bundle(resources: Mapping[str, float]) -> ResourceBundle:
    """The bundle of `resources`; zero amounts ask for nothing and are left out."""
    return tuple(sorted((name, float(amount)) for name, amount in resources.items() if amount))


@lru_cache(maxsize=4096)
def in_placement_group(resource: str) -> bool:
    """Whether `resource` is Ray's name for a share of a placement group, `CPU_group_0_<id>` or `CPU_group_<id>`.

    The group holds that room already, so it is no capacity beside its node's CPUs, and what waits for it is no
    demand for more (`PlacementGroupID` is 18 bytes, 36 hex digits).
    """
    return _GROUP_RESOURCE.search(resource) is not None


class Source(str, Enum):
    """Who told us, best first."""

    GCS = "gcs"
    DASHBOARD = "dashboard"
    CPU_HEURISTIC = "cpu_heuristic"


class NodeStatus(str, Enum):
    """Ray's own node states (`ray.rpc.autoscaler.NodeStatus`)."""

    RUNNING = "RUNNING"
    IDLE = "IDLE"
    DRAINING = "DRAINING"
    DEAD = "DEAD"


class Strategy(str, Enum):
    """How a gang's bundles may lie: anywhere, all on one node, or each on a node of its own."""

    ANY = "ANY"
    STRICT_PACK = "STRICT_PACK"
    STRICT_SPREAD = "STRICT_SPREAD"


@dataclass(frozen=True)
class LabelConstraint:
    """A node's label `key` has to be `in` (or `not_in`) `values`."""

    key: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class ResourceDemand:
    """`count` tasks or actors that each wait for `shape`."""

    shape: ResourceBundle
    count: int
    selectors: tuple[LabelConstraint, ...] = ()


@dataclass(frozen=True)
class GangDemand:
    """A placement group that waits for all its bundles at once."""

    bundles: tuple[ResourceDemand, ...]
    strategy: Strategy = Strategy.ANY


@dataclass(frozen=True)
class Node:
    """A Ray node. `instance_id` is the worker id its container or process was given ("" for others)."""

    node_id: str
    status: NodeStatus
    instance_id: str = ""
    worker_type: str = ""
    ip: str = ""
    total: Mapping[str, float] = field(default_factory=dict)
    available: Mapping[str, float] = field(default_factory=dict)
    idle_seconds: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    activity: tuple[str, ...] = ()
    host_cpu_ratio: float | None = None  # physical, of the whole host; only the CPU heuristic knows it

    @property
    def is_head(self) -> bool:
        """Whether Ray's control plane runs here."""
        return HEAD_RESOURCE in self.total

    @property
    def alive(self) -> bool:
        """Whether the node still holds capacity; dead ones stay in Ray's list."""
        return self.status is not NodeStatus.DEAD

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs here by Ray's account; a draining node takes no more work."""
        return self.status in (NodeStatus.IDLE, NodeStatus.DRAINING)

    def used(self, resource: str) -> float:
        """Amount in use; Ray leaves a resource out of `available` when none of it is left."""
        return self.total.get(resource, 0.0) - self.available.get(resource, 0.0)


@dataclass(frozen=True)
class ClusterState:
    """One snapshot. `demand_known` is false where the source cannot tell what waits."""

    source: Source
    observed_at: float  # unix seconds at which this was true, by the source's account
    nodes: tuple[Node, ...] = ()
    demands: tuple[ResourceDemand, ...] = ()
    gangs: tuple[GangDemand, ...] = ()
    constraints: tuple[ResourceDemand, ...] = ()  # what the cluster shall be able to hold, used or not; no demand
    demand_known: bool = True
    pending_since: float | None = (
        None  # unix seconds since which something waits without a break; None: nothing, unknown
    )
    session: str = ""

    @cached_property
    def alive(self) -> tuple[Node, ...]:
        """The nodes that are not dead."""
        return tuple(node for node in self.nodes if node.alive)

    @property
    def pending_tasks(self) -> int:
        """Requests that wait for room: tasks, actors and the bundles of placement groups."""
        return sum(demand.count for demand in (*self.demands, *(b for g in self.gangs for b in g.bundles)))


def merged(demands: Iterable[ResourceDemand]) -> tuple[ResourceDemand, ...]:
    """Equal requests as one, in the order they came; empty ones and those inside a placement group are left out."""
    counts: dict[tuple[ResourceBundle, tuple[LabelConstraint, ...]], int] = {}
    for demand in demands:
        if demand.count > 0 and not any(in_placement_group(name) for name, _ in demand.shape):
            key = demand.shape, demand.selectors
            counts[key] = counts.get(key, 0) + demand.count
    return tuple(ResourceDemand(shape, count, selectors) for (shape, selectors), count in counts.items())


def to_json(state: ClusterState, now: float) -> dict[str, Any]:
    """The body of `/state`, as `json.dumps` takes it; `age_seconds` is counted up to `now`."""
    return {
        "version": STATE_VERSION,
        "source": state.source.value,
        "observed_at": state.observed_at,
        "age_seconds": max(0.0, now - state.observed_at),
        "session": state.session,
        "demand_known": state.demand_known,
        "pending_since": state.pending_since,
        "nodes": [_node_to_json(node) for node in state.nodes],
        "demands": [_demand_to_json(demand) for demand in state.demands],
        "gangs": [
            {"strategy": gang.strategy.value, "bundles": [_demand_to_json(b) for b in gang.bundles]}
            for gang in state.gangs
        ],
        "constraints": [_demand_to_json(constraint) for constraint in state.constraints],
    }


def _node_to_json(node: Node) -> dict[str, Any]:
    return {
        "node_id": node.node_id,
        "status": node.status.value,
        "is_head": node.is_head,
        "instance_id": node.instance_id,
        "worker_type": node.worker_type,
        "ip": node.ip,
        "total": dict(node.total),
        "available": dict(node.available),
        "idle_seconds": node.idle_seconds,
        "labels": dict(node.labels),
        "activity": list(node.activity),
        "host_cpu_ratio": node.host_cpu_ratio,
    }


def _demand_to_json(demand: ResourceDemand) -> dict[str, Any]:
    return {
        "shape": dict(demand.shape),
        "count": demand.count,
        "selectors": [{"key": s.key, "operator": s.operator, "values": list(s.values)} for s in demand.selectors],
    }
