"""Let one worker go: through Ray where it is idle, by force where the operator says so."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ray_watcher.errors import NotRunningError, TimedOutError, WatcherError
from scaler.model.workers import Worker, WorkerState

if TYPE_CHECKING:
    from ray_watcher.cluster.base import HeadStatus, RayCluster
    from ray_watcher.host import Host
    from ray_watcher.operations.inventory import Roster
    from ray_watcher_common.state import Node

REASON = "removed by the operator"
DRAINED_GRACE_SECONDS = 5.0  # Ray has left already; only its launcher is still there
DEAD_TIMEOUT_SECONDS = 10.0  # an idle node is gone about 10 ms after Ray accepted
POLL_SECONDS = 0.05
# It never held work, or holds none any more.
HOLDS_NO_WORK = frozenset(
    {WorkerState.WARM, WorkerState.TERMINATED, WorkerState.LAUNCH_FAILED, WorkerState.JOIN_TIMED_OUT}
)


@dataclass(frozen=True)
class Released:
    """How a worker went; `lost` says what was stopped with it, "" where it was idle."""

    worker_id: str
    lost: str = ""


def idlest(seen: Roster) -> Worker:
    """The worker that has been idle for longest.

    Raises `NotRunningError` where there is no worker, `WatcherError` where all of them work.
    """
    if not seen.workers:
        raise NotRunningError("there are no workers")
    idle = [(node.idle_seconds, worker) for worker in seen.workers if (node := seen.node(worker)) and node.idle_seconds]
    if not idle:
        raise WatcherError("no worker is idle; name one and use --force to stop it with its work")
    return max(idle, key=lambda pair: pair[0])[1]


def drain(host: Host, cluster: RayCluster, seen: Roster, worker: Worker) -> Released:
    """Ask Ray to let the worker go, then stop it.

    Raises `WatcherError` with Ray's reason where it is busy or Ray cannot be asked.
    """
    if worker.state in HOLDS_NO_WORK:
        cluster.provider.remove(worker.worker_id, DRAINED_GRACE_SECONDS)
        return Released(worker.worker_id)
    if seen.state is None or seen.head is None:
        raise WatcherError(
            f"Ray cannot be asked whether {worker.worker_id} is idle: {seen.problem}; --force stops it anyway"
        )
    if node := seen.node(worker):
        _drain_node(host, seen.head, worker, node)
    cluster.provider.remove(worker.worker_id, DRAINED_GRACE_SECONDS)
    return Released(worker.worker_id)


def force(cluster: RayCluster, seen: Roster, worker: Worker, grace_seconds: float) -> Released:
    """Stop the worker with all it does; it has `grace_seconds` to finish by itself."""
    node = seen.node(worker)
    cluster.provider.remove(worker.worker_id, grace_seconds)
    return Released(worker.worker_id, doing(node) if node else "")


def doing(node: Node) -> str:
    """What keeps a node busy: Ray's own sentences, or the resources in use; "" where it is idle."""
    in_use = [f"{name} {node.used(name):g}" for name in ("CPU", "GPU") if node.used(name) > 0]
    if in_use:
        return f"{', '.join(in_use)} in use"
    return "" if node.idle_seconds else "; ".join(node.activity)


def _drain_node(host: Host, head: HeadStatus, worker: Worker, node: Node) -> None:
    reply = host.drainer(head).drain_idle(node.node_id, REASON)
    if not reply.accepted:
        because = "; ".join(filter(None, (doing(node), f"Ray says: {reply.message}")))
        raise WatcherError(f"{worker.worker_id} is busy ({because}); --force stops it with its work")
    deadline = time.monotonic() + DEAD_TIMEOUT_SECONDS
    while any(alive.node_id == node.node_id for alive in host.read_state(head).alive):
        if time.monotonic() > deadline:
            raise TimedOutError(f"Ray accepted to drain {worker.worker_id}, but it is still there after a while")
        time.sleep(POLL_SECONDS)
