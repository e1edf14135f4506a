"""Contents of the cluster: the provider's workers and Ray's nodes, joined by worker id."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ray_watcher.errors import NotRunningError, WatcherError
from scaler.model.workers import Worker, join_views

if TYPE_CHECKING:
    from ray_watcher.cluster.base import HeadStatus, RayCluster
    from ray_watcher.host import Host
    from ray_watcher.settings import OperatorSettings
    from ray_watcher_common.state import ClusterState, Node


@dataclass(frozen=True)
class Inventory:
    """The cluster at one moment. Without a state, `problem` is the reason why Ray could not be asked."""

    provider: str
    head: HeadStatus | None
    workers: tuple[Worker, ...]
    state: ClusterState | None
    problem: str = ""

    def node(self, worker: Worker) -> Node | None:
        """Ray's living node of a worker."""
        nodes = self.state.alive if self.state else ()
        return next((node for node in nodes if node.instance_id == worker.worker_id), None)

    def named(self, name: str) -> Worker:
        """The worker of that name: an id, `worker-N`, or N. Raises `NotRunningError`."""
        for worker in self.workers:
            if name in {worker.worker_id, f"worker-{worker.index}", str(worker.index)}:
                return worker
        known = ", ".join(f"worker-{worker.index}" for worker in self.workers) or "none"
        raise NotRunningError(f"got worker {name!r}, wanted one of: {known}")


def look(host: Host, cluster: RayCluster, settings: OperatorSettings) -> Inventory:
    """Ask the provider and Ray."""
    head = cluster.head()
    state, problem = _ray_state(host, head)
    workers = join_views(
        cluster.provider.list(),
        state,
        last_seen={},
        running={},
        now=time.time(),
        join_timeout=settings.join_timeout,
    )
    return Inventory(cluster.provider.name, head, workers, state, problem)


def _ray_state(host: Host, head: HeadStatus | None) -> tuple[ClusterState | None, str]:
    if head is None or not head.running:
        return None, f"the head is not running{': ' + head.detail if head else ''}"
    try:
        return host.read_state(head), ""
    except WatcherError as error:
        return None, str(error)
