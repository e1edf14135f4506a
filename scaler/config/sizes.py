"""How much memory a node promises to Ray if no setting says it: its share of the host's. Pure.

Ray itself would promise nearly the whole host on every node. Here the shares of the head and of all workers that there
may be add up to less than the host has, and a container has the limit that goes with its promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaler.model.cluster import SMALLEST_OBJECT_STORE

if TYPE_CHECKING:
    from scaler.model.policy import Policy

MIB = 1024 * 1024
USABLE = 0.9  # of the host's memory; the rest is the system's and the watcher's
OBJECTS = 0.3  # of a share at most, as Ray itself divides a node
RAY_ON_A_WORKER = 576 * MIB  # raylet and agents need about 240 MiB; and what /dev/shm is larger than the object store
RAY_ON_THE_HEAD = 1088 * MIB  # GCS and dashboard too, and drivers of clients and jobs
SMALLEST_HEAP = 100 * MIB


@dataclass(frozen=True)
class Promise:
    """Bytes that a node promises to Ray: for tasks and actors, and for objects."""

    memory: int
    object_store: int


def share(host_memory: int, workers: int) -> int:
    """Bytes for each node on a host that has one head and at most so many workers."""
    return int(host_memory * USABLE / (workers + 1))


def share_of_rest(host_memory: int, max_workers: int, head: int, workers: list[int]) -> int:
    """Bytes for each further worker next to a head and `workers` (their bytes) that are running.

    Whatever goes and comes, the sum stays within the host: a new worker may take the place of a smaller one.
    """
    left = host_memory * USABLE - head
    to_come = max_workers - len(workers)
    each = left / max(1, max_workers)
    return max(0, int(min(each, (left - sum(workers)) / to_come) if to_come > 0 else each))


def promise(node_memory: int, object_store: int | None, ray_itself: int = RAY_ON_A_WORKER) -> Promise:
    """The promise of a node with so many bytes; `object_store` if it is set, else at most Ray's usual share."""
    if object_store is None:
        object_store = max(SMALLEST_OBJECT_STORE, min(1_000_000_000, int(node_memory * OBJECTS)))
    return Promise(max(SMALLEST_HEAP, node_memory - object_store - ray_itself), object_store)


def overbooked(policy: Policy, head_cpus: float, cpus: int) -> str:
    """A sentence if the pool at its largest promises more CPUs than the host has; else ""."""
    largest = max((kind.num_cpus for kind in policy.worker_types), default=0.0)
    promised = head_cpus + policy.max_workers * largest
    if promised <= cpus:
        return ""
    whose = "head and up to" if head_cpus else "up to"
    return (
        f"{whose} {policy.max_workers} workers promise {promised:g} CPUs to Ray, the host has {cpus}: "
        "tasks that compute run slower then"
    )


def oversold(policy: Policy, host_memory: int) -> str:
    """A sentence if settings let the workers promise more memory than the host has; else ""."""
    each = max(((kind.memory or 0) + (kind.object_store_memory or 0) for kind in policy.worker_types), default=0)
    promised = policy.max_workers * each
    if promised <= host_memory:
        return ""
    return (
        f"up to {policy.max_workers} workers promise {promised / 1e9:.1f} GB to Ray, the host has "
        f"{host_memory / 1e9:.1f} GB: lower max_workers, memory or object_store_memory"
    )
