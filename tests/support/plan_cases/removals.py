"""When workers are drained and removed, and when not."""

from __future__ import annotations

from scaler.model.cluster import Waiting
from scaler.model.decision import Cause, Observation
from scaler.model.workers import WorkerState
from support.builders import NOW, demand, node, observation, policy, worker, worker_name, worker_type
from support.plan_cases import DOWN, DRAIN, LAUNCH, REMOVE, UP, Case

REMOVALS = [
    Case(
        "an idle worker is drained when an alert permits it",
        observation(worker(idle=61), down=DOWN),
        actions=((DRAIN, Cause.IDLE, 1),),
    ),
    Case("without an alert an idle worker stays", observation(worker(idle=61))),
    Case(
        "a worker that is not idle for long enough stays",
        observation(worker(idle=59), down=DOWN),
        held=((Cause.NOT_IDLE_LONG_ENOUGH, 1),),
    ),
    Case("a busy worker stays", observation(worker(), down=DOWN), held=((Cause.NOT_IDLE_LONG_ENOUGH, 1),)),
    Case(
        "min_workers stay",
        observation(worker(1, idle=61), worker(2, idle=62), worker(3, idle=63), down=DOWN),
        actions=((DRAIN, Cause.IDLE, 1),),
        held=((Cause.MIN_WORKERS, 1), (Cause.MIN_WORKERS, 1)),
        policy=policy(worker_type(min_workers=2)),
    ),
    Case(
        "the whole pool's min_workers stay",
        observation(worker(1, idle=61), worker(2, idle=62), down=DOWN),
        actions=((DRAIN, Cause.IDLE, 1),),
        held=((Cause.MIN_WORKERS, 1),),
        policy=policy(min_workers=1),
    ),
    Case(
        "a worker that pending demand fits on stays",
        observation(worker(1, idle=61), worker(2, idle=62), demands=(demand(1),), down=DOWN),
        actions=((DRAIN, Cause.IDLE, 1),),
        held=((Cause.DEMAND_NEEDS_IT, 1),),
    ),
    Case(
        "an idle worker that pending demand fits on stays while the launches for the rest are delayed",
        observation(
            worker(1, idle=61), demands=(demand(1, {"CPU": 1}), demand(2)), up=UP, down=DOWN, last_scale_up=NOW
        ),
        held=((Cause.COOLDOWN, 2), (Cause.DEMAND_NEEDS_IT, 1)),
    ),
    Case(
        "infeasible demand keeps no idle worker",
        observation(worker(1, idle=61), demands=(demand(1, {"GPU": 1}),), up=UP, down=DOWN),
        actions=((DRAIN, Cause.IDLE, 1),),
    ),
    Case(
        "cooldown holds a second scale-down",
        observation(worker(idle=61), down=DOWN, last_scale_down=NOW - 9),
        held=((Cause.COOLDOWN, 1),),
    ),
    Case(
        "without a snapshot nothing is drained",
        Observation(None, workers=(worker(idle=61),), down=DOWN),
        held=((Cause.SNAPSHOT_UNAVAILABLE, 1),),
    ),
    Case(
        "the head is never drained",
        observation(worker(1, node=node(worker_name(1), idle=99, is_head=True)), down=DOWN),
        held=((Cause.NOT_IDLE_LONG_ENOUGH, 1),),
    ),
    Case(
        "a drain in flight is not repeated",
        observation(worker(1, idle=61, action=DRAIN), down=DOWN),
        held=((Cause.NOT_IDLE_LONG_ENOUGH, 1),),
    ),
    Case(
        "a worker that Ray let go is removed, without any alert",
        observation(worker(1, WorkerState.TERMINATING)),
        actions=((REMOVE, Cause.DRAINED, 1),),
    ),
    Case("a removal in flight is not repeated", observation(worker(1, WorkerState.TERMINATING, action=REMOVE))),
    Case(
        "a worker that ended is removed",
        observation(worker(1, WorkerState.TERMINATED, detail="exit code 137")),
        actions=((REMOVE, Cause.TERMINATED, 1),),
    ),
    Case(
        "a worker whose host is down is removed, and another one takes its work at once",
        observation(worker(1, WorkerState.LOST, host="h1"), demands=(demand(2),), up=UP),
        actions=((REMOVE, Cause.HOST_LOST, 1), (LAUNCH, Cause.PENDING_DEMAND, 2)),
    ),
    Case(
        "a worker whose host does not answer for the moment stays",
        observation(worker(1, host="h1", waiting=Waiting.HOST_UNKNOWN)),
    ),
    Case(
        "a worker that ended before it joined is removed",
        observation(worker(1, WorkerState.LAUNCH_FAILED)),
        actions=((REMOVE, Cause.LAUNCH_FAILED, 1),),
    ),
    Case(
        "a worker that never joins is removed, and keeps its place until it is gone",
        observation(worker(1, WorkerState.JOIN_TIMED_OUT), demands=(demand(5),), up=UP),
        actions=((REMOVE, Cause.JOIN_TIMED_OUT, 1), (LAUNCH, Cause.PENDING_DEMAND, 4)),
        held=((Cause.MAX_WORKERS, 1),),
    ),
    Case(
        "so does one that ended: what it started may outlive it for a moment",
        observation(worker(1, WorkerState.TERMINATED), demands=(demand(5),), up=UP),
        actions=((REMOVE, Cause.TERMINATED, 1), (LAUNCH, Cause.PENDING_DEMAND, 4)),
        held=((Cause.MAX_WORKERS, 1),),
    ),
]
