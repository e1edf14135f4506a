"""The loop against a world of fakes: what it observes, starts, records and survives."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ray_watcher_common.state import ClusterState, NodeStatus
from scaler.control.actions import random_id
from scaler.control.view import Wakeup
from scaler.model.circuit_breaker import HEALTHY, BreakerState
from scaler.model.cluster import Capabilities, Direction, DrainReply, Host, HostStatus
from scaler.model.decision import Cause
from scaler.model.errors import IndexTakenError, LaunchFailedError, NoRoomError, ProviderUnavailableError
from scaler.model.workers import ActionKind, WorkerState
from support.builders import NOW, alert, demand, head, node, snapshot
from support.fakes import AtOnceExecutor, LaterExecutor
from support.loop_world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray_watcher_common.state import Node


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.journal.close()


def test_demand_under_an_alert_becomes_workers(world: World) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=2)

    world.reconcile()
    world.executor.land()

    assert [i.worker_id for i in world.provider.list()] == ["worker-1-000001", "worker-2-000002"]
    assert [(r.action, r.outcome, r.cause) for r in world.journal.actions(9)] == [
        ("launch", "done", "pending_demand")
    ] * 2
    assert world.count("launch", "pending_demand", "done") == 2


def test_launches_of_one_plan_have_indexes_of_their_own_however_fast_they_land() -> None:
    world = World(executor=AtOnceExecutor())
    world.journal.absorb_alerts([alert()])
    world.see(waiting=4)

    world.reconcile()

    assert [(r.worker_id, r.outcome) for r in world.journal.actions(9)][::-1] == [
        (f"worker-{i}-{i:06x}", "done") for i in (1, 2, 3, 4)
    ]
    world.journal.close()


def test_an_action_is_journaled_before_it_happens(world: World) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)

    world.reconcile()

    assert [r.outcome for r in world.journal.actions(9)] == [None]
    assert world.provider.list() == []


def test_a_launch_in_flight_counts_as_capacity_and_is_not_repeated(world: World) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=2)
    world.reconcile()
    world.clock.pass_(100)  # beyond the cooldown

    again = world.reconcile()

    assert again.actions == ()
    assert world.states() == [WorkerState.REQUESTED] * 2


def test_a_failed_launch_is_recorded_with_its_reason_and_tried_after_its_rest(world: World) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)
    world.provider.launch_error = LaunchFailedError("image ray:9 is not on this engine")
    world.reconcile()
    world.executor.land()

    (record,) = world.journal.actions(9)
    assert (record.outcome, record.detail) == ("failed", "image ray:9 is not on this engine")
    held = world.reconcile().held[0]
    assert (held.cause, "image ray:9 is not on this engine" in held.reason) == (Cause.LAUNCHES_FAIL, True)
    world.clock.pass_(11)
    assert [a.kind for a in world.reconcile().actions] == [ActionKind.LAUNCH]


def test_a_launch_for_which_no_host_has_room_is_no_failure_and_holds_its_type(world: World) -> None:
    world.journal.absorb_alerts([alert(received_at=NOW + 60)])
    world.see(waiting=1)
    world.provider.launch_error = NoRoomError("insufficient resources on 3 nodes")
    for _ in range(4):
        assert [a.kind for a in world.reconcile().actions] == [ActionKind.LAUNCH]
        world.executor.land()
        (held,) = world.reconcile().held
        assert (held.cause, "insufficient resources on 3 nodes" in held.reason) == (Cause.NO_HOST_HAS_ROOM, True)
        world.clock.pass_(31)
        world.see(waiting=1)

    assert (world.journal.actions(1)[0].outcome, breaker(world)) == ("no_room", (BreakerState.CLOSED, 0))


def test_a_host_on_which_launches_fail_is_avoided_and_the_type_is_launched_elsewhere(world: World) -> None:
    world.journal.absorb_alerts([alert(received_at=NOW + 60)])
    world.see(waiting=1)
    world.provider.capabilities = Capabilities(many_hosts=True)
    world.provider.at_hosts = (Host("h1", HostStatus.READY), Host("h2", HostStatus.READY))
    world.provider.launch_error = LaunchFailedError("no such image", host="h1")
    world.reconcile()
    world.executor.land()
    world.clock.pass_(11)
    world.see(waiting=1)

    world.reconcile()

    assert world.reconciler.view.observation.avoided_hosts == {"default": ("h1",)}
    assert world.reconciler.view.observation.hosts == world.provider.at_hosts
    world.executor.land()
    assert [request.avoided_hosts for request in world.provider.requests] == [(), ("h1",)]


def breaker(world: World) -> tuple[BreakerState, int]:
    """The breaker of the default type, and how many rounds in a row have failed."""
    health = world.reconciler.view.observation.launch_health.get("default", HEALTHY)
    return health.state(world.clock.now()), health.failures


def test_workers_that_end_before_they_join_open_the_breaker_and_one_that_joins_closes_it() -> None:
    world = World(new_id=random_id)
    world.journal.absorb_alerts([alert(received_at=NOW + 60)])
    world.see(waiting=3)
    world.provider.exit_code = 1
    for rest in (10, 20, 40):
        world.reconcile()  # launches
        world.executor.land()
        world.reconcile()  # sees them ended, removes them
        world.executor.land()
        assert [held.cause for held in world.reconcile().held] == [Cause.LAUNCHES_FAIL]
        world.clock.pass_(rest)
    world.provider.exit_code = None
    assert [a.kind for a in world.reconcile().actions] == [ActionKind.LAUNCH]  # one of three
    assert breaker(world) == (BreakerState.HALF_OPEN, 3)
    world.executor.land()

    (joined,) = world.provider.list()
    world.see(node(joined.worker_id), waiting=2)
    world.reconcile()
    world.clock.pass_(61)

    assert len(world.reconcile().actions) == 2
    assert breaker(world) == (BreakerState.CLOSED, 0)
    world.journal.close()


def test_the_breaker_survives_a_restart(world: World) -> None:
    world.journal.absorb_alerts([alert(received_at=NOW + 60)])
    world.see(waiting=1)
    world.provider.launch_error = LaunchFailedError("host full")
    for rest in (11, 21, 0):
        world.reconcile()
        world.executor.land()
        world.clock.pass_(rest)

    again = World(clock=world.clock, reader=world.reader, provider=world.provider, journal=world.journal)
    again.reconcile()

    assert breaker(again) == (BreakerState.OPEN, 3)


def test_a_removal_that_takes_long_does_not_hold_up_a_launch() -> None:
    world = World(executor=AtOnceExecutor(), removals=LaterExecutor())
    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)
    world.provider.exit_code = 1
    world.reconcile()
    world.provider.exit_code = None
    world.clock.pass_(61)

    world.reconcile()  # removes the one that ended, and launches another

    assert [(r.action, r.outcome) for r in world.journal.actions(2)] == [("launch", "done"), ("remove", None)]
    world.journal.close()


def test_an_index_that_a_stranger_holds_is_not_asked_for_again(world: World) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)
    world.provider.launch_error = IndexTakenError("another container holds the name worker-1")
    world.reconcile()
    world.executor.land()
    world.provider.launch_error = None
    world.clock.pass_(11)

    world.reconcile()
    world.executor.land()

    assert [instance.index for instance in world.provider.list()] == [2]


def joined_worker(world: World, idle: float = 0.0) -> None:
    """Launch one worker and let it join."""
    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)
    world.reconcile()
    world.executor.land()
    world.journal.absorb_alerts([alert(firing=False)])
    world.see(node("worker-1-000001", idle=idle))


def test_joining_is_written_down_once(world: World) -> None:
    joined_worker(world)
    world.reconcile()
    world.clock.pass_(50)
    world.reconcile()

    assert world.journal.actions(9)[0].joined_at == NOW


def test_the_stages_of_a_scale_up_are_measured_and_a_restart_forgets_an_unfinished_one(world: World) -> None:
    def sums(of: World) -> list[float | None]:
        stages = ("alert", "webhook", "decision", "launch", "join", "demand_drop")
        name = "rayscaler_stage_duration_seconds_sum"
        return [of.metrics.registry.get_sample_value(name, {"stage": stage}) for stage in stages]

    def see(waiting: int, *nodes: Node) -> None:
        shown = snapshot(head(), *nodes, demands=(demand(waiting),), observed_at=world.clock.now())
        world.reader.snapshot = replace(shown, pending_since=NOW - 4)

    world.journal.absorb_alerts([alert(starts_at=NOW - 3, received_at=NOW - 1)])
    see(1)
    world.reconcile()
    world.clock.pass_(0.5)
    world.executor.land()
    world.reconcile()
    successor = World(provider=world.provider, reader=world.reader, journal=world.journal, clock=world.clock)
    world.clock.pass_(4)
    see(1, node("worker-1-000001"))
    world.reconcile()
    world.clock.pass_(0.25)
    see(0, node("worker-1-000001"))
    world.reconcile()
    successor.reconcile()

    assert sums(world) == [1.0, 2.0, 1.0, 0.5, 4.0, 0.25]
    assert world.metrics.registry.get_sample_value("rayscaler_demand_to_worker_seconds_sum") == 8.5
    assert world.reconciler.view.last_scale_up["demand_to_worker"] == 8.5
    assert (sum(filter(None, sums(successor))), successor.reconciler.view.last_scale_up) == (0, {})


def test_an_idle_worker_is_drained_then_removed(world: World) -> None:
    joined_worker(world, idle=61)
    world.journal.absorb_alerts([alert(Direction.DOWN)])

    world.reconcile()
    world.executor.land()
    assert world.drainer.drained == [b"worker-1-000001".hex()]
    assert len(world.provider.list()) == 1  # drained, not yet confirmed

    world.reader.snapshot = snapshot(head(), node("worker-1-000001", status=NodeStatus.DEAD))
    world.reconcile()
    world.executor.land()
    assert world.provider.list() == []
    assert [(r.action, r.cause) for r in world.journal.actions(2)] == [("remove", "drained"), ("drain", "idle")]


def test_a_refused_drain_removes_nothing(world: World) -> None:
    joined_worker(world, idle=61)
    world.journal.absorb_alerts([alert(Direction.DOWN)])
    world.drainer.reply = DrainReply(accepted=False, message="an actor lives there")

    world.reconcile()
    world.executor.land()

    assert "an actor lives there" in world.journal.actions(1)[0].detail
    assert len(world.provider.list()) == 1


def test_a_removal_that_fails_is_tried_again_after_a_rest(world: World) -> None:
    joined_worker(world)
    world.provider.exit("worker-1-000001", exit_code=137)
    world.reconcile()
    world.provider.unavailable = ProviderUnavailableError("device or resource busy")
    world.executor.land()
    world.provider.unavailable = None
    assert world.journal.actions(1)[0].outcome == "failed"

    assert world.reconcile().actions == ()
    world.clock.pass_(11)
    assert [action.kind for action in world.reconcile().actions] == [ActionKind.REMOVE]


def test_causes_that_take_turns_are_not_written_down_each_time(world: World) -> None:
    for round_ in range(10):
        world.see(waiting=round_ % 2)
        world.reconcile()
        world.clock.pass_(1)

    assert len(world.journal.decisions(99)) == 2


def test_a_hiccup_of_the_exporter_launches_nothing(world: World) -> None:
    world.journal.absorb_alerts([alert()])
    world.reader.snapshot = None
    assert world.reconcile().actions == ()
    world.clock.pass_(14)
    assert world.reconcile().actions == ()
    world.clock.pass_(1)
    assert [action.cause for action in world.reconcile().actions] == [Cause.SNAPSHOT_UNAVAILABLE]


def test_a_dead_engine_holds_everything_and_says_so(world: World) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=2)
    world.provider.unavailable = ProviderUnavailableError("Docker does not answer")

    proposed = world.reconcile()
    world.provider.unavailable = None

    assert (proposed.actions, proposed.held[0].cause) == ((), Cause.PROVIDER_UNAVAILABLE)
    assert "Docker does not answer" in proposed.held[0].reason
    assert world.reconcile().actions  # and goes on when it answers again


def test_a_dead_exporter_is_told_and_removes_nothing(world: World) -> None:
    joined_worker(world, idle=99)
    world.journal.absorb_alerts([alert(Direction.DOWN)])
    world.reader.snapshot = None

    proposed = world.reconcile()

    assert proposed.actions == ()
    assert world.reconciler.view.observation.problem == "the exporter does not answer"


def test_the_same_news_is_written_once(world: World) -> None:
    world.see(waiting=2)
    for _ in range(3):
        world.reconcile()
        world.clock.pass_(1)

    assert [[h["cause"] for h in d["held"]] for d in world.journal.decisions(9)] == [["no_alert"]]


def test_an_unexpected_error_does_not_stop_the_loop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds, stop = [], threading.Event()

    def broken() -> ClusterState:
        rounds.append(1)
        if len(rounds) == 2:
            stop.set()
        world.wakeup.wake("test")
        raise ZeroDivisionError

    monkeypatch.setattr(world.reader, "read", broken)
    world.reconciler.run(stop, check_interval=5)

    assert len(rounds) == 2
    assert world.metrics.registry.get_sample_value("rayscaler_reconcile_errors_total") == 2


@pytest.mark.parametrize(
    ("fires", "waiting_for", "waits"),
    [
        pytest.param(False, 9.0, 5.0, id="nothing is going on"),
        pytest.param(True, 9.0, 0.5, id="an alert is active"),
        pytest.param(True, 0.1, 0.0, id="a burst has just begun and shows its size in a moment"),
    ],
)
def test_the_loop_looks_again_the_sooner_the_more_goes_on(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    fires: bool,
    waiting_for: float,
    waits: float,
) -> None:
    stop, waited = threading.Event(), list[float]()

    def wait(seconds: float) -> None:
        waited.append(seconds)
        stop.set()

    monkeypatch.setattr(world.wakeup, "wait", wait)
    world.journal.absorb_alerts([alert()] if fires else [])
    world.see(waiting=2, since=NOW - waiting_for)

    world.reconciler.run(stop, check_interval=5)

    assert waited == [waits]


def test_an_unexpected_error_while_a_burst_shows_its_size_is_not_hurried(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=2, since=NOW)
    stop, waited = threading.Event(), list[float]()

    def broken() -> ClusterState:
        stop.set()
        raise ZeroDivisionError

    def wait(seconds: float) -> None:
        waited.append(seconds)
        monkeypatch.setattr(world.reader, "read", broken)

    monkeypatch.setattr(world.wakeup, "wait", wait)
    world.reconciler.run(stop, check_interval=5)

    assert waited == [0.0, 0.5]


def test_a_scaler_that_no_longer_leads_decides_nothing(world: World) -> None:
    world.reconciler.run(threading.Event(), check_interval=5, leads=lambda: False)

    assert world.journal.decisions(1) == []


def test_after_a_restart_the_world_is_adopted(world: World) -> None:
    joined_worker(world)
    successor = World(provider=world.provider, reader=world.reader, journal=world.journal)

    successor.reconcile()

    assert successor.states() == [WorkerState.RUNNING]


def test_the_alarm_remembers_why_it_rang() -> None:
    wakeup = Wakeup()
    assert wakeup.take() == "start"
    wakeup.wake("webhook")
    wakeup.wait(0)
    assert (wakeup.take(), wakeup.take()) == ("webhook", "timer")
