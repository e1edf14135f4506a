"""The rules about warm workers: prepared, not in Ray, cheap until they join.

Pure: standard library only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from scaler.model.decision import Action, Cause
from scaler.model.workers import JOINING, ActionKind, WorkerState
from scaler.planning.context import RETRY_SECONDS, cooldown_left
from scaler.planning.launch_limits import why_it_backs_off
from scaler.planning.reasons import plural

if TYPE_CHECKING:
    from scaler.model.cluster import WorkerType
    from scaler.planning.context import Context


NOT_NOW = frozenset({Cause.MAKES_ROOM, Cause.LAUNCH_FAILED})  # no worker is prepared after such a removal


def let_warm_workers_join(context: Context) -> None:
    """Serve launches by warm workers of their type; warm workers of other types make room if it is needed.

    Room is made first and all launches follow: some now and some later would be two scale-ups.
    """
    warm, ready = defaultdict[str, list[str]](list), context.ready
    if not ready:
        return
    for worker in ready:
        warm[worker.worker_type].append(worker.worker_id)
    served = [_served(action, warm[action.worker_type]) for action in context.actions]
    launches = [action for action in served if action.kind is ActionKind.LAUNCH]
    cold = sum(not action.worker_id for action in launches)
    too_many = len(context.observation.workers) + cold - context.policy.max_workers
    if not cold or too_many <= 0:
        context.actions = served
        return
    in_the_way = [worker for worker in context.ready if worker.worker_id in warm[worker.worker_type]][:too_many]
    types = ", ".join(sorted({launch.worker_type for launch in launches}))
    context.actions = [action for action in context.actions if action.kind is not ActionKind.LAUNCH]
    for worker in in_the_way:
        context.remove(worker, Cause.MAKES_ROOM, f"making room for type {types}")
    reason = f"{launches[0].reason}: delayed until {plural(len(in_the_way), 'warm worker')} of other types made room"
    context.hold(Cause.MAKES_ROOM, len(launches), reason)
    context.launched.clear()
    context.demand_met = False


def _served(action: Action, warm: list[str]) -> Action:
    """The action; a launch takes the first of the `warm` (ids of its type) from them."""
    if action.kind is not ActionKind.LAUNCH or not warm:
        return action
    return replace(action, worker_id=warm.pop(0))


def keep_warm_workers(context: Context) -> None:
    """Remove the warm workers that are too many, and prepare those that are missing."""
    warm = any(worker.state is WorkerState.WARM for worker in context.observation.workers)
    if not warm and not any(kind.warm_workers for kind in context.policy.worker_types):
        return
    room, kinds = context.room(), {kind.name: kind for kind in context.policy.worker_types}
    wanted = Counter({name: kind.warm_workers for name, kind in kinds.items()})
    joining = {launch.worker_id for launch in context.launches}
    leaving = {action.worker_id for action in context.actions if action.kind is ActionKind.REMOVE}
    for worker in context.observation.workers:
        if worker.state is not WorkerState.WARM or worker.worker_id in joining | leaving:
            continue
        wanted[worker.worker_type] -= 1
        if worker.action:  # being prepared: its place is taken already
            continue
        if not (has_place := room.take(worker.worker_type)):
            room.total -= 1  # it has a place until it is gone
        if not has_place or wanted[worker.worker_type] < 0:
            kept = kinds[worker.worker_type].warm_workers if worker.worker_type in kinds else 0
            reason = f"{kept} warm workers of type {worker.worker_type} are enough, within max_workers"
            context.remove(worker, Cause.WARM_SURPLUS, reason)
    for kind in context.policy.worker_types:
        missing = min(wanted[kind.name], room.of(kind.name))
        if missing > 0 and _may_prepare(context, kind, missing):
            room.take(kind.name, missing)
            ready = kind.warm_workers - wanted[kind.name]
            reason = f"keeping {plural(kind.warm_workers, 'warm worker')} of type {kind.name} ({ready} ready)"
            context.actions += [Action(ActionKind.PREPARE, Cause.BELOW_WARM_WORKERS, reason, kind.name)] * missing


def _may_prepare(context: Context, kind: WorkerType, missing: int) -> bool:
    """Whether now is the time: with a view of the cluster, no pause, no recent failure, and nothing joining.

    Preparing would take processor time from joining workers, and the room that is being made for them.
    """
    seen = context.observation
    joins = context.launches or any(worker.state in JOINING for worker in seen.workers)
    if seen.snapshot is None or joins or any(action.cause in NOT_NOW for action in context.actions):
        return False
    reason = f"{plural(missing, 'more warm worker')} of type {kind.name}"
    if seen.paused_up:
        context.hold(Cause.PAUSED, missing, f"{reason}: scaling up is {seen.paused_up.text}")
        return False
    if context.backs_off(kind.name):
        cause, why = why_it_backs_off(context, kind.name)
        context.hold(cause, missing, f"{reason}: {why}")
        return False
    if wait := cooldown_left(seen.last_prepare_failure, RETRY_SECONDS, context.now):
        context.hold(Cause.LAUNCHES_FAIL, missing, f"{reason}: preparing one failed, next try in {wait:.0f} s")
        return False
    return True
