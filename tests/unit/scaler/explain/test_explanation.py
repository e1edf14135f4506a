"""Why the pool is as it is: every shape and every worker has one cause and one sentence, the plan's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from ray_watcher_common.state import Strategy
from scaler.explain.demand import SHAPES_EXPLAINED
from scaler.explain.explanation import Explanation, explain
from scaler.explain.summary import Situation
from scaler.model.circuit_breaker import LaunchHealth
from scaler.model.cluster import Direction
from scaler.model.decision import Cause, Held, Infeasible, Observation, Plan
from scaler.model.workers import ActionKind, WorkerState
from scaler.planning.plan import plan
from support.builders import NOW, demand, gang, observation, permits, policy, worker, worker_type
from support.observations import POLICY, observations
from support.situations import PENDING, SITUATIONS

if TYPE_CHECKING:
    from scaler.model.policy import Policy


def explained(observed: Observation, limits: Policy | None = None) -> Explanation:
    """The explanation of what the plan makes of this."""
    rules = limits or policy()
    return explain(observed, plan(observed, rules, NOW), rules, NOW)


EXPECTED: dict[str, tuple[dict[str, Cause | Situation], list[str]]] = {
    "nothing pending": ({}, ["busy", "not_idle_long_enough"]),
    "a burst during the cooldown": ({"CPU:1": Cause.COOLDOWN}, ["busy", "joining", "joining"]),
    "at max_workers": ({"CPU:1": Cause.MAX_WORKERS}, ["busy"] * 5),
    "a GPU that no type has": ({"GPU:1": Cause.NO_WORKER_TYPE_FITS, "CPU:1": Cause.PENDING_DEMAND}, ["busy"]),
    "no snapshot": ({}, ["snapshot_unavailable", "snapshot_unavailable"]),
    "idle, but needed for min_workers": ({}, ["removing", "min_workers"]),
    "no alert permits anything": ({"CPU:1": Cause.NO_ALERT}, ["no_alert"]),
    "all pending demand fits on joining workers": ({"CPU:1": Situation.WORKERS_JOINING}, ["busy", "joining"]),
    "idle workers of another type": ({"GPU:1": Cause.MAX_WORKERS}, ["removing", "removing"]),
    "an idle worker that pending demand needs": ({"CPU:1": Cause.COOLDOWN}, ["demand_needs_it"]),
    "the scale-down cooldown": ({}, ["cooldown"]),
    "an engine that does not answer": ({"CPU:1": Cause.PROVIDER_UNAVAILABLE}, ["provider_unavailable"]),
    "launches that fail": ({"CPU:1": Cause.LAUNCHES_FAIL}, ["busy"]),
    "scaling is paused": ({"CPU:1": Cause.PAUSED}, ["no_alert"]),
    "a journal that cannot be written": ({"CPU:1": Cause.JOURNAL_UNAVAILABLE}, ["journal_unavailable"]),
    "a worker that never joined": ({}, ["removing"]),
}
HEALTHY = {
    "nothing pending",
    "idle, but needed for min_workers",
    "all pending demand fits on joining workers",
    "the scale-down cooldown",
}


def test_a_worker_that_ray_does_not_see_is_not_healthy() -> None:
    found = explained(observation(replace(worker(1), node=None)))

    assert (found.healthy, found.workers[0].cause) == (False, Situation.NOT_IN_RAY)
    assert "worker-1" in found.summary[0]


def test_a_missing_watchdog_is_reported_and_changes_no_plan() -> None:
    seen = observation(worker(1))
    missed = replace(seen, watchdog_missing_since=NOW - 95)

    assert not explained(missed).healthy
    assert "95 s" in explained(missed).summary[0]
    assert plan(missed, policy(), NOW) == plan(seen, policy(), NOW)


def test_every_situation_is_in_the_table() -> None:
    assert EXPECTED.keys() == SITUATIONS.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_each_shape_and_each_worker_is_explained(name: str) -> None:
    situation = SITUATIONS[name]
    found = explained(situation.observation, situation.policy)

    pending = {shape.shape: shape.cause for shape in found.pending}
    assert (pending, [why.cause.value for why in found.workers]) == EXPECTED[name]


def test_the_first_line_says_healthy_only_if_nothing_is_wrong() -> None:
    first = {name: explained(one.observation, one.policy).summary[0] for name, one in SITUATIONS.items()}

    assert {name for name, line in first.items() if line.startswith("Healthy")} == HEALTHY


def test_it_is_not_healthy_while_launches_of_a_type_fail_though_another_does_its_work() -> None:
    kinds = policy(worker_type(name="cheap"), worker_type(name="dear", num_cpus=4))
    health = {"cheap": LaunchHealth(frozenset({1, 2, 3}), NOW - 1, "no such image")}
    seen = observation(demands=(demand(2),), up=PENDING, launch_health=health)

    assert "cheap" in explained(seen, kinds).summary[0]


def test_there_is_room_now_only_on_workers_that_run() -> None:
    seen = observation(demands=(demand(1), demand(1, {"CPU": 2})), up=PENDING)
    found = explained(seen, policy(worker_type(num_cpus=4)))

    assert {shape.cause for shape in found.pending} == {Cause.PENDING_DEMAND}


def test_a_shape_is_held_by_its_own_type_while_launches_are_limited() -> None:
    kinds = policy(worker_type(), worker_type(name="gpu", num_gpus=1), upscaling_speed=1)
    found = explained(observation(demands=(demand(4), demand(3, {"GPU": 1})), up=PENDING), kinds)

    assert {shape.cause for shape in found.pending} == {Cause.UPSCALING_SPEED}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_held_is_told_in_the_plans_own_words(name: str) -> None:
    situation = SITUATIONS[name]
    entries: list[Held | Infeasible] = [*situation.plan.held, *situation.plan.infeasible]
    said = {(entry.cause, entry.reason) for entry in entries}

    for shape in explained(situation.observation, situation.policy).pending:
        if isinstance(shape.cause, Cause) and shape.cause is not Cause.PENDING_DEMAND:
            assert any(cause is shape.cause and reason in shape.why for cause, reason in said)


@pytest.mark.parametrize(
    ("changes", "cause", "why"),
    [
        pytest.param({"state": WorkerState.DRAINING}, Situation.REMOVING, "draining", id="draining"),
        pytest.param({"state": WorkerState.TERMINATING}, Situation.REMOVING, "being removed", id="being-removed"),
        pytest.param({"node": None}, Situation.NOT_IN_RAY, "not in Ray", id="not-in-ray"),
        pytest.param({"idle": 20.0}, Cause.NOT_IDLE_LONG_ENOUGH, "idle for 20 of 60 s", id="idle-a-while"),
        pytest.param({"idle": 99.0}, Cause.NO_ALERT, "no alert permits scaling down", id="nothing-permits"),
    ],
)
def test_a_workers_reason_is_the_first_that_applies(changes: dict[str, Any], cause: object, why: str) -> None:
    (found,) = explained(observation(worker(1, **changes))).workers

    assert (found.cause, why in found.why) == (cause, True)


@pytest.mark.parametrize(
    ("changes", "pending", "cause"),
    [
        pytest.param({}, 0, Situation.WARM, id="warm"),
        pytest.param({"action": ActionKind.PREPARE}, 0, Situation.WARM, id="being-prepared"),
        pytest.param({}, 1, Situation.JOINING, id="joining"),
        pytest.param({"worker_type": "gone"}, 0, Situation.REMOVING, id="too-many"),
    ],
)
def test_a_warm_worker_says_what_it_is_for(changes: dict[str, Any], pending: int, cause: Situation) -> None:
    demands = (demand(pending),) if pending else ()
    seen = observation(worker(1, WorkerState.WARM, **changes), demands=demands, up=PENDING)
    found = explained(seen, policy(worker_type(warm_workers=1)))

    assert found.workers[0].cause is cause
    assert "1 worker: 1 " in found.summary[-1]


def test_a_worker_that_pending_demand_needs_says_so() -> None:
    seen = observation(worker(1, idle=90), demands=(demand(1),), down=permits(Direction.DOWN))

    assert [why.cause for why in explained(seen).workers] == [Cause.DEMAND_NEEDS_IT]


def test_each_shape_has_its_own_reason_where_shapes_compete() -> None:
    seen = observation(
        worker(1, WorkerState.ALLOCATED),
        demands=(demand(1), demand(3, {"CPU": 0.5})),
        up=PENDING,
        last_scale_up=NOW - 5,
    )

    assert {shape.cause for shape in explained(seen).pending} <= {Cause.COOLDOWN, Situation.WORKERS_JOINING}
    assert Cause.COOLDOWN in {shape.cause for shape in explained(seen).pending}


def test_a_gang_is_told_with_its_bundles() -> None:
    spread = gang({"CPU": 1}, {"CPU": 1}, strategy=Strategy.STRICT_SPREAD)

    (shape,) = explained(observation(gangs=(spread,))).pending
    assert (shape.shape, shape.count, shape.cause) == ("STRICT_SPREAD(1 x CPU:1 + 1 x CPU:1)", 2, Cause.NO_ALERT)


def test_many_shapes_are_told_in_part_and_counted_in_full() -> None:
    many = tuple(demand(1, {"CPU": 1.0, f"thing-{number}": 1.0}) for number in range(SHAPES_EXPLAINED + 7))

    found = explained(observation(demands=many)).pending
    assert (len(found), found[-1].shape, sum(shape.count for shape in found)) == (21, "7 other shapes", len(many))


def test_a_planner_of_ones_own_is_explained_by_its_own_holds() -> None:
    def cautious(observed: Observation, _policy: object, _now: float) -> Plan:
        waits = observed.snapshot.pending if observed.snapshot else 0
        return Plan(held=(Held(Cause.COOLDOWN, waits, "it is Sunday"),) if waits else ())

    seen = observation(worker(1), demands=(demand(2),))
    found = explain(seen, cautious(seen, None, NOW), policy(), NOW, cautious)

    assert [(shape.cause, shape.why) for shape in found.pending] == [(Cause.COOLDOWN, "it is Sunday")]


@given(observations())
def test_all_is_explained_whatever_the_cluster_looks_like(given_: Observation) -> None:
    found = explained(given_, POLICY)
    known = given_.snapshot.pending if given_.snapshot else 0

    assert [why.worker_id for why in found.workers] == [w.worker_id for w in given_.workers]
    assert sum(shape.count for shape in found.pending) == known
    whys = [*(shape.why for shape in found.pending), *(one.why for one in found.workers)]
    assert all(text for text in (*found.summary, *whys))


@given(observations())
def test_who_leaves_is_who_the_plan_lets_go(given_: Observation) -> None:
    proposed = plan(given_, POLICY, NOW)
    acted_on = {action.worker_id for action in proposed.actions if action.kind in (ActionKind.DRAIN, ActionKind.REMOVE)}
    told = {why.worker_id for why in explained(given_, POLICY).workers if why.cause is Situation.REMOVING}

    assert acted_on <= told
    running = {w.worker_id for w in given_.workers if w.state is WorkerState.RUNNING}
    assert told & running == acted_on & running


def test_a_worker_of_a_type_that_has_gone_is_explained() -> None:
    stranger = worker(1, worker_type="gone", idle=5)

    assert [why.cause for why in explained(observation(stranger)).workers] == [Cause.NO_ALERT]


def test_a_min_workers_over_all_types_keeps_the_last_one() -> None:
    limits = replace(policy(worker_type()), min_workers=1)

    assert [why.cause for why in explained(observation(worker(1, idle=90)), limits).workers] == [Cause.MIN_WORKERS]
