"""The journal and the world brought together: intents without an outcome, and workers that no launch of ours made.

A scaler that is killed, or whose disk is full, leaves actions without an outcome. What became of them is seen in
the world, and written down as their outcome. docs/reconciling.md has the whole table.
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

UNSEEN = "its end was not seen"  # begins every outcome that was found out afterwards


def found(action: str, worker: Worker | None) -> tuple[str, str]:
    """Outcome and detail of an action whose end nobody saw, by what there is now of its worker."""
    if action == ActionKind.LAUNCH.value and worker and worker.state is WorkerState.WARM:
        return FAILED, "the warm worker was not told to join"
    if action in {ActionKind.LAUNCH.value, ActionKind.PREPARE.value}:
        return (DONE, "the worker is there") if worker else (FAILED, "there is no such worker")
    if worker is None:
        return DONE, "the worker is gone"
    if action == ActionKind.REMOVE.value:
        return FAILED, "the worker is still there"
    if worker.node is None or worker.node.status in (NodeStatus.DEAD, NodeStatus.DRAINING):
        return DONE, "Ray lets the worker go"
    return FAILED, "Ray still uses the worker"


class LooseEnds:
    """Ties up, after each look at the world, what the journal leaves open."""

    def __init__(self, journal: Journal, metrics: ScalerMetrics) -> None:
        self._journal, self._metrics = journal, metrics
        self._known: set[str] = set()  # workers that the journal was asked about already
        self.adopted: frozenset[str] = frozenset()

    def tie_up(self, observation: Observation, running: Collection[str], now: float) -> None:
        """Close actions that nothing will close, and adopt unknown workers. Raises `JournalError`.

        `running` are the ids of workers whose action was in progress when the observation was made.
        """
        if observation.provider_problem:
            return
        workers = {worker.worker_id: worker for worker in observation.workers}
        for record in self._journal.open_actions():
            drain_unseen = record.action == ActionKind.DRAIN.value and observation.snapshot is None
            if record.worker_id not in running and not drain_unseen:
                self._close(record, workers.get(record.worker_id), now)
        for worker in observation.workers:
            if worker.worker_id not in self._known and worker.worker_id not in running:
                self._meet(worker, now)
        self._known &= workers.keys()
        self.adopted = self._journal.adopted() if workers else frozenset()

    def _close(self, record: ActionRecord, worker: Worker | None, now: float) -> None:
        outcome, detail = found(record.action, worker)
        self._journal.conclude(record.action_id, outcome, f"{UNSEEN}; {detail}", now)
        self._metrics.action_ended(ActionKind(record.action), Cause(record.cause), outcome)
        log.warning("outcome found afterwards", action=record.action, worker=record.worker_id, outcome=outcome)

    def _meet(self, worker: Worker, now: float) -> None:
        if not self._journal.knows(worker.worker_id):
            self._journal.adopt(worker.worker_id, worker.detail, now)
            log.info("adopted", worker=worker.worker_id, detail=worker.detail)
        self._known.add(worker.worker_id)
