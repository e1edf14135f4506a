"""How many workers may leave. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from scaler.model.decision import Cause
from scaler.model.workers import LEAVING, WorkerState
from scaler.planning.reasons import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaler.model.workers import Worker
    from scaler.planning.context import Context


class Budget:
    """How many workers may leave: down to min_workers, within the disruption budget."""

    def __init__(self, context: Context) -> None:
        self._policy = context.policy
        self._staying = Counter(w.worker_type for w in context.staying if w.state is not WorkerState.DRAINING)
        self._leaving = sum(worker.state in LEAVING for worker in context.observation.workers)

    def add(self, worker: Worker) -> None:
        """One more leaves."""
        self._staying[worker.worker_type] -= 1
        self._leaving += 1

    def why_it_stays(self, worker: Worker, dearer: Sequence[Worker] = ()) -> tuple[Cause, str] | None:
        """What forbids to drain one more idle worker, None if nothing does.

        `dearer` ones will leave soon: the pool's minimum is not for them to keep.
        """
        policy, kind = self._policy, self._policy.worker_type(worker.worker_type)
        if kind and self._is_fewest(worker):
            return Cause.MIN_WORKERS, f"min_workers of type {kind.name} is {kind.min_workers}{policy.by_schedule}"
        soon = [one for one in dearer if not self._is_fewest(one)]
        if self._staying.total() - len(soon) <= policy.min_workers:
            why = f", and {soon[0].worker_id} (type {soon[0].worker_type}) is to leave first" if soon else ""
            return (
                Cause.MIN_WORKERS,
                f"min_workers of the pool is {policy.min_workers}{policy.by_schedule or ' (WATCHER_MIN_WORKERS)'}{why}",
            )
        if policy.disruption_budget is not None and self._leaving >= policy.disruption_budget:
            leaving = plural(self._leaving, "worker")
            return (
                Cause.DISRUPTION_BUDGET,
                f"{leaving} leaving already (disruption_budget is {policy.disruption_budget})",
            )
        return None

    def _is_fewest(self, worker: Worker) -> bool:
        """Whether its type would have too few workers without it."""
        kind = self._policy.worker_type(worker.worker_type)
        return kind is not None and self._staying[kind.name] <= kind.min_workers
