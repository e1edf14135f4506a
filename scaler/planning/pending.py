"""What packing leaves pending: which types may serve it, and which limit delays it. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, Strategy
from scaler.model.decision import Cause
from scaler.packing.capacity import fresh
from scaler.packing.fitting import could_hold
from scaler.packing.line import requests_of
from scaler.packing.solver import solve
from scaler.planning.launch_limits import launch, why_it_backs_off
from scaler.planning.obstacles import in_the_way, limit_on, own_limit, own_room
from scaler.planning.reasons import plural, request_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ray_watcher_common.state import Gang
    from scaler.model.cluster import WorkerType
    from scaler.packing.room import Room
    from scaler.planning.context import Context
    from scaler.planning.needs import Need

SHAPES_HELD = 20  # each has a hold of its own; the rest are summed up


def launchable(context: Context, kinds: Iterable[WorkerType]) -> list[WorkerType]:
    """Without the types whose launches fail or find no room: another type takes over if one fits."""
    return [kind for kind in kinds if not context.backs_off(kind.name)]


def cheaper_soon(
    context: Context, demands: Iterable[Demand], gangs: Iterable[Gang], ready: Sequence[WorkerType]
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
        if kind not in ready and not kind.num_gpus and room.of(kind.name) and not context.gives_up_on(kind.name)
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

    work: list[Demand | Gang] = [demand for demand in demands if spares(demand)]
    for gang in gangs:
        if any(spares(part) for part in requests_of(gang)):
            best = solve((), (gang,), (), [*absent, *ready], room)
            work += [gang] if any(kind in absent for kind in best.launches) else []
    return (absent, work) if work else ([], [])


def launch_cheaper(need: Need, cheaper: Sequence[WorkerType], cause: Cause, purpose: str) -> Counter[str]:
    """Ask for types without GPU that may not be launched now, for work that only GPU workers could take meanwhile."""
    need.context.needs.append(need)
    later = Counter({kind.name: need.wanted[kind.name] for kind in cheaper if need.wanted[kind.name]})
    launch(need.context, later, cause, purpose)
    return later


def hold_pending(need: Need, kinds: Sequence[WorkerType], which: str) -> None:
    """Hold each request that the limits leave pending, with the limit that stands in its way."""
    context, room, others = need.context, need.room.copy(), in_the_way(need) if need.packing.pending else ""
    for name, count in need.wanted.items():
        room.take(name, count)
    left = [(request_text(one), one) for one in need.packing.pending if not held_by_back_off(context, one, kinds)]
    left.sort(key=lambda pair: (-pair[1].count, pair[0]))
    known = dict[str, tuple[Cause, str]]()  # equal gangs wait for the same
    for shape, one in left[:SHAPES_HELD]:
        if shape not in known:
            known[shape] = _obstacle(need, one, room, kinds, others)
        cause, why = known[shape]
        context.hold(cause, one.count, f"{one.count:,} x {shape} {which}: {why}", shape=shape)
    if rest := [one for _, one in left[SHAPES_HELD:]]:
        many = sum(one.count for one in rest)
        limit = limit_on(need, rest[0], room, kinds, others)
        reason = f"{plural(many, 'request')} of {len(rest)} other shapes {which}: {limit}"
        context.hold(Cause.MAX_WORKERS, many, reason)


def _obstacle(
    need: Need, one: Demand | Gang, room: Room, kinds: Sequence[WorkerType], others: str
) -> tuple[Cause, str]:
    """What a request that the limits leave pending waits for."""
    if _joins_a_full_node(need, one):
        return Cause.NODES_FULL, "the node with the other bundles of its group has no room"
    return Cause.MAX_WORKERS, limit_on(need, one, room, kinds, others)


def _joins_a_full_node(need: Need, one: Demand | Gang) -> bool:
    """Whether it is a rescheduled STRICT_PACK group, for which no new worker is of use."""
    if isinstance(one, Demand) or one.strategy is not Strategy.STRICT_PACK or not one.group:
        return False
    return any(one.group in node.groups for node in need.snapshot.nodes if node.alive)


def held_by_back_off(context: Context, left: Demand | Gang, kinds: Sequence[WorkerType]) -> bool:
    """Whether it is for types that back off after failed launches to hold this; it is held if so.

    If other types can hold it, only for one that has room; else for these, whatever the limits.
    """
    if len(healthy := launchable(context, kinds)) == len(kinds):
        return False
    failing = [kind for kind in kinds if context.backs_off(kind.name)]
    room, misfit = context.room(), not could_hold(left, healthy)
    able = [kind for kind in failing if could_hold(left, [kind])]
    if misfit and not able and could_hold(left, kinds):  # a gang of several types
        able = [kind for kind in failing if could_hold(left, [*healthy, kind])] or failing
    for kind in able:
        if room.of(kind.name) or (misfit and own_room(room, kind)):
            cause, why = why_it_backs_off(context, kind.name)
            _hold_request(context, cause, left, f"pending for type {kind.name}: {why}", kind.name)
            return True
    if misfit and able:
        _hold_request(context, Cause.MAX_WORKERS, left, f"pending: {own_limit(room, able[0])} (policy file)")
        return True
    return False


def _hold_request(context: Context, cause: Cause, one: Demand | Gang, reason: str, worker_type: str = "") -> None:
    shape = request_text(one)
    context.hold(cause, one.count, f"{one.count:,} x {shape} {reason}", worker_type=worker_type, shape=shape)
