"""Who leaves while others are pending: who helps nobody; and for whom room is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray_watcher_common.state import Strategy
from scaler.model.cluster import Direction
from scaler.model.decision import Cause
from scaler.model.workers import WorkerState
from support.builders import demand, gang, node, observation, permits, policy, worker, worker_name
from support.plan_cases import DOWN, DRAIN, LAUNCH, UP, Case
from support.plan_cases.kinds import gpu, in_zone, large, small
from support.plan_cases.paused import PAUSE
from support.plan_cases.requested import asked_for

if TYPE_CHECKING:
    from scaler.model.cluster import WorkerType
    from scaler.model.workers import Worker
    from support.fields import ObservationFields


def of(kind: WorkerType, index: int, idle: float = 500.0, **changes: Any) -> Worker:
    """A worker of this type with all that its type says, idle for so long (0: busy)."""
    made = node(worker_name(index), total=kind.resources, idle=idle, labels=kind.node_labels)
    return worker(index, worker_type=kind.name, node=made, **changes)


SMALL, GPU = small(), gpu()
BOTH = policy(SMALL, GPU, max_workers=2)
ZONE_A, ZONE_B = small(name="a", labels=(("zone", "a"),)), small(name="b", labels=(("zone", "b"),))
FULL_OF_SMALL = (of(SMALL, 1), of(SMALL, 2))
TWO_MORE = (of(SMALL, 2), of(SMALL, 3))
ONE_GPU = demand(1, {"GPU": 1})
BOTH_WAYS: ObservationFields = {"up": UP, "down": DOWN}

ROOM = [
    Case(
        "where only the pool is full, an idle worker that helps nobody makes room, and the other goes too",
        observation(*FULL_OF_SMALL, demands=(ONE_GPU,), up=UP, down=DOWN),
        actions=((DRAIN, Cause.MAKES_ROOM, 1), (DRAIN, Cause.IDLE, 1)),
        held=((Cause.MAX_WORKERS, 1),),
        policy=BOTH,
    ),
    Case(
        "room is made for a label as well",
        observation(of(ZONE_A, 1), of(ZONE_A, 2), demands=(in_zone("b"),), up=UP, down=DOWN),
        actions=((DRAIN, Cause.MAKES_ROOM, 1), (DRAIN, Cause.IDLE, 1)),
        held=((Cause.MAX_WORKERS, 1),),
        policy=policy(ZONE_A, ZONE_B, max_workers=2),
    ),
    Case(
        "idle workers go though a gang is pending that the pool can never hold",
        observation(
            *FULL_OF_SMALL,
            gangs=(gang(*[{"CPU": 1.0}] * 3, strategy=Strategy.STRICT_SPREAD),),
            up=UP,
            down=DOWN,
        ),
        actions=((DRAIN, Cause.IDLE, 2),),
        held=((Cause.MAX_WORKERS, 3),),
        policy=policy(SMALL, max_workers=2),
    ),
    Case(
        "idle workers go while others queue for a type that is full",
        observation(
            of(GPU, 1, idle=0), of(SMALL, 2), of(SMALL, 3), demands=(demand(12, {"GPU": 1}),), up=UP, down=DOWN
        ),
        actions=((DRAIN, Cause.IDLE, 2),),
        held=((Cause.MAX_WORKERS, 12),),
        policy=policy(SMALL, gpu(max_workers=1), max_workers=8),
    ),
    Case(
        "no room is made below min_workers",
        observation(*FULL_OF_SMALL, demands=(ONE_GPU,), up=UP, down=DOWN),
        held=((Cause.MAX_WORKERS, 1), (Cause.MIN_WORKERS, 1), (Cause.MIN_WORKERS, 1)),
        policy=policy(small(min_workers=2), GPU, max_workers=2),
    ),
    Case(
        "no room is made by busy workers",
        observation(of(SMALL, 1, idle=0), of(SMALL, 2, idle=0), demands=(ONE_GPU,), up=UP, down=DOWN),
        held=((Cause.MAX_WORKERS, 1), (Cause.NOT_IDLE_LONG_ENOUGH, 1)),
        policy=BOTH,
    ),
    Case(
        "no room is made while scaling down is not permitted",
        observation(*FULL_OF_SMALL, demands=(ONE_GPU,), up=UP),
        held=((Cause.MAX_WORKERS, 1),),
        policy=BOTH,
    ),
    Case(
        "a worker that pending demand fits on makes no room",
        observation(*FULL_OF_SMALL, demands=(ONE_GPU, demand(3)), up=UP, down=DOWN),
        held=((Cause.MAX_WORKERS, 1), (Cause.DEMAND_NEEDS_IT, 1), (Cause.DEMAND_NEEDS_IT, 1)),
        policy=BOTH,
    ),
    Case(
        "an idle worker goes while a worker joins for what is pending",
        observation(
            of(SMALL, 1),
            worker(2, WorkerState.ALLOCATED, worker_type="gpu"),
            demands=(ONE_GPU,),
            up=UP,
            down=DOWN,
        ),
        actions=((DRAIN, Cause.IDLE, 1),),
        held=((Cause.NO_DEMAND, 1),),
        policy=BOTH,
    ),
    Case(
        "a step of one type does not hold drains of another",
        observation(*FULL_OF_SMALL, up=permits(worker_type="gpu", step=1), down=permits(Direction.DOWN)),
        actions=((DRAIN, Cause.IDLE, 2),),
        held=((Cause.MAX_WORKERS, 1),),
        policy=BOTH,
    ),
    Case(
        "a step of any type holds all drains",
        observation(of(SMALL, 1), up=permits(step=1), down=DOWN),
        actions=((LAUNCH, Cause.ALERT_STEP, 1),),
        held=((Cause.UP_ALERT_ACTIVE, 1),),
        policy=BOTH,
    ),
    Case(
        "of idle workers the dear one goes",
        observation(of(SMALL, 1), of(GPU, 2, idle=100), down=DOWN),
        actions=((DRAIN, Cause.IDLE, 1),),
        held=((Cause.MIN_WORKERS, 1),),
        policy=policy(SMALL, GPU, max_workers=4, min_workers=1),
    ),
    Case(
        "of idle workers the one at the higher price goes, however long the other is idle",
        observation(of(SMALL, 1), of(small(name="fast", price_per_hour=0.9), 2, idle=100), down=DOWN),
        actions=((DRAIN, Cause.IDLE, 1),),
        held=((Cause.MIN_WORKERS, 1),),
        policy=policy(SMALL, small(name="fast", price_per_hour=0.9), max_workers=4, min_workers=1),
    ),
    Case(
        "a drain beside a launch for demand that does not fit on it is no contradiction",
        observation(of(SMALL, 1), demands=(demand(1, {"CPU": 10}),), up=UP, down=DOWN),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1), (DRAIN, Cause.IDLE, 1)),
        policy=policy(SMALL, large(), max_workers=4),
    ),
    Case(
        "room is made for a resource of the user's own",
        observation(*FULL_OF_SMALL, demands=(demand(1, {"tpu": 1}),), up=UP, down=DOWN),
        actions=((DRAIN, Cause.MAKES_ROOM, 1), (DRAIN, Cause.IDLE, 1)),
        held=((Cause.MAX_WORKERS, 1),),
        policy=policy(SMALL, small(name="tpu", custom_resources=(("tpu", 4.0),)), max_workers=2),
    ),
    Case(
        "room is made for a packed gang",
        observation(*FULL_OF_SMALL, gangs=(gang({"CPU": 4}, {"CPU": 4}, strategy=Strategy.STRICT_PACK),), **BOTH_WAYS),
        actions=((DRAIN, Cause.MAKES_ROOM, 1), (DRAIN, Cause.IDLE, 1)),
        held=((Cause.MAX_WORKERS, 2),),
        policy=policy(SMALL, large(), max_workers=2),
    ),
    Case(
        "room is made for two workers of a gang at once",
        observation(*FULL_OF_SMALL, of(SMALL, 3), gangs=(gang({"GPU": 1}, {"GPU": 1}),), **BOTH_WAYS),
        actions=((DRAIN, Cause.MAKES_ROOM, 2), (DRAIN, Cause.IDLE, 1)),
        held=((Cause.MAX_WORKERS, 2),),
        policy=policy(SMALL, GPU, max_workers=3),
    ),
    Case(
        "idle workers that a spread gang takes once there is room for one more stay",
        observation(
            of(GPU, 1),
            of(large(), 2),
            of(large(), 3),
            gangs=(gang(*[{"CPU": 10.0}] * 3, strategy=Strategy.STRICT_SPREAD),),
            **BOTH_WAYS,
        ),
        actions=((DRAIN, Cause.MAKES_ROOM, 1),),
        held=((Cause.MAX_WORKERS, 3), (Cause.DEMAND_NEEDS_IT, 1), (Cause.DEMAND_NEEDS_IT, 1)),
        policy=policy(large(), GPU, max_workers=3),
    ),
    Case(
        "a worker of a type that the policy has no more makes room first",
        observation(of(small(name="former"), 1), of(SMALL, 2, idle=0), demands=(ONE_GPU,), **BOTH_WAYS),
        actions=((DRAIN, Cause.MAKES_ROOM, 1),),
        held=((Cause.MAX_WORKERS, 1),),
        policy=BOTH,
    ),
    Case(
        "no room is made while scaling up is paused, and the idle go as ever",
        observation(*FULL_OF_SMALL, demands=(ONE_GPU,), paused_up=PAUSE, up=UP, down=DOWN),
        actions=((DRAIN, Cause.IDLE, 2),),
        held=((Cause.MAX_WORKERS, 1),),
        policy=BOTH,
    ),
    Case(
        "no room is made by what request_resources asks for",
        asked_for(observation(*FULL_OF_SMALL, demands=(ONE_GPU,), **BOTH_WAYS), demand(4)),
        held=((Cause.MAX_WORKERS, 1), (Cause.REQUESTED_RESOURCES, 1), (Cause.REQUESTED_RESOURCES, 1)),
        policy=BOTH,
    ),
    Case(
        "a down alert for one type makes room by that type alone",
        observation(
            of(SMALL, 1),
            of(GPU, 2),
            demands=(demand(1, {"CPU": 16}),),
            up=UP,
            down=permits(Direction.DOWN, worker_type="small"),
        ),
        actions=((DRAIN, Cause.MAKES_ROOM, 1),),
        held=((Cause.MAX_WORKERS, 1),),
        policy=policy(SMALL, GPU, large(), max_workers=2),
    ),
    Case(
        "a step for small workers does not hold the drain of an idle GPU worker",
        observation(of(GPU, 1), up=permits(worker_type="small", step=1), down=DOWN),
        actions=((LAUNCH, Cause.ALERT_STEP, 1), (DRAIN, Cause.IDLE, 1)),
        policy=policy(SMALL, GPU, max_workers=4),
    ),
    Case(
        "the pool's minimum is kept by the cheap one, if the dear one is idle and leaves soon",
        observation(of(SMALL, 1), of(GPU, 2, idle=10), down=DOWN),
        held=((Cause.MIN_WORKERS, 1),),
        policy=policy(SMALL, GPU, max_workers=4, min_workers=1),
    ),
    Case(
        "but the cheap one goes if the dear one is busy",
        observation(of(SMALL, 1), of(GPU, 2, idle=0), down=DOWN),
        actions=((DRAIN, Cause.IDLE, 1),),
        policy=policy(SMALL, GPU, max_workers=4, min_workers=1),
    ),
    Case(
        "of idle workers that one floor asks for, the dear one goes",
        asked_for(observation(of(SMALL, 1), of(GPU, 2, idle=100), down=DOWN), demand(2)),
        actions=((DRAIN, Cause.IDLE, 1),),
        held=((Cause.REQUESTED_RESOURCES, 1),),
        policy=policy(SMALL, GPU, max_workers=4),
    ),
    Case(
        "of idle workers the one of low priority goes",
        observation(of(SMALL, 1), of(small(name="low", priority=-1), 2, idle=100), down=DOWN),
        actions=((DRAIN, Cause.IDLE, 1),),
        held=((Cause.MIN_WORKERS, 1),),
        policy=policy(SMALL, small(name="low", priority=-1), max_workers=4, min_workers=1),
    ),
]
