"""From demand to running worker, stage by stage: which reconciles measure what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.model.alerts import Permission
from scaler.model.decision import Action, Cause, Observation, Plan
from scaler.model.workers import ActionKind, WorkerState
from scaler.telemetry.stages import DEMAND_TO_WORKER, STAGES, StageTracker
from support.builders import NOW, alert, demand, snapshot, worker, worker_name

if TYPE_CHECKING:
    from scaler.model.alerts import Alert
    from scaler.model.workers import Worker

# All times in this file are seconds after NOW. The demand is seen at 0, the alert fires at 1 and is received at 1.1.
FIRING = alert(starts_at=NOW + 1, received_at=NOW + 1.1)


def flying(index: int) -> Worker:
    """A worker whose launch is in flight."""
    return worker(index, WorkerState.REQUESTED, action=ActionKind.LAUNCH)


def landed(index: int) -> Worker:
    """A worker that is up but not in Ray."""
    return worker(index, WorkerState.ALLOCATED)


class Looks:
    """A tracker, and reconciles for it to see."""

    def __init__(self) -> None:
        self.tracker = StageTracker()

    def look(  # what a reconcile may show
        self,
        at: float,
        waiting: int,
        *workers: Worker,
        launch: tuple[int, ...] = (),
        since: float | None = 0.0,
        firing: Alert | None = FIRING,
        met: bool = True,
        cause: Cause = Cause.PENDING_DEMAND,
        **changes: Any,
    ) -> dict[str, float]:
        """What is measured by a reconcile that launches the workers of these indexes."""
        seen = snapshot(
            demands=(demand(waiting),),
            observed_at=NOW + at,
            pending_since=None if since is None else NOW + since,
        )
        up = Permission((firing,) if firing else ())
        given = Observation(**{"snapshot": seen, "workers": workers, "up": up, **changes})
        launched = {worker_name(i): Action(ActionKind.LAUNCH, cause, "", "default") for i in launch}
        measured = self.tracker.see(given, Plan(demand_met=met and not launch), launched, NOW + at)
        assert len(dict(measured)) == len(measured)
        return {stage: round(seconds, 6) for stage, seconds in measured}


@pytest.fixture
def looks() -> Looks:
    return Looks()


def test_a_scale_up_is_measured_from_the_demand_to_its_fall(looks: Looks) -> None:
    assert looks.look(1.2, 3, launch=(1,)) == {"alert": 1.0, "webhook": 0.1, "decision": 0.1}
    assert looks.look(1.3, 3, flying(1)) == {}
    assert looks.look(1.5, 3, landed(1)) == {"launch": 0.3}
    assert looks.look(5.5, 3, worker(1)) == {"join": 4.0, DEMAND_TO_WORKER: 5.5}
    assert looks.look(6.0, 2, worker(1)) == {"demand_drop": 0.5}
    assert looks.look(9.0, 0, worker(1), since=None) == {}

    last = looks.tracker.last
    assert set(last) == {*STAGES, DEMAND_TO_WORKER}
    assert sum(last[stage] for stage in STAGES if stage != "demand_drop") == pytest.approx(last[DEMAND_TO_WORKER])


@pytest.mark.parametrize(
    ("since", "fired", "received", "met", "decided", "expected"),
    [
        pytest.param(0, 1, 1.1, -9, 1.2, (1, 0.1, 0.1), id="one after the other"),
        pytest.param(5, 1, 1.1, 4, 5.5, (0, 0, 0.5), id="the alert fired before the demand came"),
        pytest.param(0, -1, 1.1, -9, 1.2, (0, 1.1, 0.1), id="Prometheus' clock is behind"),
        pytest.param(0, 2, 1.1, -9, 1.2, (2, 0, 0), id="Prometheus' clock is ahead"),
        pytest.param(-999, -998, -997, 1, 1.5, (0, 0, 0.5), id="something infeasible has been waiting all the time"),
    ],
)
def test_no_moment_counts_as_earlier_than_the_one_before(  # the columns
    looks: Looks, since: float, fired: float, received: float, met: float, decided: float, expected: tuple[float, ...]
) -> None:
    firing = alert(starts_at=NOW + fired, received_at=NOW + received)
    looks.look(met, 1, since=since, firing=None)

    measured = looks.look(decided, 1, launch=(1,), since=since, firing=firing)

    assert measured == dict(zip(STAGES, expected, strict=False))


@given(*[st.floats(-1e6, 1e6)] * 6)
def test_nothing_is_negative_whatever_the_clocks_say(  # one for each clock
    since: float, fired: float, received: float, decided: float, up: float, joined: float
) -> None:
    looks = Looks()
    firing = alert(starts_at=NOW + fired, received_at=NOW + received)
    measured = [
        looks.look(decided, 2, launch=(1,), since=since, firing=firing),
        looks.look(up, 2, landed(1), since=since, firing=firing),
        looks.look(joined, 1, worker(1), since=since, firing=firing),
    ]

    assert [set(some) for some in measured] == [{*STAGES[:3]}, {"launch"}, {"join", "demand_drop", DEMAND_TO_WORKER}]
    assert all(seconds >= 0 for some in measured for seconds in some.values())


def test_a_repeated_notification_is_not_the_first(looks: Looks) -> None:
    looks.look(1.2, 1, met=False)

    assert looks.look(31.1, 1, launch=(1,), firing=FIRING._replace(received_at=NOW + 31)) == {
        "alert": 1.0,
        "webhook": 0.1,
        "decision": 30.0,
    }


def test_of_two_alerts_the_one_that_fired_first_gave_permission(looks: Looks) -> None:
    later = alert(key="group|RayHighCpuUtilization", starts_at=NOW + 4, received_at=NOW + 5)

    assert looks.look(6, 1, launch=(1,), up=Permission((later, FIRING)))["alert"] == 1.0


def test_launch_and_join_are_measured_for_each_worker(looks: Looks) -> None:
    looks.look(2, 9, launch=(1, 2))
    assert looks.look(2.5, 9, flying(1), landed(2)) == {"launch": 0.5}
    assert looks.look(3, 9, landed(1), worker(2)) == {"launch": 1.0, "join": 0.5, DEMAND_TO_WORKER: 3.0}
    assert looks.look(4, 8, landed(1), worker(2)) == {"demand_drop": 1.0}
    assert looks.look(5, 8, worker(1), worker(2)) == {"join": 2.0}

    assert (looks.tracker.last["launch"], looks.tracker.last["join"]) == (0.5, 0.5)  # of the first in Ray


def test_launches_that_follow_before_the_demand_falls_are_part_of_the_same_scale_up(looks: Looks) -> None:
    looks.look(2, 9, launch=(1,))

    assert looks.look(3, 99, flying(1), launch=(2,)) == {}
    assert looks.look(4, 99, flying(1), landed(2)) == {"launch": 1.0}


def test_the_next_scale_up_counts_from_the_end_of_the_one_before(looks: Looks) -> None:
    looks.look(2, 9, launch=(1,))
    looks.look(3, 9, landed(1), met=False)
    looks.look(4, 9, worker(1), met=False)
    looks.look(5, 8, worker(1), met=False)

    assert looks.look(7, 8, worker(1), launch=(2,)) == {"alert": 0, "webhook": 0, "decision": 2.0}
    assert looks.look(9, 8, worker(1), worker(2)) == {"launch": 2.0, "join": 0, DEMAND_TO_WORKER: 4.0}


def test_a_join_and_the_fall_of_demand_may_show_at_once(looks: Looks) -> None:
    looks.look(2, 9, launch=(1,))
    looks.look(3, 9, landed(1))

    assert looks.look(4, 8, worker(1)) == {"join": 1.0, DEMAND_TO_WORKER: 4.0, "demand_drop": 0}


def test_demand_that_is_gone_before_the_worker_comes_has_no_fall_to_measure(looks: Looks) -> None:
    looks.look(2, 9, launch=(1,))
    looks.look(3, 0, landed(1), since=None)

    assert looks.look(4, 0, worker(1), since=None) == {"join": 1.0, DEMAND_TO_WORKER: 4.0}
    assert "alert" in looks.look(9, 1, worker(1), launch=(2,), since=8)


@pytest.mark.parametrize("ended", [(), (worker(1, WorkerState.LAUNCH_FAILED),)], ids=["not launched", "ended at once"])
def test_when_no_launch_succeeds_the_next_begins_anew(looks: Looks, ended: tuple[Worker, ...]) -> None:
    looks.look(2, 9, launch=(1,))
    assert looks.look(3, 9, *ended, met=False) == {}

    assert looks.look(12.1, 9, *ended, launch=(2,)) == {"alert": 1.0, "webhook": 0.1, "decision": 11.0}


@pytest.mark.parametrize(
    "blind",
    [
        pytest.param({"provider_problem": "Docker does not answer"}, id="provider"),
        pytest.param({"snapshot": None, "workers": (landed(1),)}, id="exporter"),
    ],
)
def test_a_moment_without_sight_forgets_nothing(looks: Looks, blind: dict[str, Any]) -> None:
    looks.look(2, 9, launch=(1,))
    looks.look(2.5, 9, landed(1))

    assert looks.look(3, 9, **blind) == {}
    assert looks.look(4, 9, worker(1)) == {"join": 1.5, DEMAND_TO_WORKER: 4.0}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"cause": Cause.ALERT_STEP}, id="headroom"),
        pytest.param({"cause": Cause.BELOW_MIN_WORKERS}, id="min_workers"),
        pytest.param({"firing": None}, id="no alert"),
        pytest.param({"since": None}, id="an exporter that does not say since when"),
        pytest.param({"snapshot": None}, id="no snapshot"),
    ],
)
def test_only_launches_for_demand_under_an_alert_are_measured(looks: Looks, changes: dict[str, Any]) -> None:
    assert looks.look(2, 9, launch=(1,), **changes) == {}
    assert looks.look(3, 9, worker(1)) == {}
