"""What stands in the way of a pending request: which limit, and which idle workers. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ray_watcher_common.state import Gang, NodeStatus
from scaler.model.decision import Cause
from scaler.model.workers import WorkerState
from scaler.packing.capacity import fresh
from scaler.packing.fitting import could_hold
from scaler.packing.line import requests_of
from scaler.packing.present import fits
from scaler.planning.budget import Budget
from scaler.planning.needs import Spare
from scaler.planning.reasons import plural, workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray_watcher_common.state import Demand
    from scaler.model.cluster import WorkerType
    from scaler.model.workers import Worker
    from scaler.packing.room import Room
    from scaler.planning.needs import Need

NODES_CONSIDERED = 200  # so many nodes are looked at to find which limit is in a gang's way


def limit_on(need: Need, request: Demand | Gang, room: Room, kinds: Sequence[WorkerType], others: str) -> str:
    """The limit that holds for a request: the types' own, the pool's and who has its places, or both."""
    most = need.context.policy.max_workers
    pool = f"the pool is at its max_workers of {most} (WATCHER_MAX_WORKERS)"
    if room.total > 0:
        pool = f"the pool has {plural(room.total, 'place')} left of its max_workers of {most} (WATCHER_MAX_WORKERS)"
    parts = requests_of(request) if isinstance(request, Gang) else (request,)
    usable = [kind for kind in kinds if any(could_hold(part, [kind]) for part in parts)]
    own = usable if all(not own_room(room, kind) and kind.max_workers < most for kind in usable) else []
    if isinstance(request, Gang) and not own and room.total > 0:
        own = _types_that_are_too_few(need, request, room, usable)
    if not own:
        return f"{pool}{others}"
    by_type = ", ".join(own_limit(room, kind) for kind in own)
    return f"{by_type} (policy file)" + (f", and {pool}{others}" if room.total <= 0 else "")


def own_room(room: Room, kind: WorkerType) -> int:
    """How many more workers of a type its own max_workers permits."""
    return max(0, room.by_type.get(kind.name, 0))


def own_limit(room: Room, kind: WorkerType) -> str:
    """A type's own max_workers, in words."""
    if left := own_room(room, kind):
        return f"type {kind.name} has {plural(left, 'place')} left of its own max_workers of {kind.max_workers}"
    return f"type {kind.name} is at its own max_workers of {kind.max_workers}"


def _types_that_are_too_few(need: Need, gang: Gang, room: Room, kinds: Sequence[WorkerType]) -> list[WorkerType]:
    """The types whose own limits a gang could not be placed under, however large the pool was; none if it could."""
    new = [fresh(kind) for kind in kinds for _ in range(min(own_room(room, kind), gang.count))]
    present = need.context.capacity(need.snapshot, whole_nodes=need.whole_nodes, launched=need.launched)
    if fits(gang, [*new, *present[:NODES_CONSIDERED]]):
        return []
    return [kind for kind in kinds if not own_room(room, kind)] or list(kinds)


def in_the_way(need: Need) -> str:
    """The idle workers that have places of the pool and help nobody that is pending, and why they stay."""
    idle = [worker for worker in need.context.observation.workers if _is_idle(worker)]
    if idle:
        spare = _spare_with_room(need)
        idle = [worker for worker in idle if worker.node and spare.claim(worker.node)]
    if not idle:
        return ""
    kept, why = workers(Counter(worker.worker_type for worker in idle)), _why_they_stay(need, idle)
    return f"; {plural(len(idle), 'place')} taken by idle workers that do not help: {kept}{why}"


def _is_idle(worker: Worker) -> bool:
    return worker.state is WorkerState.RUNNING and worker.node is not None and worker.node.status is NodeStatus.IDLE


def _spare_with_room(need: Need) -> Spare:
    """The workers that help nobody, not even a gang that takes them once there is room for others."""
    if need.gangs:
        more = need.with_places(len(need.context.observation.workers))
        if more.unserved < need.packing.unserved:
            return Spare(need, Counter(more.spare))
    return need.spare()


def _why_they_stay(need: Need, idle: Sequence[Worker]) -> str:
    """What keeps idle workers that nobody needs, if it is not their idle timeout alone."""
    context = need.context
    if pause := context.observation.paused_down:
        return f", which stay while scaling down is {pause.text}"
    if not any(context.observation.down.allows(worker.worker_type) for worker in idle):
        return ", which no alert permits to drain"
    floors = [other for other in context.needs if other.cause is Cause.REQUESTED_RESOURCES]
    if all(any(worker.node and not floor.spare().has(worker.node) for floor in floors) for worker in idle):
        return ", which request_resources asks for"
    budget = Budget(context)
    kept = [budget.why_it_stays(worker) for worker in idle]
    if kept[0] and all(one and one[0] is Cause.MIN_WORKERS for one in kept):
        return f", which stay: {kept[0][1]}"
    return ""
