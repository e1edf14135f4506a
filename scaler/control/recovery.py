"""Recovery after a crash: actions without an outcome are settled, and workers that we did not launch are adopted.

A scaler that is killed, or whose disk is full, leaves actions without an outcome in the journal. Their outcome is
determined from the current state of the worker. docs/reconciling.md has the whole table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from ray_watcher_common.state import NodeStatus
from scaler.journal.journal import DONE, FAILED
from scaler.model.decision import Cause
from scaler.model.workers import ActionKind, WorkerState

if TYPE_CHECKING:
    from collections.abc import Collection

    from scaler.journal.journal import ActionRecord, Journal
    from scaler.model.decision import Observation
    from scaler.model.workers import Worker
    from scaler.telemetry.metrics import ScalerMetrics

log = structlog.get_logger()

INTERRUPTED = "interrupted; outcome determined from current state"  # begins the detail of every such outcome


def outcome_of(action: str, worker: Worker | None) -> tuple[str, str]:
    """Outcome and detail of an interrupted action, by the current state of its worker (None: it does not exist)."""
    if action == ActionKind.LAUNCH.value and worker and worker.state is WorkerState.WARM:
        return FAILED, "the warm worker had not begun to join"
    if action in {ActionKind.LAUNCH.value, ActionKind.PREPARE.value}:
        return (DONE, "the worker exists") if worker else (FAILED, "the worker does not exist")
    if worker is None:
        return DONE, "the worker no longer exists"
    if action == ActionKind.REMOVE.value:
        return FAILED, "the worker still exists"
    if worker.node is None or worker.node.status in (NodeStatus.DEAD, NodeStatus.DRAINING):
        return DONE, "Ray is draining or has released the node"
    return FAILED, "Ray still uses the node"


class Recovery:
    """Settles open actions of the journal after each observation, and adopts unknown workers."""

    def __init__(self, journal: Journal, metrics: ScalerMetrics) -> None:
        self._journal, self._metrics = journal, metrics
        self._known: set[str] = set()  # workers already looked up in the journal

    def settle(self, observation: Observation, running: Collection[str], now: float) -> None:
        """Conclude interrupted actions and adopt unknown workers. Raises `JournalError`.

        `running` are the ids of workers whose action was in progress when the observation was made.
        """
        if observation.provider_problem:
            return
        workers = {worker.worker_id: worker for worker in observation.workers}
        for record in self._journal.open_actions():
            drain_unseen = record.action == ActionKind.DRAIN.value and observation.snapshot is None
            if record.worker_id not in running and not drain_unseen:
                self._conclude(record, workers.get(record.worker_id), now)
        for worker in observation.workers:
            if worker.worker_id not in self._known and worker.worker_id not in running:
                self._adopt_unknown(worker, now)
        self._known &= workers.keys()

    def _conclude(self, record: ActionRecord, worker: Worker | None, now: float) -> None:
        outcome, detail = outcome_of(record.action, worker)
        self._journal.conclude(record.action_id, outcome, f"{INTERRUPTED}; {detail}", now)
        self._metrics.action_ended(ActionKind(record.action), Cause(record.cause), outcome)
        log.warning("interrupted action settled", action=record.action, worker=record.worker_id, outcome=outcome)

    def _adopt_unknown(self, worker: Worker, now: float) -> None:
        if not self._journal.knows(worker.worker_id):
            self._journal.adopt(worker.worker_id, worker.detail, now)
            log.info("worker found", worker=worker.worker_id, detail=worker.detail)
        self._known.add(worker.worker_id)
