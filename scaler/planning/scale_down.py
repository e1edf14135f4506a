"""The rules that let workers go. Pure: standard library only.

Never on a stale snapshot, never the head, never a busy worker, never below min_workers or what demand needs.
"""

from __future__ import annotations

from collections import Counter
from functools import cache, partial
from typing import TYPE_CHECKING

from ray_watcher_common.state import Node, NodeStatus
from scaler.model.decision import Action, Cause
from scaler.model.workers import LEAVING, ActionKind, Worker, WorkerState
from scaler.packing.solver import unplaced
from scaler.planning.context import scale_down_wait
from scaler.planning.reasons import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ray_watcher_common.state import ClusterState, Demand, Gang
    from scaler.packing.capacity import Slot
    from scaler.planning.context import Context


def drain_the_idle(context: Context) -> None:
    """Drain workers that are idle long enough, the longest idle first."""
    snapshot, up, down = context.observation.snapshot, context.observation.up, context.observation.down
    if snapshot is None or not down:
        return
    idle = _idle_workers(context)
    permitted = f"permitted by {down.names}"
    if not idle:
        context.hold(Cause.NOT_IDLE_LONG_ENOUGH, 1, f"{permitted}, but no worker may go yet")
    elif up and (up.asks_for_a_number or not context.demand_met):
        context.hold(Cause.UP_ALERT_ACTIVE, len(idle), f"{permitted}, but up wins over down: {up.names}")
    elif pause := context.observation.paused_down:
        context.hold(Cause.PAUSED, len(idle), f"{permitted}; scaling down is {pause.text}")
    elif wait := scale_down_wait(context.observation, context.policy, context.now):
        context.hold(Cause.COOLDOWN, len(idle), f"{permitted}; cooldown for another {wait:.0f} s")
    else:
        _drain(context, snapshot, idle, permitted)


def _idle_workers(context: Context) -> list[tuple[Worker, Node]]:
    """Workers idle by Ray's own account for as long as their type's timeout, the longest idle first."""
    idle = [(w, w.node) for w in context.observation.workers if w.node is not None and _may_go(context, w, w.node)]
    return sorted(idle, key=lambda pair: (-pair[1].idle_seconds, pair[0].worker_id))


def _may_go(context: Context, worker: Worker, node: Node) -> bool:
    kind = context.policy.worker_type(worker.worker_type)
    return (
        worker.state is WorkerState.RUNNING
        and worker.action is None
        and not node.is_head
        and node.status is NodeStatus.IDLE
        and node.idle_seconds >= (kind.idle_timeout if kind else 0.0)
        and context.observation.down.allows(worker.worker_type)
    )


def _drain(context: Context, snapshot: ClusterState, idle: Iterable[tuple[Worker, Node]], permitted: str) -> None:
    departures = _Departures(context, snapshot)
    for worker, node in idle:
        if stays := departures.why_it_stays(worker, node):
            cause, why = stays
            context.hold(cause, 1, f"{worker.worker_id} stays: {why}", worker.worker_id)
        else:
            departures.add(worker, node)
            reason = f"idle for {node.idle_seconds:.0f} s, {permitted}"
            context.actions.append(
                Action(ActionKind.DRAIN, Cause.IDLE, reason, worker.worker_type, worker.worker_id, node.node_id)
            )


class _Departures:
    """Workers that leave, one after the other as long as nothing forbids it."""

    def __init__(self, context: Context, snapshot: ClusterState) -> None:
        self._policy = context.policy
        self._staying = Counter(w.worker_type for w in context.staying if w.state is not WorkerState.DRAINING)
        self._on_their_way = sum(worker.state in LEAVING for worker in context.observation.workers)
        self._gone: frozenset[str] = frozenset()  # node ids
        self._pending = _Need(snapshot.demands, snapshot.gangs, partial(context.capacity, snapshot))
        self._requested = _Need(snapshot.constraints, (), partial(context.capacity, snapshot, as_if_empty=True))

    def add(self, worker: Worker, node: Node) -> None:
        """One more leaves."""
        self._gone |= {node.node_id}
        self._staying[worker.worker_type] -= 1
        self._on_their_way += 1

    def why_it_stays(self, worker: Worker, node: Node) -> tuple[Cause, str] | None:
        """What forbids to drain one more idle worker, None where nothing does."""
        policy, kind = self._policy, self._policy.worker_type(worker.worker_type)
        if kind and self._staying[kind.name] <= kind.min_workers:
            return Cause.MIN_WORKERS, f"min_workers is {kind.min_workers}"
        if self._staying.total() <= policy.min_workers:
            return Cause.MIN_WORKERS, f"min_workers is {policy.min_workers}"
        if policy.disruption_budget is not None and self._on_their_way >= policy.disruption_budget:
            leaving = plural(self._on_their_way, "worker")
            return Cause.DISRUPTION_BUDGET, f"{leaving} leave already (disruption_budget)"
        if self._pending.loses(node.node_id, self._gone):
            return Cause.DEMAND_NEEDS_IT, "pending demand fits on it"
        if self._requested.loses(node.node_id, self._gone):
            return Cause.REQUESTED_RESOURCES, "request_resources asks for what it has"
        return None


class _Need:
    """Requests that must not lose their room when nodes go."""

    def __init__(
        self, demands: Sequence[Demand], gangs: Sequence[Gang], slots: Callable[[frozenset[str]], Sequence[Slot]]
    ) -> None:
        """`slots` gives the room there is without these nodes."""
        self._count = sum(demand.count for demand in demands) + sum(gang.count for gang in gangs)
        self._unplaced = cache(lambda gone: unplaced(demands, gangs, slots(gone)))

    def loses(self, node_id: str, gone: frozenset[str]) -> bool:
        """Whether less of it would find room without this node, beside those that are gone."""
        if not self._count or self._unplaced(gone) == self._count:
            return False
        return bool(self._unplaced(gone | {node_id}) > self._unplaced(gone))
