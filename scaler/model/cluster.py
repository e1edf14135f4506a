"""What is scaled: worker types, workers as their provider reports them, and requests to launch or drain one.

Nodes and demand are in `ray_watcher_common.state`. Pure values: standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray_watcher_common.state import ResourceBundle


class Direction(str, Enum):
    """What an alert permits."""

    UP = "up"
    DOWN = "down"


# Ray gives a node with this label one of the resource `accelerator_type:<its value>`.
ACCELERATOR_LABEL = "ray.io/accelerator-type"
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
        if self.num_gpus and (accelerator := dict(self.labels).get(ACCELERATOR_LABEL)):
            offered[f"accelerator_type:{accelerator}"] = 1.0
        offered.update(self.custom_resources)
        return {name: amount for name, amount in offered.items() if amount}

    @property
    def node_labels(self) -> dict[str, str]:
        """The labels that Ray will give its nodes, as far as we know them before: ours, and the type's name."""
        return {NODE_GROUP_LABEL: self.name, **dict(self.labels)}


class InstanceStatus(str, Enum):
    """Whether the container or process of a worker is up.

    REQUESTED: its launch is in progress. WARM: it is prepared and has not begun to join Ray.
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
    """Ray's answer to a drain; `message` is why it was refused."""

    accepted: bool
    message: str = ""
