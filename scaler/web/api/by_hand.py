"""`POST /api/v1/add-worker` and `/api/v1/remove-worker`: the operator asks, the loop decides and acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaler.model.decision import Held
from scaler.model.errors import ScalerError
from scaler.planning.by_hand import AddWorker, RemoveWorker

if TYPE_CHECKING:
    from scaler.control.requests import Answer, Requests
    from scaler.model.policy import Policy
    from scaler.web.api import questions
    from scaler.web.api.documents import Started

ANSWER_SECONDS = 10.0  # the loop comes round within a tenth of a second, unless Docker or Ray is slow


class RefusedError(ScalerError):
    """A limit forbids what was asked for; the message says which."""


def add_worker(asked: questions.AddWorkerBody, requests: Requests, policy: Policy) -> Started:
    """Launch a worker. Raises `RefusedError`, `LoopBusyError`, `JournalError`."""
    name = asked.worker_type or policy.worker_types[0].name
    return _started(requests.ask(AddWorker(name, asked.why), ANSWER_SECONDS))


def remove_worker(asked: questions.RemoveWorkerBody, requests: Requests) -> Started:
    """Drain or remove a worker. Raises `RefusedError`, `LoopBusyError`, `JournalError`."""
    return _started(requests.ask(RemoveWorker(asked.worker_id, asked.why, asked.force), ANSWER_SECONDS))


def _started(answer: Answer) -> Started:
    if isinstance(answer, Held):
        raise RefusedError(f"{answer.reason} [{answer.cause.value}]")
    return {
        "action": answer.action.kind.value,
        "worker_id": answer.worker_id,
        "worker_type": answer.action.worker_type,
        "reason": answer.action.reason,
        "decision_id": answer.decision_id,
    }
