"""How limits hold a plan: launches in flight, upscaling speed, disruption budget."""

from __future__ import annotations

from scaler.model.decision import Cause
from scaler.model.workers import WorkerState
from support.builders import demand, head, observation, policy, worker, worker_type
from support.plan_cases import DOWN, DRAIN, LAUNCH, REMOVE, UP, Case

LIMITS = [
    Case(
        "no more launches are in flight than max_launches allows over all types",
        observation(worker(1, WorkerState.REQUESTED), nodes=(head(),), demands=(demand(4),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        held=((Cause.LAUNCHES_IN_PROGRESS, 2),),
        policy=policy(max_launches=2),
    ),
    Case(
        "the upscaling speed counts workers that are there",
        observation(worker(1), worker(2), nodes=(head(),), demands=(demand(9),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 3),),
        held=((Cause.UPSCALING_SPEED, 5), (Cause.MAX_WORKERS, 1)),
        policy=policy(worker_type(max_workers=10), max_workers=10, upscaling_speed=1.5),
    ),
    Case(
        "the upscaling speed lets one launch go in an empty pool",
        observation(nodes=(head(),), demands=(demand(4),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        held=((Cause.UPSCALING_SPEED, 3),),
        policy=policy(upscaling_speed=0.5),
    ),
    Case(
        "no more workers leave at once than the disruption budget allows",
        observation(worker(1, WorkerState.DRAINING), *(worker(i, idle=60 + i) for i in (2, 3, 4)), down=DOWN),
        actions=((DRAIN, Cause.IDLE, 1),),
        held=((Cause.DISRUPTION_BUDGET, 1), (Cause.DISRUPTION_BUDGET, 1)),
        policy=policy(disruption_budget=2),
    ),
    Case(
        "a worker that is being removed counts in the disruption budget",
        observation(worker(1, WorkerState.TERMINATING, action=None), worker(2, idle=70), down=DOWN),
        actions=((REMOVE, Cause.DRAINED, 1),),
        held=((Cause.DISRUPTION_BUDGET, 1),),
        policy=policy(disruption_budget=1),
    ),
]
