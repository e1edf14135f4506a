"""Workers and nodes that are not as the scaler left them. Pure: standard library only.

Each case has one rule in `RULES`; docs/reconciling.md explains it, and a test holds both together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from scaler.model.workers import ENDED, WORKER_ID, WorkerState, dangling_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaler.model.decision import Observation


class Case(str, Enum):
    """The closed set."""

    DANGLING = "dangling"
    STUCK = "stuck"
    LEFTOVER = "leftover"
    LOST = "lost"
    INTERRUPTED = "interrupted"
    FOREIGN = "foreign"


RULES = {
    Case.DANGLING: "in Ray, but its container or process is gone; its room is not counted, Ray notices within 30 s",
    Case.STUCK: "running, but not in Ray for the join timeout; it is removed",
    Case.LEFTOVER: "its container or process has ended; it is removed",
    Case.LOST: "its host is down, and what it ran is lost; it is removed",
    Case.INTERRUPTED: "draining in Ray without a drain of this scaler; it is removed once Ray has ended it",
    Case.FOREIGN: "not a node of this scaler; its room is used, it is never drained or removed",
}


@dataclass(frozen=True)
class Anomaly:
    """One worker (its id) or node (Ray's hex id) that is not as the scaler left it."""

    case: Case
    name: str
    rule: str


def anomalies(observation: Observation) -> tuple[Anomaly, ...]:
    """All of them."""
    return tuple(
        Anomaly(case, name, RULES[case]) for case, name in (*_of_workers(observation), *_of_nodes(observation))
    )


def _of_workers(observation: Observation) -> Iterator[tuple[Case, str]]:
    for worker in observation.workers:
        if worker.state is WorkerState.JOIN_TIMED_OUT:
            yield Case.STUCK, worker.worker_id
        if worker.state in ENDED:
            yield Case.LOST if worker.state is WorkerState.LOST else Case.LEFTOVER, worker.worker_id
        if worker.state is WorkerState.DRAINING and worker.action is None:
            yield Case.INTERRUPTED, worker.worker_id


def _of_nodes(observation: Observation) -> Iterator[tuple[Case, str]]:
    snapshot = observation.snapshot
    if snapshot is None or observation.provider_problem:
        return
    dangling = dangling_nodes(snapshot, observation.workers)
    ours = {worker.worker_id for worker in observation.workers}  # by their label, whatever the id looks like
    for node in snapshot.nodes:
        if node.node_id in dangling:
            yield Case.DANGLING, node.instance_id
        elif node.alive and not node.is_head and not WORKER_ID.match(node.instance_id) and node.instance_id not in ours:
            yield Case.FOREIGN, node.node_id
