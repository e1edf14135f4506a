"""Capacity by schedule in the loop: ahead of the minute, by what joining has taken, and back afterwards."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from scaler.model.decision import Action, Cause, Plan
from scaler.model.schedule import Schedule
from scaler.model.workers import ActionKind
from scaler.web.collector import ViewCollector
from support.builders import NOW, node, policy
from support.loop_world import World

BEGINS = NOW + 200  # NOW is 13:46:40 UTC
OFFICE = Schedule(name="office", cron="50 13 * * *", duration=3600.0, min_workers=2)


@pytest.fixture
def world() -> World:
    """A loop whose last worker took 40 seconds to join."""
    made = World(policy=policy(schedules=(OFFICE,)))
    launch = Action(ActionKind.LAUNCH, Cause.PENDING_DEMAND, "", "default")
    made.journal.intend(made.journal.record_decision("test", Plan((launch,)), NOW), launch, "worker-9-000009", NOW - 50)
    made.journal.mark_joined(["worker-9-000009"], NOW - 10)
    return made


def at(world: World, moment: float) -> Plan:
    world.clock.pass_(moment - world.clock.now())
    world.see()
    return world.reconcile()


def test_a_scheduled_minimum_is_launched_ahead_by_what_a_join_has_taken(world: World) -> None:
    assert at(world, BEGINS - 45).actions == ()

    launches = at(world, BEGINS - 40).launches
    assert [(one.cause, "schedule office" in one.reason) for one in launches] == [(Cause.BELOW_MIN_WORKERS, True)] * 2


def test_at_the_end_the_minimum_is_the_policys_again(world: World) -> None:
    at(world, BEGINS + 3599)
    assert world.reconciler.view.policy.fewest == 2
    at(world, BEGINS + 3600)
    assert world.reconciler.view.policy.fewest == 0


def test_the_metrics_have_the_schedule_that_holds_and_the_next_change(world: World) -> None:
    registry = CollectorRegistry()
    registry.register(ViewCollector(lambda: world.reconciler.view, world.clock))
    changes = "rayscaler_schedule_next_change_timestamp_seconds"

    world.see(node())
    world.reconcile()
    active = {"schedule": "office"}
    assert registry.get_sample_value("rayscaler_schedule_active", active) == 0
    assert registry.get_sample_value(changes) == BEGINS
    at(world, BEGINS)
    assert registry.get_sample_value("rayscaler_schedule_active", active) == 1
    assert registry.get_sample_value(changes) == BEGINS + 3600
