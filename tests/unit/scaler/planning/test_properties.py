"""What holds of every plan, whatever the cluster looks like."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ray_watcher_common.state import Demand, NodeStatus
from scaler.model.circuit_breaker import HEALTHY
from scaler.model.decision import Action, Cause, Held, Infeasible, Observation, Plan
from scaler.model.workers import JOINING, LEAVING, ActionKind, WorkerState
from scaler.packing.present import unplaced
from scaler.planning.context import Context
from scaler.planning.plan import plan
from support.builders import NOW, head, observation, permits, worker, worker_type
from support.observations import POLICY, demands, observations

if TYPE_CHECKING:
    from random import Random

LAUNCH, PREPARE = ActionKind.LAUNCH, ActionKind.PREPARE
WARM_TYPES = (worker_type(name="default", warm_workers=2), worker_type(name="gpu", max_workers=6))


def launches(proposed: Plan) -> list[str]:
    """The worker types a plan launches."""
    return [action.worker_type for action in proposed.actions if action.kind is ActionKind.LAUNCH]


@given(observations())
def test_there_are_never_more_workers_than_allowed(given_: Observation) -> None:
    proposed = plan(given_, POLICY, NOW)
    there = given_.workers  # whatever their state: until they are removed
    new = [
        action.worker_type for action in proposed.actions if action.kind in (LAUNCH, PREPARE) and not action.worker_id
    ]

    assert not new or len(there) + len(new) <= POLICY.max_workers
    for kind in POLICY.worker_types:
        present = sum(w.worker_type == kind.name for w in there)
        assert kind.name not in new or present + new.count(kind.name) <= kind.max_workers


@given(observations())
def test_a_launch_that_names_a_worker_names_a_warm_one_of_its_type(given_: Observation) -> None:
    ready = {w.worker_id: w.worker_type for w in given_.workers if w.state is WorkerState.WARM and not w.action}
    for action in plan(given_, POLICY, NOW).actions:
        if action.kind is LAUNCH and action.worker_id:
            assert ready[action.worker_id] == action.worker_type


@given(observations())
def test_no_worker_is_started_cold_while_a_warm_one_of_its_type_is_ready(given_: Observation) -> None:
    proposed = plan(given_, POLICY, NOW)
    named = {action.worker_id for action in proposed.actions}
    ready = [w for w in given_.workers if w.state is WorkerState.WARM and not w.action]
    unused = {w.worker_type for w in ready if w.worker_id not in named}
    cold = {action.worker_type for action in proposed.actions if action.kind is LAUNCH and not action.worker_id}

    assert not unused & cold


@given(observations())
def test_only_idle_running_workers_are_drained(given_: Observation) -> None:
    by_id = {w.worker_id: w for w in given_.workers}
    for action in plan(given_, POLICY, NOW).actions:
        if action.kind is ActionKind.DRAIN:
            drained = by_id[action.worker_id]
            assert drained.state is WorkerState.RUNNING
            assert drained.node is not None
            assert drained.node.status is NodeStatus.IDLE


@given(observations())
def test_no_worker_is_acted_on_twice(given_: Observation) -> None:
    ids = [action.worker_id for action in plan(given_, POLICY, NOW).actions if action.worker_id]

    assert len(ids) == len(set(ids))


@given(observations(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_observed_does_not_matter(given_: Observation, random: Random) -> None:
    shuffled_workers, snapshot = list(given_.workers), given_.snapshot
    random.shuffle(shuffled_workers)
    if snapshot:
        nodes, waiting, asked = list(snapshot.nodes), list(snapshot.demands), list(snapshot.constraints)
        for some in (nodes, waiting, asked):
            random.shuffle(some)
        snapshot = replace(snapshot, nodes=tuple(nodes), demands=tuple(waiting), constraints=tuple(asked))
    shuffled = replace(given_, workers=tuple(shuffled_workers), snapshot=snapshot)

    assert launches(plan(shuffled, POLICY, NOW)) == launches(plan(given_, POLICY, NOW))


@given(observations())
def test_without_permission_only_the_floors_are_launched(given_: Observation) -> None:
    forbidden = replace(given_, up=Observation(None).up)
    launched = [action.cause for action in plan(forbidden, POLICY, NOW).actions if action.kind is ActionKind.LAUNCH]

    assert set(launched) <= {Cause.BELOW_MIN_WORKERS, Cause.REQUESTED_RESOURCES}
    assert launched.count(Cause.BELOW_MIN_WORKERS) <= 1  # min_workers of the default type


@given(observations())
def test_a_type_that_rests_after_failures_is_not_launched(given_: Observation) -> None:
    for name in launches(plan(given_, POLICY, NOW)):
        assert not given_.launch_health.get(name, HEALTHY).wait(NOW)


@given(observations(), st.integers(1, 3), st.sampled_from([0.5, 1.0, 2.0]))
def test_limits_on_flights_and_departures_hold(given_: Observation, most: int, speed: float) -> None:
    limited = replace(POLICY, max_launches=most, upscaling_speed=speed, disruption_budget=most)
    proposed = plan(given_, limited, NOW)
    removed = {action.worker_id for action in proposed.actions if action.kind is ActionKind.REMOVE}
    staying = [w for w in given_.workers if w.worker_id not in removed]
    flying = sum(w.state in JOINING for w in staying)
    leaving = sum(w.state in LEAVING for w in given_.workers)
    drains = sum(action.kind is ActionKind.DRAIN for action in proposed.actions)
    there = sum(w.state is WorkerState.RUNNING for w in staying)

    assert not launches(proposed) or flying + len(launches(proposed)) <= min(most, max(1, math.ceil(speed * there)))
    assert not drains or leaving + drains <= most


@given(observations())
def test_what_request_resources_asks_for_is_never_given_up(given_: Observation) -> None:
    proposed = plan(given_, POLICY, NOW)
    gone = {action.node_id for action in proposed.actions if action.kind is ActionKind.DRAIN}
    seen = given_.snapshot
    if not gone or seen is None:
        return

    def missing(without: frozenset[str]) -> int:
        context = Context(given_, POLICY, NOW)
        return unplaced(seen.constraints, (), context.capacity(seen, without, whole_nodes=True))

    assert missing(frozenset(gone)) == missing(frozenset())


@given(demands, st.integers(1, 20))
def test_more_demand_never_means_fewer_workers(some: tuple[Demand, ...], more: int) -> None:
    grown = tuple(replace(d, count=d.count + more) for d in some)
    before, after = (
        plan(observation(nodes=(head(),), demands=d, up=permits(), demand_since=NOW - 9), POLICY, NOW)
        for d in (some, grown)
    )

    # At a limit, more small requests may be served by fewer workers; what the limit leaves waiting is said.
    limited = any(held.cause is Cause.MAX_WORKERS for held in after.held)
    assert limited or len(launches(after)) >= len(launches(before))


@given(demands)
def test_planning_again_after_applying_launches_nothing(waiting: tuple[Demand, ...]) -> None:
    first = plan(observation(nodes=(head(),), demands=waiting, up=permits(), demand_since=NOW - 9), POLICY, NOW)
    joining = [
        worker(index, WorkerState.REQUESTED, worker_type=name) for index, name in enumerate(launches(first), start=1)
    ]
    again = observation(*joining, nodes=(head(),), demands=waiting, up=permits(), demand_since=NOW - 9)

    assert launches(plan(again, POLICY, NOW + 100)) == []


@given(st.integers(0, 6))
def test_preparing_again_after_preparing_does_nothing(running: int) -> None:
    there = [worker(index, worker_type="gpu") for index in range(1, running + 1)]
    first = plan(observation(*there, nodes=(head(),)), replace(POLICY, worker_types=WARM_TYPES), NOW)
    prepared = [
        worker(running + number, WorkerState.WARM, worker_type=action.worker_type)
        for number, action in enumerate(first.actions, start=1)
    ]
    again = observation(*there, *prepared, nodes=(head(),))

    assert len(prepared) == min(2, POLICY.max_workers - running)
    assert plan(again, replace(POLICY, worker_types=WARM_TYPES), NOW).actions == ()


@given(observations())
def test_every_result_has_a_sentence(given_: Observation) -> None:
    proposed = plan(given_, POLICY, NOW)

    results: list[Action | Held | Infeasible] = [*proposed.actions, *proposed.held, *proposed.infeasible]
    assert all(result.reason for result in results)
