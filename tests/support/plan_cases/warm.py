"""How workers are kept warm, told to join, and let go."""

from __future__ import annotations

from dataclasses import replace

from scaler.model.circuit_breaker import LaunchHealth
from scaler.model.decision import Cause
from scaler.model.workers import ActionKind, WorkerState
from support.builders import NOW, demand, head, observation, policy, worker, worker_type
from support.plan_cases import LAUNCH, PREPARE, REMOVE, UP, Case
from support.plan_cases.paused import PAUSE

WARM_STATE = WorkerState.WARM
TWO_WARM = policy(worker_type(warm_workers=2))
TYPES = policy(
    worker_type(name="default", warm_workers=2, max_workers=3),
    worker_type(name="gpu", num_gpus=1, max_workers=3),
    max_workers=3,
)
GPU = demand(1, {"GPU": 1})


WARM = [
    Case(
        "missing warm workers are prepared without an alert",
        observation(nodes=(head(),)),
        actions=((PREPARE, Cause.BELOW_WARM_WORKERS, 2),),
        policy=TWO_WARM,
    ),
    Case(
        "one that is being prepared is not missing",
        observation(worker(1, WARM_STATE, action=ActionKind.PREPARE), nodes=(head(),)),
        actions=((PREPARE, Cause.BELOW_WARM_WORKERS, 1),),
        policy=TWO_WARM,
    ),
    Case(
        "enough warm workers are left alone",
        observation(worker(1, WARM_STATE), worker(2, WARM_STATE), nodes=(head(),)),
        policy=TWO_WARM,
    ),
    Case(
        "warm workers are no room for demand before they have joined",
        observation(worker(1, WARM_STATE), nodes=(head(),), demands=(demand(1),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=TWO_WARM,
    ),
    Case(
        "none is prepared while a worker joins",
        observation(worker(1, WorkerState.ALLOCATED), nodes=(head(),)),
        policy=TWO_WARM,
    ),
    Case(
        "none is prepared beyond max_workers",
        observation(*(worker(index) for index in range(1, 5)), nodes=(head(),)),
        actions=((PREPARE, Cause.BELOW_WARM_WORKERS, 1),),
        policy=TWO_WARM,
    ),
    Case(
        "a full pool takes the places of warm workers",
        observation(
            *(worker(i) for i in (1, 2, 3)), worker(4, WARM_STATE), worker(5, WARM_STATE), demands=(demand(9),), up=UP
        ),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
        held=((Cause.MAX_WORKERS, 7),),
        policy=TWO_WARM,
    ),
    Case(
        "warm workers that are too many go",
        observation(worker(1, WARM_STATE), worker(2, WARM_STATE), nodes=(head(),)),
        actions=((REMOVE, Cause.WARM_SURPLUS, 1),),
        policy=policy(worker_type(warm_workers=1)),
    ),
    Case(
        "a warm worker of a type that the policy no longer has goes",
        observation(worker(1, WARM_STATE, worker_type="old"), nodes=(head(),)),
        actions=((REMOVE, Cause.WARM_SURPLUS, 1),),
    ),
    Case(
        "one that is too many has its place until it is gone",
        observation(*(worker(n, WARM_STATE, worker_type="old") for n in range(1, 5)), nodes=(head(),)),
        actions=((REMOVE, Cause.WARM_SURPLUS, 4), (PREPARE, Cause.BELOW_WARM_WORKERS, 1)),
        policy=TWO_WARM,
    ),
    Case(
        "warm workers beyond a max_workers that was lowered go",
        observation(worker(1), worker(2), worker(3, WARM_STATE)),
        actions=((REMOVE, Cause.WARM_SURPLUS, 1),),
        policy=policy(worker_type(warm_workers=1, max_workers=2), max_workers=2),
    ),
    Case(
        "warm workers of another type make room, and all launches wait for that",
        observation(
            worker(1, WARM_STATE),
            worker(2, WARM_STATE),
            nodes=(head(),),
            demands=(GPU, demand(1, {"GPU": 1.0, "CPU": 1.0})),
            up=UP,
        ),
        actions=((REMOVE, Cause.MAKES_ROOM, 1),),
        held=((Cause.MAKES_ROOM, 2),),
        policy=TYPES,
    ),
    Case(
        "warm workers of another type stay where there is room beside them",
        observation(worker(1, WARM_STATE), worker(2, WARM_STATE), nodes=(head(),), demands=(GPU,), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=TYPES,
    ),
    Case(
        "none is prepared without a view of the cluster",
        replace(observation(), snapshot=None, problem="stale"),
        held=((Cause.SNAPSHOT_UNAVAILABLE, 1),),
        policy=TWO_WARM,
    ),
    Case(
        "a pause of scaling up holds preparing too",
        observation(nodes=(head(),), paused_up=PAUSE),
        held=((Cause.PAUSED, 2),),
        policy=TWO_WARM,
    ),
    Case(
        "none is prepared while launches of its type fail",
        observation(nodes=(head(),), launch_health={"default": LaunchHealth(frozenset({1, 2}), NOW - 1, "no image")}),
        held=((Cause.LAUNCHES_FAIL, 2),),
        policy=TWO_WARM,
    ),
    Case(
        "none is prepared at once after one failed",
        observation(nodes=(head(),), last_prepare_failure=NOW - 3),
        held=((Cause.LAUNCHES_FAIL, 2),),
        policy=TWO_WARM,
    ),
    Case(
        "a warm worker counts for no minimum",
        observation(worker(1, WARM_STATE), nodes=(head(),)),
        actions=((LAUNCH, Cause.BELOW_MIN_WORKERS, 1),),
        policy=policy(worker_type(min_workers=1, warm_workers=1)),
    ),
]
