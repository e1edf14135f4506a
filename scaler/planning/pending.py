"""What packing leaves pending: which types may serve it, and which limit delays it. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, NodeStatus
from scaler.model.circuit_breaker import BreakerState
from scaler.model.decision import Cause
from scaler.model.workers import WorkerState
from scaler.packing.capacity import fresh
from scaler.packing.fitting import could_hold
from scaler.packing.line import requests_of
from scaler.packing.solver import solve
from scaler.planning.launch_limits import why_it_backs_off
from scaler.planning.reasons import plural, request_text, workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ray_watcher_common.state import ClusterState, Gang
    from scaler.model.cluster import WorkerType
    from scaler.packing.room import Room
    from scaler.planning.context import Context
    from scaler.planning.needs import Need

SHAPES_HELD = 20  # each has a hold of its own; the rest are summed up


def launchable(context: Context, kinds: Iterable[WorkerType]) -> list[WorkerType]:
    """Without the types whose launches fail: another type takes over if one fits."""
    return [kind for kind in kinds if not context.backs_off(kind.name)]


def cheaper_soon(
    context: Context, snapshot: ClusterState, ready: Sequence[WorkerType]
) -> tuple[list[WorkerType], list[Demand | Gang]]:
    """Types without GPU that may not be launched now, and the CPU work that only GPU types could take meanwhile.

    A GPU worker is not spent on that work: a type that failed once or twice is tried again within seconds, and one that
    no alert permits is for an alert to permit. Only a type whose breaker is open, or that is full, is replaced. A gang
    is such work if it is best placed on one of these types.
    """
    room = context.room()
    absent = [
        kind
        for kind in context.policy.worker_types
        if kind not in ready
        and not kind.num_gpus
        and room.of(kind.name)
        and context.health(kind.name).state(context.now) is not BreakerState.OPEN
    ]
    with_gpu = [fresh(kind) for kind in ready if kind.num_gpus]
    if not absent or not with_gpu:
        return [], []
    without = [fresh(kind) for kind in ready if not kind.num_gpus]
    empty = [fresh(kind) for kind in absent]

    def spares(one: Demand) -> bool:
        return (
            any(slot.capacity(one) for slot in with_gpu)
            and not any(slot.capacity(one) for slot in without)
            and any(slot.capacity(one) for slot in empty)
        )

    work: list[Demand | Gang] = [demand for demand in snapshot.demands if spares(demand)]
    for gang in snapshot.gangs:
        if any(spares(part) for part in requests_of(gang)):
            best = solve((), (gang,), (), [*absent, *ready], room)
            work += [gang] if any(kind in absent for kind in best.launches) else []
    return (absent, work) if work else ([], [])


def hold_pending(need: Need, kinds: Sequence[WorkerType], which: str) -> None:
    """Hold each request that the limits leave pending, with the limit that stands in its way."""
    context, room, others = need.context, need.room.copy(), in_the_way(need) if need.packing.pending else ""
    for name, count in need.wanted.items():
        room.take(name, count)
    left = [one for one in need.packing.pending if not held_by_back_off(context, one, kinds)]
    left.sort(key=lambda one: (-one.count, request_text(one)))
    for one in left[:SHAPES_HELD]:
        reason = f"{one.count:,} x {request_text(one)} {which}: {limit_on(need, one, room, kinds, others)}"
        context.hold(Cause.MAX_WORKERS, one.count, reason, shape=request_text(one))
    if rest := left[SHAPES_HELD:]:
        many = sum(one.count for one in rest)
        limit = limit_on(need, rest[0], room, kinds, others)
        reason = f"{plural(many, 'request')} of {len(rest)} other shapes {which}: {limit}"
        context.hold(Cause.MAX_WORKERS, many, reason)


def limit_on(need: Need, request: Demand | Gang, room: Room, kinds: Sequence[WorkerType], others: str) -> str:
    """The limit that holds for a request: the types' own, the pool's and who has its places, or both."""
    most = need.context.policy.max_workers
    usable = [kind for kind in kinds if could_hold(request, [kind])] or list(kinds)
    full = [kind for kind in usable if room.by_type.get(kind.name, 0) <= 0]
    if len(full) == len(usable) and any(kind.max_workers < most for kind in full):
        own = ", ".join(f"type {kind.name} is at its own max_workers of {kind.max_workers}" for kind in full)
        return f"{own} (policy file)"
    if room.total > 0 and not full:
        return f"too few places left under max_workers ({room.total} of {most})"
    return f"the pool is at its max_workers of {most} (WATCHER_MAX_WORKERS){others}"


def in_the_way(need: Need) -> str:
    """The idle workers that have places of the pool and help nobody that is pending."""
    spare, idle = need.spare(), Counter[str]()
    for worker in need.context.observation.workers:
        node = worker.node
        if worker.state is WorkerState.RUNNING and node and node.status is NodeStatus.IDLE and spare.has(node):
            spare.take(node)
            idle[worker.worker_type] += 1
    if not idle:
        return ""
    pause = need.context.observation.paused_down
    kept = f", which stay while scaling down is {pause.text}" if pause else ""
    return f"; {plural(idle.total(), 'place')} taken by idle workers that do not help: {workers(idle)}{kept}"


def held_by_back_off(context: Context, left: Demand | Gang, kinds: Iterable[WorkerType]) -> bool:
    """Whether a type that could hold this backs off after failed launches; it is held if so."""
    room = context.room()
    for kind in kinds:
        if context.backs_off(kind.name) and room.of(kind.name) and could_hold(left, [kind]):
            shape = request_text(left)
            reason = f"{left.count:,} x {shape} pending for type {kind.name}: {why_it_backs_off(context, kind.name)}"
            context.hold(Cause.LAUNCHES_FAIL, left.count, reason, worker_type=kind.name, shape=shape)
            return True
    return False
