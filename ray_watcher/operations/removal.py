"""Remove one worker: drained through Ray if it is idle, or by force."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ray_watcher.errors import NotRunningError, TimedOutError, WatcherError
from scaler.model.workers import Worker, WorkerState

if TYPE_CHECKING:
    from ray_watcher.cluster.base import HeadStatus, RayCluster
    from ray_watcher.host import Host
    from ray_watcher.operations.inventory import Inventory
    from ray_watcher_common.state import Node

REASON = "removed by the operator"
DRAINED_GRACE_SECONDS = 5.0  # Ray has ended already; only its launcher remains
DEAD_TIMEOUT_SECONDS = 10.0  # an idle node is gone about 10 ms after Ray accepted
POLL_SECONDS = 0.05
# These workers never held work, or hold none any more.
HOLDS_NO_WORK = frozenset(
    {WorkerState.WARM, WorkerState.TERMINATED, WorkerState.LAUNCH_FAILED, WorkerState.JOIN_TIMED_OUT}
)


@dataclass(frozen=True)
class Released:
    """A removed worker; `lost` is the work that was stopped with it, "" if it was idle."""

    worker_id: str
    lost: str = ""


def idlest(seen: Inventory) -> Worker:
    """The worker that has been idle the longest.

    Raises `NotRunningError` if there is no worker, `WatcherError` if all of them are busy.
    """
    if not seen.workers:
        raise NotRunningError("the cluster has no workers")
    idle = [(node.idle_seconds, worker) for worker in seen.workers if (node := seen.node(worker)) and node.idle_seconds]
    if not idle:
        raise WatcherError("no worker is idle; name a worker and use --force to stop it with its work")
    return max(idle, key=lambda pair: pair[0])[1]


def drain(host: Host, cluster: RayCluster, seen: Inventory, worker: Worker) -> Released:
    """Drain the worker through Ray, then stop it.

    Raises `WatcherError` with Ray's reason if it is busy or Ray cannot be asked.
    """
    if worker.state in HOLDS_NO_WORK:
        cluster.provider.remove(worker.worker_id, DRAINED_GRACE_SECONDS)
        return Released(worker.worker_id)
    if seen.state is None or seen.head is None:
        raise WatcherError(
            f"cannot ask Ray whether {worker.worker_id} is idle: {seen.problem}; use --force to stop it anyway"
        )
    if node := seen.node(worker):
        _drain_node(host, seen.head, worker, node)
    cluster.provider.remove(worker.worker_id, DRAINED_GRACE_SECONDS)
    return Released(worker.worker_id)


def force(cluster: RayCluster, seen: Inventory, worker: Worker, grace_seconds: float) -> Released:
    """Stop the worker with its work; it has `grace_seconds` to finish by itself."""
    node = seen.node(worker)
    cluster.provider.remove(worker.worker_id, grace_seconds)
    return Released(worker.worker_id, doing(node) if node else "")


def doing(node: Node) -> str:
    """Why a node is busy: resources in use, or Ray's own reasons; "" if it is idle."""
    in_use = [f"{name} {node.used(name):g}" for name in ("CPU", "GPU") if node.used(name) > 0]
    if in_use:
        return f"{', '.join(in_use)} in use"
    return "" if node.idle_seconds else "; ".join(node.activity)


def _drain_node(host: Host, head: HeadStatus, worker: Worker, node: Node) -> None:
    reply = host.drainer(head).drain_idle(node.node_id, REASON)
    if not reply.accepted:
        because = "; ".join(filter(None, (doing(node), f"Ray: {reply.message}")))
        raise WatcherError(f"{worker.worker_id} is busy ({because}); use --force to stop it with its work")
    deadline = time.monotonic() + DEAD_TIMEOUT_SECONDS
    while any(alive.node_id == node.node_id for alive in host.read_state(head).alive):
        if time.monotonic() > deadline:
            raise TimedOutError(
                f"{worker.worker_id} is still alive {DEAD_TIMEOUT_SECONDS:g} s after Ray accepted to drain it"
            )
        time.sleep(POLL_SECONDS)
