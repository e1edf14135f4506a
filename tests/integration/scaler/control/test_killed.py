"""The scaler is killed at every step of a launch, a drain and a removal: its successor loses and doubles nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ray_watcher_common.state import NodeStatus
from scaler.control.recovery import INTERRUPTED
from scaler.model.cluster import Direction, LaunchRequest
from scaler.model.decision import ACTION_CAUSES, Action, Plan
from scaler.model.errors import JournalError, ProviderUnavailableError
from scaler.model.workers import ActionKind, WorkerState
from support.builders import NOW, alert, node, worker_name, worker_type
from support.fakes import AtOnceExecutor, FakeClock
from support.loop_world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scaler.journal.journal import ActionRecord


class KilledError(BaseException):
    """Nothing of the scaler runs after this."""


def killed(*_: object, **__: object) -> None:
    raise KilledError


def killed_after(call: Callable[..., object]) -> Callable[..., None]:
    """Does what `call` does; who called is gone before it returns."""

    def last(*arguments: object, **named: object) -> None:
        call(*arguments, **named)
        raise KilledError

    return last


def reconcile_and_die(world: World, monkeypatch: pytest.MonkeyPatch, part: str, name: str, how: object) -> None:
    """Reconcile with one call of one part of the world as the scaler's last."""
    with monkeypatch.context() as dying:
        target = getattr(world, part)
        dying.setattr(target, name, killed_after(getattr(target, name)) if how is killed_after else killed)
        with pytest.raises(KilledError):
            world.reconcile()


def successor(world: World) -> World:
    """A scaler in the same world with the same journal, beyond the cooldown."""
    clock = FakeClock(world.clock.time + 100)
    made = World(
        clock=clock, provider=world.provider, reader=world.reader, journal=world.journal, executor=AtOnceExecutor()
    )
    if world.reader.snapshot:
        world.reader.snapshot = replace(world.reader.snapshot, observed_at=clock.time)
    return made


@pytest.fixture
def world() -> Iterator[World]:
    made = World(executor=AtOnceExecutor())
    yield made
    made.journal.close()


def by_hand(world: World) -> None:
    """A worker that no launch of the journal made."""
    world.provider.launch(LaunchRequest(worker_name(1), 1, worker_type()))


def records(world: World, kind: ActionKind) -> list[ActionRecord]:
    return [record for record in world.journal.actions(99) if record.action == kind.value][::-1]


def settled(world: World) -> bool:
    return not world.journal.open_actions()


LAUNCH_STEPS = {
    "before the decision is written": ("journal", "record_decision", killed),
    "before the intent is written": ("journal", "intend", killed),
    "after the intent, before the engine is asked": ("provider", "launch", killed),
    "after the engine has launched it": ("provider", "launch", killed_after),
    "before the outcome is written": ("journal", "conclude", killed),
    "after the outcome is written": ("journal", "conclude", killed_after),
}


@pytest.mark.parametrize("step", LAUNCH_STEPS)
def test_killed_in_a_launch(world: World, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)
    reconcile_and_die(world, monkeypatch, *LAUNCH_STEPS[step])

    after = successor(world)
    after.journal.absorb_alerts([alert(received_at=after.clock.time)])
    after.reconcile()
    after.reconcile()

    assert len(world.provider.list()) == 1
    assert settled(world)
    launches = records(world, ActionKind.LAUNCH)
    assert {w.worker_id for w in world.provider.list()} <= {r.worker_id for r in launches if r.outcome == "done"}


DRAIN_STEPS = {
    "before the intent is written": ("journal", "intend", killed),
    "after the intent, before Ray is asked": ("drainer", "drain_idle", killed),
    "after Ray has accepted": ("drainer", "drain_idle", killed_after),
    "before the outcome is written": ("journal", "conclude", killed),
}


@pytest.mark.parametrize("step", DRAIN_STEPS)
def test_killed_in_a_drain(world: World, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand(world)
    world.see(node(worker_name(1), idle=90))
    world.journal.absorb_alerts([alert(Direction.DOWN)])
    reconcile_and_die(world, monkeypatch, *DRAIN_STEPS[step])
    if world.drainer.drained:
        world.see(node(worker_name(1), status=NodeStatus.DEAD))

    after = successor(world)
    after.journal.absorb_alerts([alert(Direction.DOWN, received_at=after.clock.time)])
    after.reconcile()
    if after.drainer.drained:
        after.see(node(worker_name(1), status=NodeStatus.DEAD))
    after.reconcile()
    after.reconcile()

    assert len(world.drainer.drained) + len(after.drainer.drained) == 1  # never asked twice
    assert world.provider.list() == []
    assert settled(world)


@pytest.mark.parametrize("how", [killed, killed_after], ids=["before the engine", "after the engine"])
def test_killed_in_a_removal(world: World, how: object, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand(world)
    world.provider.exit(worker_name(1), exit_code=1)
    reconcile_and_die(world, monkeypatch, "provider", "remove", how)

    after = successor(world)
    after.reconcile()

    assert world.provider.list() == []
    assert settled(world)


# --- what became of an intent ------------------------------------------------------------------------------------


def left_open(world: World, kind: ActionKind, worker_id: str) -> World:
    """A scaler that wrote down an intent and was gone; returns its successor."""
    action = Action(kind, ACTION_CAUSES[kind][0], "why", "default", worker_id, "00")
    decision = world.journal.record_decision("test", Plan((action,)), NOW)
    world.journal.intend(decision, action, worker_id, NOW)
    return successor(world)


OUTCOMES = [
    pytest.param(ActionKind.PREPARE, True, None, "done", id="prepared after all"),
    pytest.param(ActionKind.PREPARE, False, None, "failed", id="never prepared"),
    pytest.param(ActionKind.LAUNCH, True, None, "done", id="launched after all"),
    pytest.param(ActionKind.LAUNCH, False, None, "failed", id="never launched"),
    pytest.param(ActionKind.DRAIN, True, NodeStatus.IDLE, "failed", id="never drained"),
    pytest.param(ActionKind.DRAIN, True, NodeStatus.DRAINING, "done", id="draining"),
    pytest.param(ActionKind.DRAIN, True, NodeStatus.DEAD, "done", id="drained"),
    pytest.param(ActionKind.DRAIN, False, None, "done", id="drained and removed"),
    pytest.param(ActionKind.REMOVE, False, None, "done", id="removed after all"),
    pytest.param(ActionKind.REMOVE, True, NodeStatus.DEAD, "failed", id="never removed"),
]


@pytest.mark.parametrize(("kind", "there", "status", "outcome"), OUTCOMES)
def test_an_intent_without_an_outcome_gets_the_one_that_is_found(  # the columns of the table
    world: World,
    kind: ActionKind,
    there: bool,
    status: NodeStatus | None,
    outcome: str,
) -> None:
    if there:
        by_hand(world)
    world.see(*([node(worker_name(1), status=status)] if status else []))
    after = left_open(world, kind, worker_name(1))

    after.reconcile()

    first = world.journal.actions(99)[-1]
    assert (first.outcome, first.detail.startswith(INTERRUPTED)) == (outcome, True)
    assert after.count(kind.value, first.cause, outcome) >= 1


def test_while_the_workers_are_not_known_an_intent_stays_open(world: World) -> None:
    after = left_open(world, ActionKind.LAUNCH, worker_name(1))
    world.provider.unavailable = ProviderUnavailableError("hung")
    after.reconcile()
    assert len(world.journal.open_actions()) == 1

    world.provider.unavailable = None
    after.reconcile()
    assert settled(world)


def test_while_ray_is_out_of_sight_a_drain_stays_open(world: World) -> None:
    by_hand(world)
    world.reader.snapshot = None
    after = left_open(world, ActionKind.DRAIN, worker_name(1))
    after.reconcile()
    assert len(world.journal.open_actions()) == 1

    after.see(node(worker_name(1), idle=1))
    after.reconcile()
    assert settled(world)


def test_an_outcome_that_the_disk_had_no_room_for_is_found_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise JournalError("journal: database or disk is full")

    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)
    with monkeypatch.context() as no_room:
        no_room.setattr(world.journal, "conclude", full)
        world.reconcile()
    assert len(world.journal.open_actions()) == 1

    world.reconcile()
    assert (settled(world), records(world, ActionKind.LAUNCH)[0].outcome) == (True, "done")


def test_what_flies_is_no_loose_end() -> None:
    world = World()
    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)
    world.reconcile()

    world.reconcile()

    assert len(world.journal.open_actions()) == 1
    world.journal.close()


# --- workers that nobody launched ----------------------------------------------------------------------------------


def test_a_worker_that_no_launch_made_is_ours_and_counts(world: World) -> None:
    by_hand(world)
    world.see(node(worker_name(1)))

    for _ in range(2):
        world.reconcile()

    assert world.journal.adopted() == {worker_name(1)}
    assert world.states() == [WorkerState.RUNNING]
    assert world.reconciler.view.anomalies == ()


def test_a_worker_of_our_own_is_not_adopted_by_a_successor(world: World) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)
    world.reconcile()

    after = successor(world)
    after.reconcile()

    assert world.journal.adopted() == frozenset()


def test_an_interrupted_drain_is_seen_through(world: World) -> None:
    by_hand(world)
    world.see(node(worker_name(1), status=NodeStatus.DRAINING))
    world.reconcile()
    assert world.states() == [WorkerState.DRAINING]

    world.see(node(worker_name(1), status=NodeStatus.DEAD))
    world.reconcile()
    assert world.provider.list() == []


def test_a_node_of_others_is_never_touched(world: World) -> None:
    world.journal.absorb_alerts([alert(Direction.DOWN)])
    world.see(node("i-0abc", idle=999), node("", idle=999))

    plan = world.reconcile()

    assert (plan.actions, world.drainer.drained) == ((), [])
    assert [o.case.value for o in world.reconciler.view.anomalies] == ["foreign", "foreign"]
