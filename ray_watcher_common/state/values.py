"""Nodes and demand of a Ray cluster at one time, as values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from ray_watcher_common.state.resources import ResourceBundle, in_placement_group

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HEAD_RESOURCE = "node:__internal_head__"  # Ray marks its head node with this resource


class NodeStatus(str, Enum):
    """Ray's own node states (`ray.rpc.autoscaler.NodeStatus`)."""

    RUNNING = "RUNNING"
    IDLE = "IDLE"
    DRAINING = "DRAINING"
    DEAD = "DEAD"


class Strategy(str, Enum):
    """Where the bundles of a gang may be placed: anywhere, all on one node, or each on a node of its own."""

    ANY = "ANY"
    STRICT_PACK = "STRICT_PACK"
    STRICT_SPREAD = "STRICT_SPREAD"


@dataclass(frozen=True, order=True)
class LabelConstraint:
    """A node's label `key` must be `in` (or `not_in`) `values`."""

    key: str
    operator: str
    values: tuple[str, ...]

    def met_by(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels will do. Ray: a node without the label meets `not_in`, and no `in`."""
        return (labels.get(self.key) in self.values) is (self.operator == "in")


@dataclass(frozen=True)
class Demand:
    """`count` pending tasks or actors; each needs `shape` on a node that meets all `selectors`.

    `fallbacks` are further sets of selectors, the preferred ones first: Ray takes a node that meets all of any set.
    """

    shape: ResourceBundle
    count: int
    selectors: tuple[LabelConstraint, ...] = ()
    fallbacks: tuple[tuple[LabelConstraint, ...], ...] = ()

    def may_run_on(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels meets the selectors or a fallback."""
        return any(all(one.met_by(labels) for one in wanted) for wanted in (self.selectors, *self.fallbacks))


@dataclass(frozen=True)
class Gang:
    """The pending bundles of a placement group: all are placed at once, or none.

    After the loss of a node some bundles of the group are pending, while others are still placed: their nodes have
    `group` in `Node.groups`, and a STRICT_SPREAD group cannot use these nodes.
    """

    bundles: tuple[Demand, ...]
    strategy: Strategy = Strategy.ANY
    group: str = ""  # Ray's id of the placement group, 36 hex digits; "" if the source does not know it
    same_label: str = ""  # a label that must have one value on all nodes of the gang (Ray's topology strategy)

    @property
    def count(self) -> int:
        """Number of pending bundles."""
        return sum(demand.count for demand in self.bundles)


@dataclass(frozen=True)
class Node:
    """A Ray node. `instance_id` is the worker id its container or process was given, "" for nodes that are not ours."""

    node_id: str
    status: NodeStatus
    instance_id: str = ""
    is_head: bool = False
    total: Mapping[str, float] = field(default_factory=dict)
    available: Mapping[str, float] = field(default_factory=dict)
    idle_seconds: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    activity: tuple[str, ...] = ()  # what keeps it from being idle, in Ray's words
    groups: tuple[str, ...] = ()  # ids of the placement groups with a bundle here, sorted
    worker_type: str = ""
    ip: str = ""
    host_cpu_ratio: float | None = None  # physical, of the whole host; only the CPU heuristic knows it

    @property
    def alive(self) -> bool:
        """Whether the node has capacity; dead ones stay in Ray's list."""
        return self.status is not NodeStatus.DEAD

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs here, by Ray's account; a draining node takes no more work."""
        return self.status in (NodeStatus.IDLE, NodeStatus.DRAINING)

    def used(self, resource: str) -> float:
        """Amount in use; Ray leaves a resource out of `available` when none of it is left."""
        return self.total.get(resource, 0.0) - self.available.get(resource, 0.0)

    @property
    def in_use(self) -> str:
        """What keeps it busy, for people; "" if nothing does."""
        used = ", ".join(sorted(name for name, amount in self.total.items() if self.available.get(name, 0.0) < amount))
        busy = (activity.removeprefix("Resource: ").rstrip(".") for activity in self.activity)
        texts = (text[:1].lower() + text[1:] if text.startswith("Busy") else text for text in busy)
        return "; ".join(texts) or (f"{used} in use" if used else "")


@dataclass(frozen=True)
class ClusterState:
    """The cluster at `observed_at` (unix seconds). If `demand_known` is false, `demands` and `gangs` mean nothing."""

    observed_at: float
    source: str  # name of the exporter's source that read it, for people
    nodes: tuple[Node, ...] = ()
    demands: tuple[Demand, ...] = ()
    gangs: tuple[Gang, ...] = ()
    constraints: tuple[Demand, ...] = ()  # of request_resources: the capacity that must exist, used or not
    demand_known: bool = True
    pending_since: float | None = None  # unix seconds since which something has been pending; None: nothing, or unknown
    session: str = ""  # Ray's name for this run of the cluster

    @cached_property
    def alive(self) -> tuple[Node, ...]:
        """The nodes that are not dead."""
        return tuple(node for node in self.nodes if node.alive)

    @property
    def pending(self) -> int:
        """Number of pending requests: tasks, actors, and bundles of placement groups."""
        return sum(demand.count for demand in self.demands) + sum(gang.count for gang in self.gangs)


def merged(demands: Iterable[Demand]) -> tuple[Demand, ...]:
    """Equal requests as one, in the order of arrival, without empty ones and those inside a placement group."""
    counts: dict[Demand, int] = {}
    for demand in demands:
        if demand.count > 0 and not any(in_placement_group(name) for name, _ in demand.shape):
            kind = replace(demand, count=1)
            counts[kind] = counts.get(kind, 0) + demand.count
    return tuple(replace(kind, count=count) for kind, count in counts.items())
