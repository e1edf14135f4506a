"""What an operator asks for: one worker more, or one less, within the limits of the plan. Pure: standard library only.

Neither an alert nor demand is needed, and no cooldown is waited for. Everything else that limits the plan limits the
operator: pauses, max_workers and min_workers, launches in progress, back-off, the disruption budget.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scaler.model.decision import Action, Cause, Held, Plan
from scaler.model.workers import JOINING, ActionKind, WorkerState
from scaler.planning.budget import Budget
from scaler.planning.context import Context
from scaler.planning.launch_limits import launch
from scaler.planning.worker_sizes import with_learned_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaler.model.decision import Observation
    from scaler.model.policy import Policy
    from scaler.model.workers import Worker


@dataclass(frozen=True)
class AddWorker:
    """Launch one worker of this type."""

    worker_type: str
    reason: str


@dataclass(frozen=True)
class RemoveWorker:
    """Drain this worker if it is idle; with `force`, stop it with its work."""

    worker_id: str
    reason: str
    force: bool = False


Request = AddWorker | RemoveWorker


def with_requests(
    observation: Observation, proposed: Plan, policy: Policy, now: float, requests: Sequence[Request]
) -> tuple[Plan, list[Action | Held]]:
    """The plan `proposed` with what was asked for, and for each request its action, or what holds it."""
    answers: list[Action | Held] = []
    for request in requests:
        context = _context(observation, proposed, policy, now)
        answer = _add(context, request) if isinstance(request, AddWorker) else _remove(context, request)
        answers.append(answer)
        if isinstance(answer, Action):
            proposed = replace(proposed, actions=(*proposed.actions, answer))
    return proposed, answers


def _context(observation: Observation, proposed: Plan, policy: Policy, now: float) -> Context:
    """The plan in the making, after `proposed`."""
    launched = Counter(action.worker_type for action in proposed.launches)
    sized = with_learned_sizes(policy, observation)
    return Context(observation, sized, now, actions=list(proposed.actions), launched=launched)


def _add(context: Context, request: AddWorker) -> Action | Held:
    if blind := _blind(context):
        return blind
    launch(context, [request.worker_type], Cause.OPERATOR, request.reason)
    if context.held:
        return context.held[0]
    taken = {action.worker_id for action in context.actions}
    warm = [worker for worker in context.ready if worker.worker_id not in taken]
    mine = [worker.worker_id for worker in warm if worker.worker_type == request.worker_type]
    cold = sum(not action.worker_id for action in context.launches)
    if not mine and len(context.observation.workers) + cold > context.policy.max_workers:
        reason = f"{len(warm)} warm workers of other types take the room within max_workers"
        return Held(Cause.MAX_WORKERS, 1, reason, worker_type=request.worker_type)
    return Action(ActionKind.LAUNCH, Cause.OPERATOR, request.reason, request.worker_type, mine[0] if mine else "")


def _remove(context: Context, request: RemoveWorker) -> Action | Held:
    if blind := _blind(context):
        return blind
    leaving = {action.worker_id for action in context.actions if action.kind is not ActionKind.LAUNCH}
    worker = next((one for one in context.observation.workers if one.worker_id == request.worker_id), None)
    if worker is None:
        return Held(Cause.OPERATOR, 1, f"there is no worker {request.worker_id}", request.worker_id)
    if worker.worker_id in leaving or worker.action or worker.state is WorkerState.TERMINATING:
        return Held(Cause.STILL_BUSY, 1, "something is being done to it already", worker.worker_id)
    return _kept(context, worker) or _release(worker, request)


def _kept(context: Context, worker: Worker) -> Held | None:
    """Why the worker stays, None if nothing forbids to remove it."""
    if pause := context.observation.paused_down:
        return Held(Cause.PAUSED, 1, f"scaling down is {pause.text}", worker.worker_id)
    if not worker.counts:
        return None
    budget, by_id = Budget(context), {one.worker_id: one for one in context.observation.workers}
    for action in context.actions:
        if action.kind is not ActionKind.LAUNCH and action.worker_id in by_id and by_id[action.worker_id].counts:
            budget.add(by_id[action.worker_id])
    stays = budget.why_it_stays(worker)
    return Held(stays[0], 1, stays[1], worker.worker_id) if stays else None


def _release(worker: Worker, request: RemoveWorker) -> Action | Held:
    """Drain a worker that may hold work, remove one that holds none or may lose it."""
    node = worker.node
    kind, name = worker.worker_type, worker.worker_id
    if request.force or not worker.counts or worker.state in JOINING or worker.state is WorkerState.JOIN_TIMED_OUT:
        return Action(ActionKind.REMOVE, Cause.OPERATOR, request.reason, kind, name)
    if node is None:
        return Held(Cause.SNAPSHOT_UNAVAILABLE, 1, "Ray cannot be asked whether it is idle; force stops it", name)
    if busy := node.in_use:
        return Held(Cause.STILL_BUSY, 1, f"{name} is busy: {busy}; force stops it with its work", name)
    return Action(ActionKind.DRAIN, Cause.OPERATOR, request.reason, kind, name, node.node_id)


def _blind(context: Context) -> Held | None:
    observation = context.observation
    if problem := observation.journal_problem:
        return Held(Cause.JOURNAL_UNAVAILABLE, 1, f"nothing is done without a journal: {problem}")
    if problem := observation.provider_problem:
        return Held(Cause.PROVIDER_UNAVAILABLE, 1, f"the workers are not known: {problem}")
    return None
