"""A plan without a loop: reproducible, and equal to what the loop would make of the same."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from ray_watcher_common.state import Node, NodeStatus
from scaler.model.cluster import Direction
from scaler.model.decision import Cause
from scaler.model.workers import ActionKind, WorkerState
from scaler.planning import dry_run
from scaler.planning.plan import plan
from scaler.web import status_reader
from support.builders import NOW, demand, head, node, policy, snapshot, worker_name, worker_type
from support.situations import SITUATIONS


def test_every_living_node_with_a_worker_id_is_a_worker_that_runs() -> None:
    seen = snapshot(
        head(),
        node(worker_name(1)),
        node(worker_name(2), status=NodeStatus.DEAD),
        node(worker_name(3), status=NodeStatus.DRAINING),
        Node("ff", NodeStatus.IDLE, "someone-elses"),
    )
    workers = dry_run.observe(seen, {worker_name(1): "gpu"}, (), policy()).workers

    assert [(w.worker_id, w.index, w.worker_type, w.state) for w in workers] == [
        (worker_name(1), 1, "gpu", WorkerState.RUNNING),
        (worker_name(3), 3, "default", WorkerState.DRAINING),
    ]


def test_without_alerts_scaling_up_is_assumed_to_be_permitted_and_a_burst_to_be_whole() -> None:
    seen = snapshot(head(), demands=(demand(12),))
    observed = dry_run.observe(seen, {}, [dry_run.assumed(seen)], policy())

    proposed = plan(observed, policy(), NOW)
    assert [action.kind for action in proposed.actions] == [ActionKind.LAUNCH] * 5
    assert not observed.down


def test_what_a_saved_state_shows_is_planned_although_it_was_the_first_to_show_it() -> None:
    seen = snapshot(head(), demands=(demand(2),), pending_since=NOW)
    observed = dry_run.observe(seen, {}, [dry_run.assumed(seen)], policy())

    assert [action.kind for action in plan(observed, policy(), NOW).actions] == [ActionKind.LAUNCH] * 2


def test_demand_that_is_not_known_is_planned_as_if_it_stayed_unknown() -> None:
    seen = snapshot(head(), demand_known=False)
    observed = dry_run.observe(seen, {}, [dry_run.assumed(seen)], policy())

    assert [action.cause for action in plan(observed, policy(), NOW).actions] == [Cause.DEMAND_UNKNOWN]


def test_a_cooldown_that_is_left_holds_the_plan() -> None:
    seen = snapshot(head(), demands=(demand(1),))
    observed = dry_run.observe(seen, {}, [dry_run.assumed(seen)], policy(), cooldown={Direction.UP: 12.0})

    (held,) = plan(observed, policy(), NOW).held
    assert (held.cause, "12 s left" in held.reason) == (Cause.COOLDOWN, True)


def test_a_status_document_gives_back_workers_alerts_cooldowns_and_policy() -> None:
    situation = SITUATIONS["a burst during the cooldown"]
    status = json.loads(json.dumps(situation.status()))
    seen = situation.observation.snapshot
    assert seen is not None

    assert status_reader.workers_of(status, seen) == situation.observation.workers
    assert [(a.name, a.direction) for a in status_reader.alerts_of(status)] == [("RayPendingTasks", Direction.UP)]
    assert status_reader.cooldown_of(status) == {Direction.UP: 48.0, Direction.DOWN: 0.0}
    assert status_reader.policy_of(status) == situation.policy


def test_a_policy_with_labels_and_resources_survives_json() -> None:
    kind = worker_type(custom_resources=(("tpu", 4.0),), labels=(("zone", "a"),))

    assert status_reader.policy_of({"policy": json.loads(json.dumps(asdict(policy(kind))))}) == policy(kind)


@pytest.mark.parametrize("name", ["a burst during the cooldown", "scaling is paused"])
def test_the_plan_for_a_status_is_the_loops_own(name: str) -> None:
    situation = SITUATIONS[name]
    status, seen = situation.status(), situation.observation.snapshot
    assert seen is not None
    observed = dry_run.observe(
        seen,
        {},
        status_reader.alerts_of(status),
        situation.policy,
        workers=status_reader.workers_of(status, seen),
        cooldown=status_reader.cooldown_of(status),
        pauses=status_reader.pauses_of(status),
    )

    assert plan(observed, situation.policy, NOW) == situation.plan
