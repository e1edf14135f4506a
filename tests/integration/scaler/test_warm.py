"""Warm workers against a world of fakes: prepared, told to join, prepared anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scaler.control.recovery import INTERRUPTED
from scaler.model.cluster import InstanceStatus
from scaler.model.decision import Cause
from scaler.model.errors import LaunchFailedError
from scaler.model.workers import ActionKind, WorkerState
from support.builders import NOW, alert, node, policy, worker_name, worker_type
from support.loop_world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[World]:
    made = World(policy=policy(worker_type(warm_workers=1)))
    made.see()
    yield made
    made.journal.close()


def act(world: World) -> list[tuple[str, str]]:
    """One reconcile whose actions land: what was done to whom."""
    seen = world.reader.read()
    world.see(*seen.nodes[1:], waiting=seen.pending)
    done = [action.kind.value for action in world.reconcile().actions]
    world.executor.land()
    return [(record.action, record.worker_id) for record in world.journal.actions(len(done))][::-1] if done else []


def demanded(world: World) -> None:
    """A warm worker, and demand that an alert lets have it."""
    act(world)
    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)


def test_a_missing_warm_worker_is_prepared_and_then_left_alone(world: World) -> None:
    assert act(world) == [("prepare", worker_name(1))]
    assert act(world) == []
    assert world.states() == [WorkerState.WARM]
    assert world.count("prepare", "below_warm_workers", "done") == 1


def test_while_it_is_being_prepared_it_is_neither_prepared_twice_nor_told_to_join(world: World) -> None:
    world.journal.absorb_alerts([alert()])
    world.reconcile()
    world.see(waiting=1)

    assert [(a.kind, a.worker_id) for a in world.reconcile().actions] == [(ActionKind.LAUNCH, "")]


def test_demand_has_the_warm_worker_join(world: World) -> None:
    demanded(world)

    assert act(world) == [("launch", worker_name(1))]
    assert [worker.status for worker in world.provider.list()] == [InstanceStatus.RUNNING]
    assert act(world) == []
    assert world.states() == [WorkerState.ALLOCATED]


def test_one_that_was_told_to_join_long_after_it_was_prepared_has_time_to_join(world: World) -> None:
    act(world)
    world.clock.pass_(10_000)
    world.journal.absorb_alerts([alert(starts_at=world.clock.now(), received_at=world.clock.now())])
    world.see(waiting=1)
    act(world)

    assert act(world) == []
    assert world.states() == [WorkerState.ALLOCATED]


def test_the_next_one_is_prepared_once_it_has_joined(world: World) -> None:
    demanded(world)
    act(world)
    world.see(node(worker_name(1)))

    assert act(world) == [("prepare", worker_name(2))]


def test_a_launch_from_the_warm_starts_the_cooldown_and_a_preparation_none(world: World) -> None:
    act(world)
    assert world.reconciler.observe(NOW).last_scale_up is None
    demanded(world)
    act(world)
    assert world.reconciler.observe(NOW).last_scale_up == NOW


def test_one_that_cannot_be_prepared_is_not_tried_again_at_once(world: World) -> None:
    world.provider.launch_error = LaunchFailedError("no such image")
    act(world)

    assert [held.cause for held in world.reconcile().held] == [Cause.LAUNCHES_FAIL]
    world.clock.pass_(11)
    assert [name for name, _ in act(world)] == ["prepare"]


def test_one_that_ends_by_itself_is_removed_and_not_replaced_at_once(world: World) -> None:
    act(world)
    world.provider.exit(worker_name(1), 1, "no Ray")

    assert act(world) == [("remove", worker_name(1))]
    assert act(world) == []
    world.clock.pass_(11)
    assert act(world) == [("prepare", worker_name(1))]


def test_it_is_known_after_a_restart(world: World) -> None:
    act(world)
    successor = World(
        provider=world.provider, journal=world.journal, reader=world.reader, clock=world.clock, policy=world.policy
    )

    assert (successor.reconcile().actions, successor.states()) == ((), [WorkerState.WARM])
    assert world.journal.adopted() == frozenset()


def test_one_that_was_not_told_before_the_scaler_died_is_told_by_its_successor(world: World) -> None:
    demanded(world)
    world.reconcile()  # its launch is written down, and never runs
    world.clock.pass_(61)
    world.journal.absorb_alerts([alert(received_at=world.clock.now())])
    world.see(waiting=1)
    successor = World(
        provider=world.provider, journal=world.journal, reader=world.reader, clock=world.clock, policy=world.policy
    )

    assert act(successor) == [("launch", worker_name(1))]
    interrupted = world.journal.actions(2)[1]
    assert (interrupted.outcome, interrupted.detail.startswith(INTERRUPTED)) == ("failed", True)
