"""The rules that let workers go. Pure: standard library only.

Never on a stale snapshot, never the head, never a busy worker, never below min_workers or what demand needs.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from scaler.binpack import unplaced
from scaler.decision import Action, Cause
from scaler.draft import scale_down_wait
from scaler.lifecycle import LEAVING, ActionKind, Worker, WorkerState
from scaler.model import Node, NodeStatus, Snapshot
from scaler.sentences import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scaler.draft import Draft


def drain_the_idle(draft: Draft) -> None:
    """Drain workers that are idle long enough, the longest idle first."""
    snapshot, up, down = draft.observation.snapshot, draft.observation.up, draft.observation.down
    if snapshot is None or not down:
        return
    idle = _idle_workers(draft)
    permitted = f"permitted by {down.names}"
    if not idle:
        draft.hold(Cause.NOT_IDLE_LONG_ENOUGH, 1, f"{permitted}, but no worker may go yet")
    elif up and (up.asks_for_a_number or not draft.demand_met):
        draft.hold(Cause.UP_ALERT_ACTIVE, len(idle), f"{permitted}, but up wins over down: {up.names}")
    elif pause := draft.observation.paused_down:
        draft.hold(Cause.PAUSED, len(idle), f"{permitted}; scaling down is {pause.text}")
    elif wait := scale_down_wait(draft.observation, draft.policy, draft.now):
        draft.hold(Cause.COOLDOWN, len(idle), f"{permitted}; cooldown for another {wait:.0f} s")
    else:
        _drain(draft, snapshot, idle, permitted)


def _idle_workers(draft: Draft) -> list[tuple[Worker, Node]]:
    """Workers idle by Ray's own account for as long as their type's timeout, the longest idle first."""
    idle = [(w, w.node) for w in draft.observation.workers if w.node is not None and _may_go(draft, w, w.node)]
    return sorted(idle, key=lambda pair: (-pair[1].idle_seconds, pair[0].worker_id))


def _may_go(draft: Draft, worker: Worker, node: Node) -> bool:
    kind = draft.policy.worker_type(worker.worker_type)
    return (
        worker.state is WorkerState.RUNNING
        and worker.in_flight is None
        and not node.is_head
        and node.status is NodeStatus.IDLE
        and node.idle_seconds >= (kind.idle_timeout if kind else 0.0)
        and draft.observation.down.allows(worker.worker_type)
    )


def _drain(draft: Draft, snapshot: Snapshot, idle: Iterable[tuple[Worker, Node]], permitted: str) -> None:
    staying = Counter(worker.worker_type for worker in draft.staying if worker.state is not WorkerState.DRAINING)
    leaving: frozenset[str] = frozenset()
    for worker, node in idle:
        if stays := _why_it_stays(draft, snapshot, worker, staying, leaving):
            cause, why = stays
            draft.hold(cause, 1, f"{worker.worker_id} stays: {why}", worker.worker_id)
        else:
            leaving |= {node.node_id}
            staying[worker.worker_type] -= 1
            reason = f"idle for {node.idle_seconds:.0f} s, {permitted}"
            draft.actions.append(
                Action(ActionKind.DRAIN, Cause.IDLE, reason, worker.worker_type, worker.worker_id, node.node_id)
            )


def _why_it_stays(
    draft: Draft, snapshot: Snapshot, worker: Worker, staying: Counter[str], leaving: frozenset[str]
) -> tuple[Cause, str] | None:
    """What forbids to drain one more idle worker beside those in `leaving` (node ids), None where nothing does."""
    policy, kind = draft.policy, draft.policy.worker_type(worker.worker_type)
    if kind and staying[kind.name] <= kind.min_workers:
        return Cause.MIN_WORKERS, f"min_workers is {kind.min_workers}"
    if staying.total() <= policy.min_workers:
        return Cause.MIN_WORKERS, f"min_workers is {policy.min_workers}"
    on_their_way = len(leaving) + sum(other.state in LEAVING for other in draft.observation.workers)
    if policy.disruption_budget is not None and on_their_way >= policy.disruption_budget:
        return Cause.DISRUPTION_BUDGET, f"{plural(on_their_way, 'worker')} leave already (disruption_budget)"
    without = leaving | ({worker.node.node_id} if worker.node else set())
    if _places_less(draft, snapshot, leaving, without):
        return Cause.DEMAND_NEEDS_IT, "pending demand fits on it"
    if _holds_less(draft, snapshot, leaving, without):
        return Cause.REQUESTED_RESOURCES, "request_resources asks for what it has"
    return None


def _places_less(draft: Draft, snapshot: Snapshot, leaving: frozenset[str], without: frozenset[str]) -> bool:
    """Whether pending demand that has room now would have none."""

    def waits(gone: frozenset[str]) -> int:
        return unplaced(snapshot.demands, snapshot.gangs, draft.slots(snapshot, gone))

    return snapshot.pending > 0 and waits(without) > waits(leaving)


def _holds_less(draft: Draft, snapshot: Snapshot, leaving: frozenset[str], without: frozenset[str]) -> bool:
    """Whether the cluster could no longer hold what request_resources asks for."""

    def misses(gone: frozenset[str]) -> int:
        return unplaced(snapshot.constraints, (), draft.slots(snapshot, gone, as_if_empty=True))

    return bool(snapshot.constraints) and misses(without) > misses(leaving)
