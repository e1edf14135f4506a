"""What is scaled: worker types, workers as their provider reports them, and requests to launch or drain one.

Nodes and demand are in `ray_watcher_common.state`. Pure values: standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from scaler.model.declared import declared

if TYPE_CHECKING:
    from ray_watcher_common.state import ResourceBundle


class Direction(str, Enum):
    """What an alert permits."""

    UP = "up"
    DOWN = "down"


# Ray gives a node with this label one of the resource `accelerator_type:<its value>`.
ACCELERATOR_LABEL = "ray.io/accelerator-type"
NODE_GROUP_LABEL = "ray.io/node-group"  # RAY_NODE_TYPE_NAME, read in ray._private.resource_and_label_spec


SMALLEST_OBJECT_STORE = 75 * 1024 * 1024  # bytes; Ray refuses less (OBJECT_STORE_MINIMUM_MEMORY_BYTES)
LARGEST_AMOUNT = 100_000_000_000_000  # of any resource (ray_constants.MAX_RESOURCE_QUANTITY)


@dataclass(frozen=True)
class WorkerType:
    """The resources of a worker of this type and the limits on their number (Ray's node type).

    Each key of `worker_types` in the policy file is declared here alone. None in a size: Ray decides.
    """

    name: str = declared("its name, as in the alert label worker_type; letters, digits, - _ .")
    num_cpus: float = declared("CPUs per worker; Ray takes whole ones only", 1, ge=0, le=LARGEST_AMOUNT)
    num_gpus: float = declared("GPUs per worker; Ray takes whole ones only", 0, ge=0, le=LARGEST_AMOUNT)
    memory: int | None = declared("memory per worker, for example 8GB; without it Ray decides", None, gt=0)
    object_store_memory: int | None = declared(
        "object store memory per worker, for example 1GB",
        None,
        setting="object_store_memory",
        ge=SMALLEST_OBJECT_STORE,
    )
    custom_resources: ResourceBundle = ()  # key `resources`: beyond Ray's own, for example (("tpu", 4.0),)
    labels: tuple[tuple[str, str], ...] = ()  # Ray labels that selectors ask for, sorted
    placement: tuple[str, ...] = ()  # what its hosts must be, in the provider's words; all of it must hold
    image: str | None = declared(
        "image of its containers (provider docker or swarm), with the same Ray as the head; without it RAY_IMAGE", None
    )
    min_workers: int = declared("minimum number of workers of this type", 0, ge=0)
    max_workers: int = declared("maximum number of workers of this type", 5, setting="max_workers", ge=0)
    idle_timeout: float = declared(
        "idle seconds after which a worker of this type may be drained", 60, setting="idle_timeout", ge=0
    )
    priority: int = declared("the higher one is preferred if all else is equal", 0)
    price_per_hour: float = declared("price of a worker per hour; of types that serve the same, the cheaper", 0, ge=0)
    max_launches: int | None = declared(
        "maximum number of launches in progress at once; without it no limit", None, ge=1
    )
    warm_workers: int = declared("number of prepared workers of this type, which join at once when needed", 0, ge=0)

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
    def expense(self) -> tuple[float, float, int]:
        """The smaller, the rather it is launched if the demand does not choose: GPUs, price, and low priority."""
        return self.num_gpus, self.price_per_hour, -self.priority

    @property
    def node_labels(self) -> dict[str, str]:
        """The labels that Ray will give its nodes, as far as we know them before: ours, and the type's name."""
        return {NODE_GROUP_LABEL: self.name, **dict(self.labels)}


class InstanceStatus(str, Enum):
    """Whether the container or process of a worker is up.

    REQUESTED: its launch was accepted and is in progress. WARM: it is prepared and has not begun to join Ray.
    LOST: its host is down. TERMINATING: it was removed, and has its place until it is gone.
    """

    REQUESTED = "requested"
    WARM = "warm"
    RUNNING = "running"
    EXITED = "exited"
    LOST = "lost"
    TERMINATING = "terminating"


class Waiting(str, Enum):
    """Why a worker is not up yet, or not known to be."""

    NO_ROOM = "no host has room"
    NO_ADDRESS = "the network has no address left"
    HOST_UNKNOWN = "its host does not answer"


NO_ROOM = frozenset({Waiting.NO_ROOM, Waiting.NO_ADDRESS})


class HostStatus(str, Enum):
    """Whether a host's workers run, as far as is known. UNKNOWN: it does not answer for the moment."""

    READY = "ready"
    UNKNOWN = "unknown"
    DOWN = "down"


@dataclass(frozen=True)
class Host:
    """A machine that workers run on."""

    name: str
    status: HostStatus
    takes_workers: bool = True  # False: paused or drained for maintenance
    cpus: float = 0.0
    memory: int = 0  # bytes
    free_cpus: float = 0.0  # not yet promised to anything
    free_memory: int = 0
    resources: tuple[tuple[str, float], ...] = ()  # countable others, for example (("GPU", 4.0),)
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do; the defaults are those of a provider of one host."""

    warm_workers: bool = True  # `prepare`
    grace_at_removal: bool = True  # `remove` heeds its `grace_seconds`; else the grace is fixed at the launch
    launch_is_final: bool = True  # what `launch` returned is up; else a launch is accepted, and may fail later
    many_hosts: bool = False  # workers have a host


@dataclass(frozen=True)
class Instance:
    """A worker as its provider sees it: one container or one process group."""

    worker_id: str
    index: int  # the N of `worker-N`: unique among the living, reused after
    worker_type: str
    status: InstanceStatus
    created_at: float  # unix seconds
    detail: str = ""  # container name or pid, and why it exited: for people
    host: str | None = None  # on which it runs or failed; None: all workers share one, or it has none yet
    waiting: Waiting | None = None


@dataclass(frozen=True)
class LaunchRequest:
    """A worker to be: its id is chosen before, so that a launch can be journaled and repeated safely."""

    worker_id: str
    index: int
    worker_type: WorkerType
    avoided_hosts: tuple[str, ...] = ()  # on which launches of its type fail; used if there are no others


@dataclass(frozen=True)
class DrainReply:
    """Ray's answer to a drain; `message` is why it was refused."""

    accepted: bool
    message: str = ""
