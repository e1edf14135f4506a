"""The decision: `plan(observation, policy, now) → Plan`. Pure: standard library only.

The alert gives permission, the demand gives the size. Each rule is one small function; `plan` reads like the
policy. What is not done is a result too: every action, everything held back and every infeasible demand carries a
cause from a closed set and one sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaler.model.cluster import NO_ROOM
from scaler.model.decision import Cause, Held, Observation, Plan
from scaler.model.workers import WorkerState
from scaler.planning.context import Context
from scaler.planning.minimums import keep_min_workers, keep_requested_resources
from scaler.planning.scale_down import drain_the_idle
from scaler.planning.scale_up import launch_for_demand
from scaler.planning.warm_pool import keep_warm_workers, let_warm_workers_join
from scaler.planning.worker_sizes import with_learned_sizes

if TYPE_CHECKING:
    from scaler.model.policy import Policy


def plan(observation: Observation, policy: Policy, now: float) -> Plan:
    """Decide what the pool needs at `now` (unix seconds)."""
    if observation.journal_problem:
        reason = f"nothing is done without a journal: {observation.journal_problem}"
        return Plan(held=(Held(Cause.JOURNAL_UNAVAILABLE, 1, reason),), demand_met=False)
    if observation.provider_problem:
        reason = f"nothing is launched or removed without knowing the workers: {observation.provider_problem}"
        return Plan(held=(Held(Cause.PROVIDER_UNAVAILABLE, 1, reason),), demand_met=False)
    context = Context(observation, with_learned_sizes(policy, observation), now, promised=policy.worker_types)
    _remove_the_ended(context)
    _remove_those_without_room(context)
    _remove_the_stuck(context)
    _remove_the_long_drained(context)
    keep_min_workers(context)
    keep_requested_resources(context)
    launch_for_demand(context)
    let_warm_workers_join(context)
    drain_the_idle(context)
    keep_warm_workers(context)
    return Plan(tuple(context.actions), tuple(context.held), tuple(context.infeasible), context.demand_met)


_ENDED = {
    WorkerState.TERMINATING: (Cause.DRAINED, "drained"),
    WorkerState.TERMINATED: (Cause.TERMINATED, "ended by itself"),
    WorkerState.LAUNCH_FAILED: (Cause.LAUNCH_FAILED, "ended before it joined Ray"),
    WorkerState.LOST: (Cause.HOST_LOST, "its host is down"),
}


def _remove_the_ended(context: Context) -> None:
    for worker in context.observation.workers:
        if worker.state in _ENDED and worker.action is None:
            cause, why = _ENDED[worker.state]
            ended_by_itself = worker.detail and worker.state is not WorkerState.TERMINATING
            context.remove(worker, cause, f"{why}: {worker.detail}" if ended_by_itself else why)


def _remove_those_without_room(context: Context) -> None:
    """A launch that was accepted and found no room makes way; its type is held, and another may do its work."""
    for worker in context.observation.workers:
        waiting = worker.waiting
        if waiting in NO_ROOM and worker.state is WorkerState.REQUESTED and worker.action is None:
            context.remove(worker, Cause.NO_HOST_HAS_ROOM, worker.detail or waiting.value)


def _remove_the_stuck(context: Context) -> None:
    for worker in context.observation.workers:
        if worker.state is WorkerState.JOIN_TIMED_OUT and worker.action is None:
            reason = f"not in Ray for {context.policy.join_timeout:g} s"
            context.remove(worker, Cause.JOIN_TIMED_OUT, reason)


def _remove_the_long_drained(context: Context) -> None:
    """Remove a worker whose drain has not ended in time, once nothing runs on it: a drain takes milliseconds.

    The same ends what an operator drained by hand (`ray drain-node`): Ray itself never stops such a node.
    """
    for worker in context.observation.workers:
        node, since = worker.node, worker.draining_since
        if worker.state is not WorkerState.DRAINING or worker.action or node is None or since is None:
            continue
        if context.now - since < context.policy.drain_timeout:
            continue
        if busy := node.in_use:
            reason = f"{worker.worker_id} has been draining for {context.now - since:.0f} s and is still busy: {busy}"
            context.hold(Cause.STILL_BUSY, 1, reason, worker.worker_id)
        else:
            reason = f"draining for {context.now - since:.0f} s with nothing running on it"
            context.remove(worker, Cause.DRAIN_TIMED_OUT, reason)
