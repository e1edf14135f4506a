"""What the planner decides: the tables of `plan_cases`, and what its results say."""

from __future__ import annotations

import pytest

from scaler.model.alerts import Permission
from scaler.model.decision import ACTION_CAUSES, HELD_CAUSES, Cause
from scaler.model.workers import WorkerState
from scaler.planning.plan import plan
from support.builders import NOW, alert, demand, gang, head, observation, policy, worker, worker_name, worker_type
from support.plan_cases import DOWN, UP, Case, actions_of, launched_types
from support.plan_cases.all_cases import CASES
from support.plan_cases.kinds import in_zone
from support.plan_cases.paused import PAUSE
from support.plan_cases.warm import TWO_WARM


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_the_plan_follows_the_rules(case: Case) -> None:
    proposed = plan(case.given, case.policy, NOW)

    assert actions_of(proposed) == case.actions
    assert [(held.cause, held.count) for held in proposed.held] == list(case.held)
    assert case.types is None or launched_types(proposed) == case.types


def test_every_cause_of_the_closed_set_has_a_case() -> None:
    met = {cause for case in CASES for _, cause, _ in case.actions} | {
        cause for case in CASES for cause, _ in case.held
    }

    assert set(Cause) - met == {
        Cause.NO_WORKER_TYPE_FITS,
        Cause.CUSTOM_PLANNER_FAILED,
        Cause.OPERATOR,
    }  # below, in test_custom_planner, and in test_by_hand


def test_causes_are_listed_by_what_they_explain() -> None:
    listed = {cause for causes in ACTION_CAUSES.values() for cause in causes} | set(HELD_CAUSES)

    assert set(Cause) == listed | {Cause.NO_WORKER_TYPE_FITS}


def test_what_a_pause_holds_says_who_why_since_and_until_when() -> None:
    proposed = plan(observation(nodes=(head(),), demands=(demand(2),), up=UP, paused_up=PAUSE), policy(), NOW)

    assert PAUSE.text in proposed.held[0].reason


def test_infeasible_demand_is_a_result_with_its_shape() -> None:
    proposed = plan(observation(nodes=(head(),), demands=(demand(2, {"GPU": 1}),), up=UP), policy(), NOW)

    assert [(misfit.shape, misfit.count) for misfit in proposed.infeasible] == [("GPU:1", 2)]


def test_infeasible_demand_names_the_selector_that_no_type_meets() -> None:
    proposed = plan(observation(nodes=(head(),), demands=(in_zone("z1"),), up=UP), policy(), NOW)

    (found,) = proposed.infeasible
    assert (found.shape, "no label zone" in found.reason) == ("CPU:1 with zone in (z1)", True)


@pytest.mark.parametrize(
    ("own", "pool", "named"),
    [
        pytest.param(1, 20, "type gpu is at its own max_workers of 1", id="the-types-own"),
        pytest.param(9, 1, "the pool is at its max_workers of 1", id="the-pools"),
    ],
)
def test_the_limit_that_is_told_is_the_one_that_holds(own: int, pool: int, named: str) -> None:
    kinds = policy(worker_type(name="gpu", num_gpus=1, max_workers=own), max_workers=pool)
    given = observation(worker(1, worker_type="gpu"), demands=(demand(3, {"GPU": 1}),), up=UP)

    (held,) = plan(given, kinds, NOW).held
    assert (held.cause, held.count, named in held.reason) == (Cause.MAX_WORKERS, 3, True)


def test_the_longest_idle_worker_goes_first() -> None:
    idle = [worker(1, idle=70), worker(2, idle=90), worker(3, idle=80)]

    drained = [action.worker_id for action in plan(observation(*idle, down=DOWN), policy(), NOW).actions]

    assert drained == [worker_name(2), worker_name(3), worker_name(1)]


def test_a_launch_says_what_is_pending_and_which_alert_permits_it() -> None:
    proposed = plan(observation(nodes=(head(),), demands=(demand(2),), up=UP), policy(), NOW)

    assert all(part in proposed.actions[0].reason for part in ("2 workers", "2 pending CPU:1", "RayPendingTasks"))


def test_launches_are_served_by_warm_workers_first() -> None:
    warm = worker(2, WorkerState.WARM)
    proposed = plan(observation(worker(1), warm, demands=(demand(2),), up=UP), TWO_WARM, NOW)

    assert [action.worker_id for action in proposed.actions] == [worker_name(2), ""]


def test_a_gpu_demand_takes_the_gpu_type() -> None:
    kinds = policy(worker_type(name="plain"), worker_type(name="gpu", num_gpus=1))
    given = observation(nodes=(head(),), demands=(demand(1, {"GPU": 1}), demand(1)), up=UP)

    launched = [action.worker_type for action in plan(given, kinds, NOW).actions]

    assert launched == ["gpu"]  # its CPU is free for the other request


def test_several_alerts_permit_together() -> None:
    both = Permission((alert(step=1), alert(name="RayHighCpuUtilization", step=4), alert(worker_type="gpu", step=2)))

    assert both.steps() == {None: 4, "gpu": 2}
    assert both.names == "RayHighCpuUtilization, RayPendingTasks"


def test_a_gang_of_a_thousand_bundles_is_planned_whole() -> None:
    large = policy(worker_type(num_cpus=4, max_workers=400), max_workers=400)
    proposed = plan(observation(nodes=(head(),), gangs=(gang(*[{"CPU": 1.0}] * 1000),), up=UP), large, NOW)

    assert len(proposed.actions) == 250
