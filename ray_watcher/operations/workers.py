"""Launch workers by hand, wait until they have joined, stop them."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ray_watcher.errors import NotRunningError, TimedOutError, WatcherError
from scaler.model.cluster import Instance, InstanceStatus, LaunchRequest, WorkerType
from scaler.model.errors import IndexTakenError
from scaler.model.workers import lowest_free_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray_watcher.cluster.base import HeadStatus, RayCluster
    from ray_watcher.host import Host
    from scaler.model.ports import WorkerProvider

POLL_SECONDS = 0.2
RETRIES = 3  # of a launch whose index was taken meanwhile
AT_ONCE = 8  # workers stopped in parallel
STOP_GRACE_SECONDS = 5.0  # the whole cluster stops: no other node can take over
LOG_LINES = 10  # of a worker that ended before it joined


def launch(provider: WorkerProvider, worker_type: WorkerType, count: int) -> list[Instance]:
    """Start `count` workers, without waiting for Ray. Raises `LaunchFailedError`; workers launched before stay."""
    return [_launch_one(provider, worker_type) for _ in range(count)]


def _launch_one(provider: WorkerProvider, worker_type: WorkerType) -> Instance:
    """Take the lowest free index; if a scaler, another command or a foreign container has it, the next."""
    refused: set[int] = set()
    while True:
        index = lowest_free_index({instance.index for instance in provider.list()} | refused)
        try:
            return provider.launch(LaunchRequest(f"worker-{index}-{secrets.token_hex(3)}", index, worker_type))
        except IndexTakenError:
            if len(refused) == RETRIES:
                raise
            refused.add(index)


def remove_ended(provider: WorkerProvider) -> None:
    """Remove workers that have ended, left from a cluster that died."""
    for worker in provider.list():
        if worker.status is InstanceStatus.EXITED:
            provider.remove(worker.worker_id, 0)


def await_joined(
    host: Host, cluster: RayCluster, head: HeadStatus, workers: Sequence[Instance], timeout: float
) -> None:
    """Wait until all `workers` have joined Ray.

    Raises `TimedOutError` after `timeout` seconds, `WatcherError` with the last lines of a worker that ends before.
    """
    deadline = time.monotonic() + timeout
    missing = {worker.worker_id for worker in workers}
    while missing := missing - _in_ray(host, head):
        _require_up(cluster.provider, missing)
        if time.monotonic() > deadline:
            raise TimedOutError(f"{', '.join(sorted(missing))} did not join Ray within {timeout:g} s")
        time.sleep(POLL_SECONDS)


def stop_everything(cluster: RayCluster) -> int:
    """Stop every worker, then the head; returns the number of workers.

    In this order a worker ends in a second; without its head it would wait for a reply. An error is raised after
    everything else has been stopped.
    """
    workers = [instance.worker_id for instance in cluster.provider.list()]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        removals = [threads.submit(cluster.provider.remove, worker_id, STOP_GRACE_SECONDS) for worker_id in workers]
    if cluster.head():
        cluster.stop_head()
    for removal in removals:
        removal.result()
    return len(workers)


def _in_ray(host: Host, head: HeadStatus) -> set[str]:
    try:
        return {node.instance_id for node in host.read_state(head).alive}
    except NotRunningError:
        return set()  # a new head knows no node for a moment; the deadline bounds this


def _require_up(provider: WorkerProvider, wanted: set[str]) -> None:
    instances = {instance.worker_id: instance for instance in provider.list()}
    for worker_id in sorted(wanted):
        instance = instances.get(worker_id)
        if instance is None or instance.status is InstanceStatus.EXITED:
            detail = instance.detail if instance else "it no longer exists"
            lines = list(provider.logs(worker_id, tail=LOG_LINES, follow=False)) if instance else []
            raise WatcherError("\n".join([f"{worker_id} ended before it joined Ray: {detail}", *lines]))
