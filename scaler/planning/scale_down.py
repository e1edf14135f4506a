"""The rules that drain workers. Pure: standard library only.

Never on a stale snapshot, never the head, never a busy worker, never below min_workers. Launches and drains answer one
question: a worker is drained only if packing the same demand, gangs and floor without it launches nothing more and
leaves nothing more unserved.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ray_watcher_common.state import Node, NodeStatus
from scaler.model.decision import Action, Cause
from scaler.model.workers import LEAVING, ActionKind, Worker, WorkerState
from scaler.planning.context import scale_down_wait
from scaler.planning.reasons import plural, workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaler.planning.context import Context
    from scaler.planning.needs import Need


@dataclass(frozen=True)
class _Candidate:
    """A worker that is idle for as long as its type's timeout."""

    worker: Worker
    node: Node


def drain_the_idle(context: Context) -> None:
    """Drain workers that are idle long enough and that nothing needs, the dear ones first."""
    snapshot, down = context.observation.snapshot, context.observation.down
    if snapshot is None or not down:
        return
    permitted = f"alert {down.names}"
    idle = _idle_workers(context)
    if not idle:
        context.hold(Cause.NOT_IDLE_LONG_ENOUGH, 1, f"no worker is idle long enough to drain ({permitted})")
        return
    free = [one for one in idle if not _asked_for_by_number(context, one.worker)]
    if kept := len(idle) - len(free):
        reason = f"{plural(kept, 'idle worker')} ({permitted}): {_why_up_holds(context)}"
        context.hold(Cause.UP_ALERT_ACTIVE, kept, reason)
    if pause := context.observation.paused_down:
        reason = f"{plural(len(free), 'idle worker')} ({permitted}): scaling down is {pause.text}"
        context.hold(Cause.PAUSED, len(free), reason)
    elif wait := scale_down_wait(context.observation, context.policy, context.now):
        reason = f"{plural(len(free), 'idle worker')} ({permitted}): delayed by cooldown, {wait:.0f} s left"
        context.hold(Cause.COOLDOWN, len(free), reason)
    elif free:
        _drain(context, free, permitted)


def _asked_for_by_number(context: Context, worker: Worker) -> bool:
    """Whether alerts that permit scaling up may want more of its type: by a step, or while the demand is not known."""
    up, snapshot = context.observation.up, context.observation.snapshot
    if not up.allows(worker.worker_type):
        return False
    if context.settling or snapshot is None or not snapshot.demand_known:
        return True
    return None in up.steps() or worker.worker_type in up.steps()


def _why_up_holds(context: Context) -> str:
    up = context.observation.up.names
    if context.settling:
        return f"a burst has just begun (alert {up})"
    return f"alert {up} asks for more workers"


def _idle_workers(context: Context) -> list[_Candidate]:
    """Workers idle by Ray's own account for as long as their type's timeout.

    In the order in which they go: with GPU first, then at a high price, of low priority, and the longest idle.
    """
    idle = [_Candidate(w, w.node) for w in context.observation.workers if w.node and _eligible(context, w, w.node)]

    def order(one: _Candidate) -> tuple[float, float, float, float, str]:
        kind = context.policy.worker_type(one.worker.worker_type)
        price, priority = (kind.price_per_hour, kind.priority) if kind else (math.inf, -math.inf)
        return (-one.node.total.get("GPU", 0.0), -price, priority, -one.node.idle_seconds, one.worker.worker_id)

    return sorted(idle, key=order)


def _eligible(context: Context, worker: Worker, node: Node) -> bool:
    kind = context.policy.worker_type(worker.worker_type)
    return (
        worker.state is WorkerState.RUNNING
        and worker.action is None
        and not node.is_head
        and node.status is NodeStatus.IDLE
        and node.idle_seconds >= (kind.idle_timeout if kind else 0.0)
        and context.observation.down.allows(worker.worker_type)
    )


def _drain(context: Context, idle: Sequence[_Candidate], permitted: str) -> None:
    budget, leaving = Budget(context), list[_Candidate]()
    spares = [need.spare() for need in context.needs]
    for one in idle:
        needed = next(((s.need.cause, s.need.reason) for s in spares if not s.has(one.node)), None)
        if stays := budget.why_it_stays(one.worker) or needed:
            _keep(context, one, *stays)
            continue
        budget.add(one.worker)
        for spare in spares:
            spare.take(one.node)
        leaving.append(one)
    going = _without_regret(leaving, context.needs)
    for one in leaving[going:]:
        _keep(context, one, Cause.DEMAND_NEEDS_IT, "without it more workers would be launched")
    places = _places_that_help(context, frozenset(one.node.node_id for one in leaving[:going]))
    for number, one in enumerate(leaving[:going]):
        reason, cause = f"idle for {one.node.idle_seconds:.0f} s ({permitted})", Cause.IDLE
        if number < places.total():
            cause, reason = Cause.MAKES_ROOM, f"{reason}, making room for {workers(places)}"
        worker, node_id = one.worker, one.node.node_id
        context.actions.append(Action(ActionKind.DRAIN, cause, reason, worker.worker_type, worker.worker_id, node_id))


def _keep(context: Context, one: _Candidate, cause: Cause, reason: str) -> None:
    context.hold(cause, 1, f"{one.worker.worker_id} stays: {reason}", one.worker.worker_id)


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

    def why_it_stays(self, worker: Worker) -> tuple[Cause, str] | None:
        """What forbids to drain one more idle worker, None if nothing does."""
        policy, kind = self._policy, self._policy.worker_type(worker.worker_type)
        if kind and self._staying[kind.name] <= kind.min_workers:
            return Cause.MIN_WORKERS, f"min_workers of type {kind.name} is {kind.min_workers}"
        if self._staying.total() <= policy.min_workers:
            return Cause.MIN_WORKERS, f"min_workers of the pool is {policy.min_workers} (WATCHER_MIN_WORKERS)"
        if policy.disruption_budget is not None and self._leaving >= policy.disruption_budget:
            leaving = plural(self._leaving, "worker")
            return (
                Cause.DISRUPTION_BUDGET,
                f"{leaving} leaving already (disruption_budget is {policy.disruption_budget})",
            )
        return None


def _without_regret(leaving: Sequence[_Candidate], needs: Sequence[Need]) -> int:
    """How many of `leaving`, the first first, may go so that no need suffers: all, mostly; else found by halves."""

    def suffers(count: int) -> bool:
        gone = frozenset(one.node.node_id for one in leaving[:count])
        return any(need.suffers(gone) for need in needs)

    if not leaving or not suffers(len(leaving)):
        return len(leaving)
    low, high = 0, len(leaving)  # `low` may go, `high` may not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffers(middle) else (middle, high)
    return low


def _places_that_help(context: Context, leaving: frozenset[str]) -> Counter[str]:
    """The workers that could be launched for what is pending in the places of the nodes that leave, by type."""
    if not leaving or not context.observation.up:
        return Counter()
    limited = [need for need in context.needs if need.packing.unmet]
    return limited[0].in_places_of(leaving) if limited else Counter()
