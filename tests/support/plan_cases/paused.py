"""How the operator's pauses, and a journal that cannot be written, hold a plan."""

from __future__ import annotations

from scaler.model.cluster import Direction
from scaler.model.decision import Cause
from scaler.model.pause import Pause
from scaler.model.workers import WorkerState
from support.builders import NOW, demand, head, observation, permits, policy, worker, worker_type
from support.plan_cases import LAUNCH, REMOVE, UP, Case

PAUSE = Pause("benchmark", "anna", NOW - 60, NOW + 60)

PAUSED = [
    Case(
        "without a journal nothing is done",
        observation(worker(1, WorkerState.TERMINATED), demands=(demand(2),), up=UP, journal_problem="disk full"),
        held=((Cause.JOURNAL_UNAVAILABLE, 1),),
    ),
    Case(
        "while scaling up is paused, what would be launched is held",
        observation(nodes=(head(),), demands=(demand(2),), up=UP, paused_up=PAUSE),
        held=((Cause.PAUSED, 2),),
    ),
    Case(
        "while scaling up is paused, neither a step nor min_workers launches",
        observation(nodes=(head(),), up=permits(step=2), paused_up=PAUSE),
        held=((Cause.PAUSED, 1), (Cause.PAUSED, 2)),
        policy=policy(worker_type(min_workers=1)),
    ),
    Case(
        "a pause of scaling down holds no launch",
        observation(nodes=(head(),), demands=(demand(2),), up=UP, paused_down=PAUSE),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
    ),
    Case(
        "while scaling down is paused, idle workers stay, and what has ended is removed",
        observation(
            worker(1, idle=90), worker(2, WorkerState.TERMINATED), down=permits(Direction.DOWN), paused_down=PAUSE
        ),
        actions=((REMOVE, Cause.TERMINATED, 1),),
        held=((Cause.PAUSED, 1),),
    ),
]
