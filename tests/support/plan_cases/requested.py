"""What `ray.autoscaler.sdk.request_resources` asks for is a floor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scaler.model.decision import Cause
from scaler.model.workers import WorkerState
from support.builders import NOW, demand, head, observation, policy, worker, worker_type
from support.plan_cases import DOWN, DRAIN, LAUNCH, UP, Case

if TYPE_CHECKING:
    from ray_watcher_common.state import Demand
    from scaler.model.decision import Observation


def asked_for(given: Observation, *constraints: Demand) -> Observation:
    """The same, and request_resources asks for these."""
    assert given.snapshot is not None
    return replace(given, snapshot=replace(given.snapshot, constraints=constraints))


REQUESTED = [
    Case(
        "what request_resources asks for is launched without an alert",
        asked_for(observation(nodes=(head(),)), demand(3)),
        actions=((LAUNCH, Cause.REQUESTED_RESOURCES, 2),),  # the head has one CPU
    ),
    Case(
        "what is in use counts as well, for it asks for the cluster's size",
        asked_for(observation(worker(1), worker(2), nodes=(head(),)), demand(3)),
    ),
    Case(
        "workers that are joining count",
        asked_for(observation(worker(1, WorkerState.REQUESTED), nodes=(head(),)), demand(3)),
        actions=((LAUNCH, Cause.REQUESTED_RESOURCES, 1),),
    ),
    Case(
        "pending demand uses what is launched for it",
        asked_for(observation(nodes=(head(),), demands=(demand(2),), up=UP), demand(2)),
        actions=((LAUNCH, Cause.REQUESTED_RESOURCES, 1), (LAUNCH, Cause.PENDING_DEMAND, 1)),
    ),
    Case(
        "the cooldown of the demand does not hold it",
        asked_for(observation(nodes=(head(),), last_scale_up=NOW - 1), demand(3)),
        actions=((LAUNCH, Cause.REQUESTED_RESOURCES, 2),),
    ),
    Case(
        "max_workers holds it",
        asked_for(observation(nodes=(head(),)), demand(9)),
        actions=((LAUNCH, Cause.REQUESTED_RESOURCES, 5),),
        held=((Cause.MAX_WORKERS, 3),),
    ),
    Case(
        "an idle worker that it asks for stays",
        asked_for(observation(worker(1, idle=70), worker(2, idle=80), nodes=(head(),), down=DOWN), demand(2)),
        actions=((DRAIN, Cause.IDLE, 1),),
        held=((Cause.REQUESTED_RESOURCES, 1),),
    ),
    Case(
        "what no type can hold is infeasible and launches nothing",
        asked_for(observation(nodes=(head(),)), demand(1, {"GPU": 1})),
        policy=policy(worker_type()),
    ),
]
