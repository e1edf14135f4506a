"""When workers are launched, and when not."""

from __future__ import annotations

from ray_watcher_common.state import Demand, LabelConstraint, NodeStatus, Strategy, bundle
from scaler.model.alerts import Permission
from scaler.model.decision import Cause, Observation
from scaler.model.workers import WorkerState
from support.builders import (
    NOW,
    alert,
    demand,
    gang,
    head,
    node,
    observation,
    permits,
    policy,
    worker,
    worker_name,
    worker_type,
)
from support.plan_cases import LAUNCH, UP, Case

LAUNCHES = [
    Case(
        "as many workers as the demand needs are launched at once",
        observation(nodes=(head(),), demands=(demand(3),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 3),),
    ),
    Case(
        "requests that share a worker need one worker",
        observation(nodes=(head(),), demands=(demand(4),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
        policy=policy(worker_type(num_cpus=2)),
    ),
    Case(
        "half CPUs share a worker",
        observation(nodes=(head(),), demands=(demand(4, {"CPU": 0.5}),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
    ),
    Case(
        "without an alert nothing is launched",
        observation(nodes=(head(),), demands=(demand(3),)),
        held=((Cause.NO_ALERT, 3),),
    ),
    Case(
        "an alert without demand launches nothing",
        observation(nodes=(head(),), up=UP),
        held=((Cause.NO_DEMAND, 1),),
    ),
    Case(
        "demand that fits free capacity launches nothing",
        observation(worker(idle=1), demands=(demand(1),), up=UP),
        held=((Cause.NO_DEMAND, 1),),
    ),
    Case(
        "demand that fits joining workers launches nothing",
        observation(worker(1, WorkerState.ALLOCATED), worker(2, WorkerState.REQUESTED), demands=(demand(2),), up=UP),
        held=((Cause.NO_DEMAND, 1),),
    ),
    Case(
        "only the part that does not fit is launched",
        observation(worker(1, WorkerState.ALLOCATED), demands=(demand(3),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
    ),
    Case(
        "a draining worker is no capacity",
        observation(worker(1, WorkerState.DRAINING), demands=(demand(1),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
    ),
    Case(
        "a node whose container is gone is no capacity, though Ray calls it alive",
        observation(nodes=(node(worker_name(7), idle=3),), demands=(demand(1),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
    ),
    Case(
        "a dead node is no capacity",
        observation(
            nodes=(node("machine", status=NodeStatus.DEAD, available={"CPU": 1}),), demands=(demand(1),), up=UP
        ),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
    ),
    Case(
        "max_workers caps the launches and says how much still waits",
        observation(worker(1), worker(2), nodes=(head(),), demands=(demand(9),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 3),),
        held=((Cause.MAX_WORKERS, 6),),
    ),
    Case(
        "at max_workers all demand is held",
        observation(*(worker(i) for i in range(1, 6)), demands=(demand(2),), up=UP),
        held=((Cause.MAX_WORKERS, 2),),
    ),
    Case(
        "cooldown holds a second scale-up",
        observation(worker(), demands=(demand(2),), up=UP, last_scale_up=NOW - 59),
        held=((Cause.COOLDOWN, 2),),
    ),
    Case(
        "after the cooldown the scale-up goes on",
        observation(worker(), demands=(demand(2),), up=UP, last_scale_up=NOW - 60),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
    ),
    Case(
        "an event in the far future is a clock that was set back and holds nothing",
        observation(worker(), demands=(demand(2),), up=UP, last_scale_up=NOW + 61),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
    ),
    Case(
        "a view that was lost a moment ago is waited for",
        Observation(None, up=UP, problem="GCS frozen", blind_since=NOW - 14),
        held=((Cause.SNAPSHOT_UNAVAILABLE, 1),),
    ),
    Case(
        "without a snapshot not even min_workers are launched",
        Observation(None, problem="GCS frozen"),
        held=((Cause.SNAPSHOT_UNAVAILABLE, 1),),
        policy=policy(worker_type(min_workers=2)),
    ),
    Case(
        "a worker with its drain in flight is no capacity",
        observation(worker(1, WorkerState.DRAINING, node=node(worker_name(1), idle=70)), demands=(demand(1),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
    ),
    Case(
        "a young burst is not spoiled by the step of another rule",
        observation(
            nodes=(head(),),
            demands=(demand(10),),
            up=Permission((alert(starts_at=NOW - 0.3), alert(name="Mine", step=1, starts_at=NOW - 500))),
        ),
        held=((Cause.DEMAND_SETTLING, 3),),
        policy=policy(worker_type(num_cpus=4, max_workers=9), max_workers=9),
    ),
    Case(
        "a step for another worker type launches that type",
        observation(nodes=(head(),), up=Permission((alert(), alert(name="Mine", step=2, worker_type="gpu")))),
        actions=((LAUNCH, Cause.ALERT_STEP, 2),),
        policy=policy(worker_type(), worker_type(name="gpu", num_gpus=1)),
    ),
    Case(
        "the whole pool's min_workers is kept too",
        observation(worker(), nodes=(head(),)),
        actions=((LAUNCH, Cause.BELOW_MIN_WORKERS, 2),),
        policy=policy(min_workers=3),
    ),
    Case(
        "no more launches are in flight than the worker type allows",
        observation(worker(1, WorkerState.ALLOCATED), nodes=(head(),), demands=(demand(4),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        held=((Cause.LAUNCHES_IN_PROGRESS, 2),),
        policy=policy(worker_type(max_launches=2)),
    ),
    Case(
        "without a view of the workers nothing is done",
        observation(worker(1, WorkerState.TERMINATED), demands=(demand(2),), up=UP, provider_problem="Docker is down"),
        held=((Cause.PROVIDER_UNAVAILABLE, 1),),
    ),
    Case(
        "infeasible demand launches nothing",
        observation(nodes=(head(),), demands=(demand(2, {"GPU": 1}),), up=UP),
    ),
    Case(
        "demand that only a busy node can hold waits for it and is not infeasible",
        observation(nodes=(head(total={"CPU": 4.0}),), demands=(demand(2, {"CPU": 3}),), up=UP),
        held=((Cause.NODES_FULL, 2),),
    ),
    Case(
        "demand for a label that no worker type carries launches nothing",
        observation(
            nodes=(head(),),
            demands=(Demand(bundle({"CPU": 1}), 1, (LabelConstraint("zone", "in", ("a",)),)),),
            up=UP,
        ),
    ),
    Case(
        "a burst that has just begun is given a second to show its size",
        observation(nodes=(head(),), demands=(demand(10),), up=permits(starts_at=NOW - 0.3), demand_since=None),
        held=((Cause.DEMAND_SETTLING, 3),),
        policy=policy(worker_type(num_cpus=4, max_workers=9), max_workers=9),
    ),
    Case(
        "a burst that fills all room anyway is not waited for",
        observation(nodes=(head(),), demands=(demand(10),), up=permits(starts_at=NOW - 0.3)),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 5),),
        held=((Cause.MAX_WORKERS, 5),),
    ),
    Case(
        "a burst that has lasted a while is served",
        observation(nodes=(head(),), demands=(demand(30),), up=permits(starts_at=NOW - 2), demand_since=NOW - 2),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 8),),
        policy=policy(worker_type(num_cpus=4, max_workers=9), max_workers=9),
    ),
    Case(
        "a small demand that has just begun is given the time of a report to show its size",
        observation(nodes=(head(),), demands=(demand(3),), up=permits(starts_at=NOW), pending_since=NOW - 0.1),
        held=((Cause.DEMAND_SETTLING, 3),),
    ),
    Case(
        "a small demand that the scaler's own look is the first to see is waited for too",
        observation(nodes=(head(),), demands=(demand(3),), up=UP, observed_at=NOW + 0.003, pending_since=NOW + 0.003),
        held=((Cause.DEMAND_SETTLING, 3),),
    ),
    Case(
        "a placement group that has just begun to wait shows whole and is not waited for",
        observation(nodes=(head(),), gangs=(gang({"CPU": 1.0}, {"CPU": 1.0}),), up=UP, pending_since=NOW - 0.1),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
    ),
    Case(
        "a small demand that was there a report ago is exact and not waited for",
        observation(nodes=(head(),), demands=(demand(3),), up=permits(starts_at=NOW), pending_since=NOW - 0.2),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 3),),
    ),
    Case(
        "a small demand of which nobody knows since when it waits is not waited for",
        observation(nodes=(head(),), demands=(demand(3),), up=permits(starts_at=NOW), pending_since=None),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 3),),
    ),
    Case(
        "min_workers needs no alert",
        observation(worker(), nodes=(head(),)),
        actions=((LAUNCH, Cause.BELOW_MIN_WORKERS, 1),),
        policy=policy(worker_type(min_workers=2)),
    ),
    Case(
        "a rule with a step asks for that many whatever demand says",
        observation(nodes=(head(),), up=permits(step=2)),
        actions=((LAUNCH, Cause.ALERT_STEP, 2),),
    ),
    Case(
        "a step counts what the demand launches already",
        observation(nodes=(head(),), demands=(demand(1),), up=permits(step=3)),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1), (LAUNCH, Cause.ALERT_STEP, 2)),
    ),
    Case(
        "an alert for another worker type permits nothing here",
        observation(nodes=(head(),), demands=(demand(1),), up=permits(worker_type="gpu")),
        held=((Cause.NO_ALERT, 1),),
    ),
    Case(
        "CPU work does not take a GPU worker while another type fits",
        observation(nodes=(head(),), demands=(demand(1),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 1),),
        policy=policy(worker_type(name="a-gpu", num_gpus=1), worker_type(name="plain")),
    ),
    Case(
        "unknown demand launches one per cooldown",
        observation(nodes=(head(),), known=False, up=UP, blind_since=NOW - 15),
        actions=((LAUNCH, Cause.DEMAND_UNKNOWN, 1),),
    ),
    Case(
        "unknown demand without an alert launches nothing",
        observation(nodes=(head(),), known=False),
        held=((Cause.DEMAND_UNKNOWN, 1),),
    ),
    Case(
        "without a snapshot the alert's step is launched per cooldown",
        Observation(None, up=permits(step=2), problem="GCS frozen", blind_since=NOW - 15),
        actions=((LAUNCH, Cause.SNAPSHOT_UNAVAILABLE, 2),),
    ),
    Case(
        "without a snapshot cooldown holds too",
        Observation(None, up=UP, last_scale_up=NOW - 1, problem="GCS frozen", blind_since=NOW - 15),
        held=((Cause.COOLDOWN, 1),),
    ),
    Case(
        "without a snapshot and an alert nothing happens",
        Observation(None, problem="GCS frozen"),
        held=((Cause.SNAPSHOT_UNAVAILABLE, 1),),
    ),
    Case(
        "a gang is launched whole",
        observation(nodes=(head(),), gangs=(gang({"CPU": 1}, {"CPU": 1}, {"CPU": 1}),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 3),),
    ),
    Case(
        "a gang for which there is no room is not begun",
        observation(*(worker(i) for i in range(1, 4)), gangs=(gang(*[{"CPU": 1.0}] * 3),), up=UP),
        held=((Cause.MAX_WORKERS, 3),),
    ),
    Case(
        "a spread gang gets a worker for each bundle",
        observation(nodes=(head(),), gangs=(gang({"CPU": 1}, {"CPU": 1}, strategy=Strategy.STRICT_SPREAD),), up=UP),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
        policy=policy(worker_type(num_cpus=4)),
    ),
    Case(
        "a packed gang that no single worker holds is infeasible",
        observation(nodes=(head(),), gangs=(gang({"CPU": 1}, {"CPU": 1}, strategy=Strategy.STRICT_PACK),), up=UP),
    ),
]
