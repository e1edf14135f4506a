"""What the planner decides, case by case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from builders import (
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

from scaler.alerts import Permission
from scaler.decision import ACTION_CAUSES, HELD_CAUSES, Cause, Observation, Plan
from scaler.lifecycle import ActionKind, WorkerState
from scaler.model import Demand, Direction, LabelConstraint, NodeStatus, Strategy, bundle
from scaler.plan import plan

if TYPE_CHECKING:
    from scaler.config import Policy

LAUNCH, DRAIN, REMOVE = ActionKind.LAUNCH, ActionKind.DRAIN, ActionKind.REMOVE
UP, DOWN = permits(Direction.UP), permits(Direction.DOWN)

DEFAULT_POLICY = policy()


@dataclass(frozen=True)
class Case:
    """Given an observation, these actions follow and these causes hold something back."""

    sentence: str
    given: Observation
    actions: tuple[tuple[ActionKind, Cause, int], ...] = ()
    held: tuple[tuple[Cause, int], ...] = ()
    policy: Policy = DEFAULT_POLICY


def actions_of(proposed: Plan) -> tuple[tuple[ActionKind, Cause, int], ...]:
    """Kind, cause and number of actions, in the order of the plan."""
    keys = dict.fromkeys((action.kind, action.cause) for action in proposed.actions)
    return tuple((*key, sum((a.kind, a.cause) == key for a in proposed.actions)) for key in keys)


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
        "after a failed launch there is a rest, however short the cooldown",
        observation(worker(), demands=(demand(2),), up=UP, last_scale_up=NOW - 9, last_launch_failure=NOW - 9),
        held=((Cause.COOLDOWN, 2),),
        policy=policy(scale_up_cooldown=0),
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
        "memory that Ray sizes is expected as on the nodes that are here",
        observation(
            nodes=(head(total={"CPU": 1.0, "memory": 8e9}),), demands=(demand(2, {"CPU": 1, "memory": 4e9}),), up=UP
        ),
        actions=((LAUNCH, Cause.PENDING_DEMAND, 2),),
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
        held=((Cause.LAUNCHES_IN_FLIGHT, 2),),
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
        held=((Cause.WAITS_FOR_A_NODE, 2),),
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
        "a small demand is exact at once and not waited for",
        observation(nodes=(head(),), demands=(demand(3),), up=permits(starts_at=NOW)),
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
        "up wins over down while demand waits",
        observation(
            worker(1, idle=61), demands=(demand(1, {"CPU": 1}), demand(2)), up=UP, down=DOWN, last_scale_up=NOW
        ),
        held=((Cause.COOLDOWN, 2), (Cause.UP_ALERT_ACTIVE, 1)),
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
        observation(worker(1, idle=61, in_flight=DRAIN), down=DOWN),
        held=((Cause.NOT_IDLE_LONG_ENOUGH, 1),),
    ),
    Case(
        "a worker that Ray let go is removed, without any alert",
        observation(worker(1, WorkerState.TERMINATING)),
        actions=((REMOVE, Cause.DRAINED, 1),),
    ),
    Case("a removal in flight is not repeated", observation(worker(1, WorkerState.TERMINATING, in_flight=REMOVE))),
    Case(
        "a worker that ended is removed",
        observation(worker(1, WorkerState.TERMINATED, detail="exit code 137")),
        actions=((REMOVE, Cause.TERMINATED, 1),),
    ),
    Case(
        "a worker that ended before it joined is removed",
        observation(worker(1, WorkerState.LAUNCH_FAILED)),
        actions=((REMOVE, Cause.LAUNCH_FAILED, 1),),
    ),
    Case(
        "a worker that never joins is removed and replaced in one plan",
        observation(worker(1, WorkerState.JOIN_TIMED_OUT), demands=(demand(5),), up=UP),
        actions=((REMOVE, Cause.JOIN_TIMED_OUT, 1), (LAUNCH, Cause.PENDING_DEMAND, 5)),
    ),
]


@pytest.mark.parametrize("case", [*LAUNCHES, *REMOVALS], ids=lambda case: case.sentence)
def test_the_plan_follows_the_rules(case: Case) -> None:
    proposed = plan(case.given, case.policy, NOW)

    assert actions_of(proposed) == case.actions
    assert [(held.cause, held.count) for held in proposed.held] == list(case.held)


def test_every_cause_of_the_closed_set_has_a_case() -> None:
    met = {cause for case in (*LAUNCHES, *REMOVALS) for _, cause, _ in case.actions}
    met |= {cause for case in (*LAUNCHES, *REMOVALS) for cause, _ in case.held}

    assert set(Cause) - met == {
        Cause.NO_WORKER_TYPE_FITS,
        Cause.CUSTOM_PLANNER_FAILED,
    }  # below, and test_scaler_planner


def test_causes_are_listed_by_what_they_explain() -> None:
    listed = {cause for causes in ACTION_CAUSES.values() for cause in causes} | set(HELD_CAUSES)

    assert set(Cause) == listed | {Cause.NO_WORKER_TYPE_FITS}


def test_infeasible_demand_is_a_result_with_its_reason() -> None:
    proposed = plan(observation(nodes=(head(),), demands=(demand(2, {"GPU": 1}),), up=UP), policy(), NOW)

    (misfit,) = proposed.infeasible
    assert (misfit.shape, misfit.count) == ("GPU:1", 2)
    assert misfit.reason == "2 x GPU:1 fits on no worker type: default offers CPU:1"


def test_the_longest_idle_worker_goes_first() -> None:
    idle = [worker(1, idle=70), worker(2, idle=90), worker(3, idle=80)]

    drained = [action.worker_id for action in plan(observation(*idle, down=DOWN), policy(), NOW).actions]

    assert drained == [worker_name(2), worker_name(3), worker_name(1)]


def test_a_launch_says_what_waits_and_which_alert_permits_it() -> None:
    proposed = plan(observation(nodes=(head(),), demands=(demand(2),), up=UP), policy(), NOW)

    assert proposed.actions[0].reason == "2 x CPU:1 wait: 2 more workers, permitted by RayPendingTasks"


def test_a_gpu_demand_takes_the_gpu_type() -> None:
    kinds = policy(worker_type(name="plain"), worker_type(name="gpu", num_gpus=1))
    given = observation(nodes=(head(),), demands=(demand(1, {"GPU": 1}), demand(1)), up=UP)

    launched = [action.worker_type for action in plan(given, kinds, NOW).actions]

    assert launched == ["gpu"]  # its CPU is free for the other request


def test_several_alerts_permit_together() -> None:
    both = Permission((alert(step=1), alert(name="RayHighCpuUtilization", step=4), alert(worker_type="gpu", step=2)))

    assert both.steps("default") == {"default": 4, "gpu": 2}
    assert both.names == "RayHighCpuUtilization, RayPendingTasks"


def test_a_gang_of_a_thousand_bundles_is_planned_whole() -> None:
    large = policy(worker_type(num_cpus=4, max_workers=400), max_workers=400)
    proposed = plan(observation(nodes=(head(),), gangs=(gang(*[{"CPU": 1.0}] * 1000),), up=UP), large, NOW)

    assert len(proposed.actions) == 250
