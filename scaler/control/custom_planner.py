"""Custom scaling logic: `WATCHER_PLANNER=package.module:function` replaces or wraps the built-in `plan`.

The function takes and returns the same as `plan`; docs/custom-planner.md has an example. If it raises or returns an
invalid plan, the problem is reported and the built-in plan is used instead.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import replace

import structlog

from ray_watcher_common.program.settings import SettingsError
from scaler.model.decision import Action, Cause, Held, Infeasible, Observation, Plan
from scaler.model.policy import Policy
from scaler.model.workers import ActionKind, WorkerState
from scaler.planning.plan import plan

log = structlog.get_logger()

Planner = Callable[[Observation, Policy, float], Plan]


def load_planner(name: str | None) -> Planner:
    """The planner that `package.module:function` names, guarded; the built-in one for None.

    Raises `SettingsError` if there is no such function or it does not take three arguments.
    """
    return plan if name is None else guarded(_import(name), name)


def guarded(custom: Planner, name: str) -> Planner:
    """`custom`, with the built-in plan as fallback; each problem is logged once."""
    reported: set[str] = set()

    def planner(observation: Observation, policy: Policy, now: float) -> Plan:
        try:
            proposed = custom(observation, policy, now)
            problem = invalid(proposed, observation, policy)
        except Exception as error:  # noqa: BLE001  # a user's code may raise anything
            problem = f"raised {type(error).__name__}: {error}"
        if not problem:
            return proposed
        if problem not in reported:
            reported.add(problem)
            log.warning("custom planner failed", planner=name, problem=problem)
        built_in = plan(observation, policy, now)
        held = Held(Cause.CUSTOM_PLANNER_FAILED, 1, f"using the built-in plan instead of {name}: {problem}")
        return replace(built_in, held=(held, *built_in.held))

    return planner


def invalid(proposed: object, observation: Observation, policy: Policy) -> str:
    """Why a plan is invalid, "" if it is valid: a `Plan` of known workers, within max_workers and pauses."""
    if not isinstance(proposed, Plan):
        return f"returned {type(proposed).__name__}, wanted scaler.model.decision.Plan"
    parts = ((proposed.actions, Action), (proposed.held, Held), (proposed.infeasible, Infeasible))
    for entries, kind in parts:
        if not isinstance(entries, tuple) or not all(isinstance(entry, kind) for entry in entries):
            return f"the plan has something other than a tuple of {kind.__name__}"
    return (
        _unknown(proposed, observation, policy)
        or _too_many(proposed, observation, policy)
        or _despite_a_pause(proposed, observation)
    )


def _unknown(proposed: Plan, observation: Observation, policy: Policy) -> str:
    workers = {worker.worker_id for worker in observation.workers}
    for action in proposed.actions:
        makes_one = action.kind in {ActionKind.LAUNCH, ActionKind.PREPARE}
        if makes_one and policy.worker_type(action.worker_type) is None:
            verb = "launches" if action.kind is ActionKind.LAUNCH else "prepares"
            return f"{verb} worker type {action.worker_type!r}, which the policy does not define"
        if (action.worker_id or not makes_one) and action.worker_id not in workers:
            return f"{action.kind.value} of {action.worker_id!r}, which is not a worker"
    return ""


def _too_many(proposed: Plan, observation: Observation, policy: Policy) -> str:
    removed = {action.worker_id for action in proposed.actions if action.kind is ActionKind.REMOVE}
    warm = {worker.worker_id for worker in observation.workers if worker.state is WorkerState.WARM}
    existing = sum((w.counts or w.worker_id in warm) and w.worker_id not in removed for w in observation.workers)
    makes_one = {ActionKind.LAUNCH, ActionKind.PREPARE}
    launches = sum(action.kind in makes_one and action.worker_id not in warm for action in proposed.actions)
    if launches and existing + launches > policy.max_workers:
        return f"launches {launches} workers in addition to {existing}, but max_workers is {policy.max_workers}"
    return ""


def _despite_a_pause(proposed: Plan, observation: Observation) -> str:
    kinds = {action.kind for action in proposed.actions}
    if observation.paused_up and ActionKind.LAUNCH in kinds:
        return f"launches, but scaling up is {observation.paused_up.text}"
    if observation.paused_down and ActionKind.DRAIN in kinds:
        return f"drains, but scaling down is {observation.paused_down.text}"
    return ""


def _import(name: str) -> Planner:
    module_name, _, function_name = name.partition(":")
    wanted = "wanted package.module:function"
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (Exception, SystemExit) as error:  # a user's module may raise anything when it is imported
        text = " ".join(str(error).split())
        raise SettingsError(f"WATCHER_PLANNER: got {name!r}, {wanted}: {type(error).__name__}: {text}") from error
    try:
        inspect.signature(function).bind(None, None, None)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"WATCHER_PLANNER: {name!r} must take (observation, policy, now): {error}") from error
    planner: Planner = function
    return planner
