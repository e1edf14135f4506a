"""Why each worker is not removed. Pure: standard library only.

One rule after the other is asked; the first that applies explains the worker.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from ray_watcher_common.state import NodeStatus
from scaler.explain.summary import Situation, WorkerWhy
from scaler.model.decision import NOTHING, Cause, Held, Observation, Plan
from scaler.model.workers import JOINING, ActionKind, Worker, WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaler.model.decision import Action
    from scaler.model.policy import Policy

    Planner = Callable[[Observation, Policy, float], Plan]
    Reason = tuple[Cause | Situation, str] | None


@dataclass(frozen=True)
class _Scene:
    """What the rules look at."""

    observation: Observation
    plan: Plan
    policy: Policy
    now: float
    planner: Planner

    @cached_property
    def acted_on(self) -> dict[str, Action]:
        """What the plan does to which worker: drains and removals."""
        going = {ActionKind.DRAIN, ActionKind.REMOVE}
        return {action.worker_id: action for action in self.plan.actions if action.kind in going}

    @cached_property
    def held_from_leaving(self) -> list[Held]:
        """What the plan holds back of scaling down: what it would not hold if that were not permitted."""
        not_permitted = self.planner(replace(self.observation, down=NOTHING), self.policy, self.now)
        return [held for held in self.plan.held if held not in not_permitted.held]

    @cached_property
    def staying(self) -> Counter[str]:
        """Workers by type, without those that are leaving."""
        return Counter(
            worker.worker_type
            for worker in self.observation.workers
            if worker.counts and worker.state is not WorkerState.DRAINING and worker.worker_id not in self.acted_on
        )


def explain_workers(
    observation: Observation, proposed: Plan, policy: Policy, now: float, planner: Planner
) -> tuple[WorkerWhy, ...]:
    """Why each worker stays, or what is being done to it."""
    scene = _Scene(observation, proposed, policy, now, planner)
    return tuple(_explained(scene, worker) for worker in observation.workers)


def _explained(scene: _Scene, worker: Worker) -> WorkerWhy:
    cause, why = next(found for rule in _RULES if (found := rule(scene, worker)))
    return WorkerWhy(worker.worker_id, cause, why)


def _acted_on(scene: _Scene, worker: Worker) -> Reason:
    action = scene.acted_on.get(worker.worker_id)
    if action is None:
        return None
    verb = "drained" if action.kind is ActionKind.DRAIN else "removed"
    return Situation.REMOVING, f"being {verb} ({action.reason})"


def _warm(scene: _Scene, worker: Worker) -> Reason:
    if worker.state is not WorkerState.WARM:
        return None
    for action in scene.plan.actions:
        if action.worker_id == worker.worker_id:
            return Situation.JOINING, f"joining ({action.reason})"
    if worker.action:
        return Situation.WARM, "being prepared, joins at once when needed"
    kind = scene.policy.worker_type(worker.worker_type)
    kept = f" (warm_workers is {kind.warm_workers})" if kind else ""
    return Situation.WARM, f"kept warm, joins at once when needed{kept}"


def _joining(scene: _Scene, worker: Worker) -> Reason:
    if worker.state not in JOINING:
        return None
    age = max(0.0, scene.now - worker.created_at)
    return Situation.JOINING, f"joining for {age:.0f} s of at most {scene.policy.join_timeout:g} s"


def _leaving(_scene: _Scene, worker: Worker) -> Reason:
    if worker.state is WorkerState.DRAINING:
        busy = worker.node.in_use if worker.node else ""
        still = f", still busy: {busy}" if busy else ""
        return Situation.REMOVING, f"draining{still}"
    if worker.state is not WorkerState.RUNNING:
        return Situation.REMOVING, "being removed" + (f" ({worker.detail})" if worker.detail else "")
    return None


def _unknown(scene: _Scene, worker: Worker) -> Reason:
    if problem := scene.observation.journal_problem:
        return Cause.JOURNAL_UNAVAILABLE, f"nothing is removed without a journal: {problem}"
    if problem := scene.observation.provider_problem:
        return Cause.PROVIDER_UNAVAILABLE, f"nothing is removed without knowing the workers: {problem}"
    if scene.observation.snapshot is None:
        return Cause.SNAPSHOT_UNAVAILABLE, "nothing is removed without a usable snapshot"
    if worker.node is None:
        limit = f"{scene.policy.join_timeout:g} s"
        return Situation.NOT_IN_RAY, f"not in Ray, removed if that lasts {limit}"
    return None


def _busy(_scene: _Scene, worker: Worker) -> Reason:
    if worker.node and worker.node.status is NodeStatus.IDLE:
        return None
    what = worker.node.in_use if worker.node else ""
    return Situation.BUSY, f"busy ({what})" if what else "busy"


def _not_idle_long_enough(scene: _Scene, worker: Worker) -> Reason:
    kind = scene.policy.worker_type(worker.worker_type)
    if kind is None or _idle(worker) >= kind.idle_timeout:
        return None
    return (
        Cause.NOT_IDLE_LONG_ENOUGH,
        f"idle for {_idle(worker):.0f} of {kind.idle_timeout:g} s before it may be removed",
    )


def _held_by_name(scene: _Scene, worker: Worker) -> Reason:
    for held in scene.plan.held:
        if held.worker_id == worker.worker_id:
            why = held.reason.removeprefix(f"{worker.worker_id} ").removeprefix("stays: ")
            return held.cause, _kept(worker, why)
    return None


def _needed_for_minimum(scene: _Scene, worker: Worker) -> Reason:
    kind = scene.policy.worker_type(worker.worker_type)
    if kind and scene.staying[kind.name] <= kind.min_workers:
        return (
            Cause.MIN_WORKERS,
            _kept(worker, f"min_workers of type {kind.name} is {kind.min_workers}"),
        )
    if sum(scene.staying.values()) <= scene.policy.min_workers:
        return (
            Cause.MIN_WORKERS,
            _kept(worker, f"min_workers of the pool is {scene.policy.min_workers}"),
        )
    return None


def _not_permitted(scene: _Scene, worker: Worker) -> Reason:
    if scene.observation.down.allows(worker.worker_type):
        return None
    return Cause.NO_ALERT, _kept(worker, "no alert permits scaling down")


def _held_with_others(scene: _Scene, worker: Worker) -> Reason:
    for held in scene.held_from_leaving:
        return held.cause, _kept(worker, held.reason)
    return None


def _eligible(_scene: _Scene, worker: Worker) -> Reason:
    return Situation.ELIGIBLE, f"idle for {_idle(worker):.0f} s, eligible for removal"


_RULES: tuple[Callable[[_Scene, Worker], Reason], ...] = (
    _acted_on,
    _warm,
    _joining,
    _leaving,
    _unknown,
    _busy,
    _not_idle_long_enough,
    _held_by_name,
    _needed_for_minimum,
    _not_permitted,
    _held_with_others,
    _eligible,
)


def _kept(worker: Worker, reason: str) -> str:
    return f"idle for {_idle(worker):.0f} s, kept: {reason}"


def _idle(worker: Worker) -> float:
    return worker.node.idle_seconds if worker.node else 0.0
