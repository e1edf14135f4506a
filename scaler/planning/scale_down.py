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
from scaler.model.workers import ActionKind, Worker, WorkerState
from scaler.planning.budget import Budget
from scaler.planning.context import scale_down_wait
from scaler.planning.needs import Spare
from scaler.planning.reasons import plural, workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaler.planning.context import Context
    from scaler.planning.needs import Need

ROOM_ROUNDS = 5  # so often fewer places are tried, if those who leave for more would be of use themselves


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

    idle.sort(key=lambda one: (-one.node.idle_seconds, one.worker.worker_id))
    return sorted(idle, key=lambda one: _dearness(context, one.worker), reverse=True)


def _dearness(context: Context, worker: Worker) -> tuple[float, float, float]:
    """The larger, the sooner it leaves: GPUs, price, low priority."""
    kind = context.policy.worker_type(worker.worker_type)
    price, priority = (kind.price_per_hour, kind.priority) if kind else (math.inf, -math.inf)
    return (worker.node.total.get("GPU", 0.0) if worker.node else 0.0, price, -priority)


def _idle_soon(context: Context) -> list[Worker]:
    """Workers that are idle, though not for long enough yet."""
    return [
        worker
        for worker in context.observation.workers
        if worker.node and _may_leave(context, worker, worker.node) and not _eligible(context, worker, worker.node)
    ]


def _eligible(context: Context, worker: Worker, node: Node) -> bool:
    kind = context.policy.worker_type(worker.worker_type)
    return _may_leave(context, worker, node) and node.idle_seconds >= (kind.idle_timeout if kind else 0.0)


def _may_leave(context: Context, worker: Worker, node: Node) -> bool:
    return (
        worker.state is WorkerState.RUNNING
        and worker.action is None
        and not node.is_head
        and node.status is NodeStatus.IDLE
        and context.observation.down.allows(worker.worker_type)
    )


def _drain(context: Context, idle: Sequence[_Candidate], permitted: str) -> None:
    budget, leaving = Budget(context), list[_Candidate]()
    spares = [need.spare() for need in context.needs]
    soon = [w for w in _idle_soon(context) if w.node and all(spare.has(w.node) for spare in spares)]
    for one in idle:
        needed = next(((s.need.cause, s.need.reason) for s in spares if not s.has(one.node)), None)
        dearer = [worker for worker in soon if _dearness(context, worker) > _dearness(context, one.worker)]
        if stays := budget.why_it_stays(one.worker, dearer) or needed:
            _keep(context, one, *stays)
            continue
        budget.add(one.worker)
        for spare in spares:
            spare.take(one.node)
        leaving.append(one)
    leaving, places = _making_room(context, leaving)
    going = _without_regret(leaving, context.needs)
    for one in leaving[going:]:
        _keep(context, one, Cause.DEMAND_NEEDS_IT, "without it more workers would be launched")
    for number, one in enumerate(leaving[:going]):
        reason, cause = f"idle for {one.node.idle_seconds:.0f} s ({permitted})", Cause.IDLE
        if number < places.total():
            cause, reason = Cause.MAKES_ROOM, f"{reason}, making room for {workers(places)}"
        worker, node_id = one.worker, one.node.node_id
        context.actions.append(Action(ActionKind.DRAIN, cause, reason, worker.worker_type, worker.worker_id, node_id))


def _keep(context: Context, one: _Candidate, cause: Cause, reason: str) -> None:
    context.hold(cause, 1, f"{one.worker.worker_id} stays: {reason}", one.worker.worker_id)


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


def _making_room(context: Context, leaving: list[_Candidate]) -> tuple[list[_Candidate], Counter[str]]:
    """Who leaves, and the workers that their places are for, if a limit of the pool alone delays what is pending.

    Who is of use once there is room stays: a gang takes idle workers and new ones together.
    """
    limited = [need for need in context.needs if need.packing.unmet]
    if not context.observation.up or context.observation.paused_up or not limited:
        return leaving, Counter()
    need, many = limited[0], len(leaving)
    if not need.gangs:  # a request that fits on none of them now will not do so later
        more = need.with_places(many, frozenset(one.node.node_id for one in leaving))
        helps = more.unserved < need.packing.unserved
        return leaving, Counter(kind.name for kind in more.launches) - need.wanted if helps else Counter()
    for _ in range(ROOM_ROUNDS):
        if not many or (more := need.with_places(many)).unserved >= need.packing.unserved:
            break
        spare = Spare(need, Counter(more.spare))
        parts = [(one, spare.claim(one.node)) for one in leaving]
        going = [one for one, goes in parts if goes]
        launched = Counter(kind.name for kind in more.launches)
        if launched.total() - need.wanted.total() <= len(going):
            for one in (one for one, goes in parts if not goes):
                _keep(context, one, Cause.DEMAND_NEEDS_IT, "pending demand fits on it once there is room for more")
            return going, launched - need.wanted
        many = min(len(going), many - 1)
    return leaving, Counter()
