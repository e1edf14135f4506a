"""What follows launches that fail and drains that do not end."""

from __future__ import annotations

from ray_watcher_common.state import NodeStatus
from scaler.model.circuit_breaker import LaunchHealth
from scaler.model.cluster import Waiting
from scaler.model.decision import Cause
from scaler.model.no_room import NoRoom
from scaler.model.workers import ActionKind, WorkerState
from support.builders import NOW, demand, head, node, observation, permits, policy, worker, worker_name, worker_type
from support.plan_cases import DOWN, LAUNCH, REMOVE, UP, Case


def failed(rounds: int, seconds_ago: float) -> LaunchHealth:
    """So many rounds of launches in a row failed, the last one so long ago."""
    return LaunchHealth(frozenset(range(rounds)), NOW - seconds_ago, "no such image")


TWO_TYPES = policy(worker_type(name="cheap"), worker_type(name="dear", num_cpus=4))

FAILURES = [
    Case(
        "after a failed launch the type rests, however short the cooldown",
        observation(nodes=(head(),), demands=(demand(2),), up=UP, launch_health={"default": failed(1, 9)}),
        held=((Cause.LAUNCHES_FAIL, 2),),
        policy=policy(scale_up_cooldown=0),
    ),
    Case(
        "after the rest it is tried again",
        observation(nodes=(head(),), demands=(demand(2),), up=UP, launch_health={"default": failed(1, 10)}),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
    ),
    Case(
        "each failed round in a row doubles the rest",
        observation(nodes=(head(),), demands=(demand(2),), up=UP, launch_health={"default": failed(3, 39)}),
        held=((Cause.LAUNCHES_FAIL, 2),),
    ),
    Case(
        "a breaker that is half open lets one launch try",
        observation(nodes=(head(),), demands=(demand(3),), up=UP, launch_health={"default": failed(3, 40)}),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        held=((Cause.LAUNCHES_FAIL, 2),),
    ),
    Case(
        "and no second one before it is known how that went",
        observation(
            worker(1, WorkerState.ALLOCATED),
            nodes=(head(),),
            demands=(demand(3),),
            up=UP,
            launch_health={"default": failed(3, 40)},
        ),
        held=((Cause.LAUNCHES_FAIL, 2),),
    ),
    Case(
        "another type takes over where one fits",
        observation(nodes=(head(),), demands=(demand(4),), up=UP, launch_health={"cheap": failed(3, 1)}),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=TWO_TYPES,
    ),
    Case(
        "where no other type fits, demand waits for the one that rests",
        observation(nodes=(head(),), demands=(demand(2, {"CPU": 4}),), up=UP, launch_health={"dear": failed(2, 1)}),
        held=((Cause.LAUNCHES_FAIL, 2),),
        policy=TWO_TYPES,
    ),
    Case(
        "a type for which no host has room is held, and not because it fails",
        observation(nodes=(head(),), demands=(demand(2),), up=UP, no_room={"default": NoRoom(NOW - 29, "full")}),
        held=((Cause.NO_HOST_HAS_ROOM, 2),),
        policy=policy(scale_up_cooldown=0),
    ),
    Case(
        "it is tried again after a while",
        observation(nodes=(head(),), demands=(demand(2),), up=UP, no_room={"default": NoRoom(NOW - 30)}),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
    ),
    Case(
        "a type that has room takes its work",
        observation(nodes=(head(),), demands=(demand(4),), up=UP, no_room={"cheap": NoRoom(NOW - 1)}),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=TWO_TYPES,
    ),
    Case(
        "a launch that was accepted and finds no room makes way, and holds its type meanwhile",
        observation(
            worker(1, WorkerState.REQUESTED, waiting=Waiting.NO_ROOM), nodes=(head(),), demands=(demand(2),), up=UP
        ),
        actions=((REMOVE, Cause.NO_HOST_HAS_ROOM, 1),),
        held=((Cause.NO_HOST_HAS_ROOM, 2),),
    ),
    Case(
        "a removal of one is not repeated",
        observation(worker(1, WorkerState.TERMINATING, waiting=Waiting.NO_ROOM, action=ActionKind.REMOVE)),
    ),
    Case(
        "min_workers of a type that rests waits too",
        observation(nodes=(head(),), launch_health={"default": failed(1, 1)}),
        held=((Cause.LAUNCHES_FAIL, 1),),
        policy=policy(worker_type(min_workers=1)),
    ),
    Case(
        "the whole pool's min_workers takes another type",
        observation(nodes=(head(),), launch_health={"cheap": failed(1, 1)}),
        actions=((LAUNCH, Cause.BELOW_MIN_WORKERS, 2),),
        policy=policy(worker_type(name="cheap"), worker_type(name="dear"), min_workers=2),
    ),
    Case(
        "a rule's step takes another type",
        observation(nodes=(head(),), up=permits(step=1), launch_health={"cheap": failed(1, 1)}),
        actions=((LAUNCH, Cause.ALERT_STEP, 1),),
        policy=TWO_TYPES,
    ),
    Case(
        "a failure in the far future is a clock that was set back and holds nothing",
        observation(nodes=(head(),), demands=(demand(1),), up=UP, launch_health={"default": failed(1, -11)}),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
    ),
    Case(
        "a worker that drains for too long is removed once nothing runs on it",
        observation(
            worker(
                1,
                WorkerState.DRAINING,
                node=node(worker_name(1), status=NodeStatus.DRAINING, available={"CPU": 1}),
                draining_since=NOW - 60,
            )
        ),
        actions=((REMOVE, Cause.DRAIN_TIMED_OUT, 1),),
    ),
    Case(
        "a worker that drains for too long and is busy stays",
        observation(worker(1, WorkerState.DRAINING, draining_since=NOW - 999), down=DOWN),
        held=((Cause.STILL_BUSY, 1), (Cause.NOT_IDLE_LONG_ENOUGH, 1)),
    ),
    Case(
        "a drain that has just begun is waited for",
        observation(
            worker(
                1,
                WorkerState.DRAINING,
                node=node(worker_name(1), status=NodeStatus.DRAINING, available={"CPU": 1}),
                draining_since=NOW - 59,
            )
        ),
    ),
]
