"""Each invariant holds on a good record and tells a bad one: a check that cannot fail proves nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from faults.invariants import INVARIANTS, violations
from faults.record import Accepted, Action, Inflicted, Job, Limits, Record, Sample

W1, W2 = "worker-1-aaaaaa", "worker-2-bbbbbb"
LAUNCH_1 = Action(1, 1, "launch", W1, 10.0, "done", "pending_demand")
LAUNCH_2 = Action(2, 1, "launch", W2, 10.01, "done", "pending_demand")
DRAIN = Action(3, 2, "drain", W1, 30.0, "done", "idle")
REMOVE = Action(4, 3, "remove", W1, 31.0, "done", "drained")
AGAIN = Action(5, 4, "launch", W1, 40.0, "done", "pending_demand")
GOOD = Record(
    samples=(
        Sample(20.0, frozenset({W1, W2}), frozenset({W1, W2}), frozenset({W1, W2})),
        Sample(30.9, frozenset({W1, W2}), frozenset({W2}), frozenset({W2})),
    ),
    actions=(LAUNCH_1, LAUNCH_2, DRAIN, REMOVE),
    accepted=(Accepted(9.0, "a", 8.0),),
    alerts={"a": 8.0},
    jobs=(Job(4, 4, 0, "SUCCEEDED", 5.0, 25.0),),
    answers=frozenset({200, 503}),
)


def sample(at: float, *living: str, busy: tuple[str, ...] | None = ()) -> Sample:
    return Sample(at, frozenset(living), None if busy is None else frozenset(busy))


BAD = [
    pytest.param("every_task_finished", {"jobs": (Job(4, 3, 1, "FAILED", 5, 25),)}, id="a task fails by itself"),
    pytest.param(
        "every_task_finished",
        {
            "jobs": (Job(4, 2, 1, "FAILED", 5, 25),),
            "inflicted": (Inflicted("kill:worker", 6, 6, W1),),
        },
        id="a task is lost, and a killed worker does not excuse that",
    ),
    pytest.param(
        "never_more_workers_than_allowed",
        {"limits": Limits(max_workers=1)},
        id="two workers live where one may",
    ),
    pytest.param(
        "no_busy_worker_is_removed",
        {"samples": (sample(30.5, W1, W2, busy=(W1,)),)},
        id="it was busy half a second ago",
    ),
    pytest.param("every_worker_is_in_the_journal", {"actions": (LAUNCH_1,)}, id="a worker of nobody"),
    pytest.param(
        "every_intent_has_an_outcome", {"actions": (LAUNCH_1, replace(LAUNCH_2, outcome=None))}, id="an open intent"
    ),
    pytest.param(
        "cooldown_is_kept",
        {"actions": (LAUNCH_1, replace(LAUNCH_2, decision_id=2, started_at=12.0))},
        id="launches two seconds apart",
    ),
    pytest.param(
        "cooldown_is_kept",
        {"actions": (LAUNCH_1, LAUNCH_2, DRAIN, replace(DRAIN, decision_id=9, started_at=30.5))},
        id="drains half a second apart",
    ),
    pytest.param(
        "nothing_is_launched_again_for_nothing",
        {
            "actions": (LAUNCH_1, LAUNCH_2, replace(DRAIN, started_at=80.0), replace(AGAIN, started_at=83.5)),
        },
        id="a worker comes three seconds after an idle one went",
    ),
    pytest.param("every_accepted_alert_is_in_the_journal", {"alerts": {}}, id="an accepted alert is gone"),
    pytest.param("every_accepted_alert_is_in_the_journal", {"alerts": {"a": 7.0}}, id="only an older one is there"),
    pytest.param("the_webhook_answers_as_meant", {"answers": frozenset({200, 500})}, id="an answer of 500"),
    pytest.param("nothing_unexpected_is_logged", {"log_errors": ("scaler: Traceback",)}, id="a traceback"),
    pytest.param("all_comes_to_rest", {"unrest": ("a worker lives on",)}, id="a worker that stays"),
]
EXCUSED = [
    pytest.param(
        {"jobs": (Job(4, 3, 1, "FAILED", 5, 25),), "inflicted": (Inflicted("kill:worker", 6, 6, W1),)},
        id="a task fails where its worker was killed",
    ),
    pytest.param(
        {"jobs": (Job(4, 0, 0, "LOST", 5, 25),), "inflicted": (Inflicted("kill:head", 6, 9),)},
        id="a job goes with its cluster",
    ),
    pytest.param(
        {"samples": (sample(30.5, W1, W2, busy=(W1,)),), "inflicted": (Inflicted("kill:worker", 30, 30, W1),)},
        id="a killed worker is removed while Ray has not noticed",
    ),
    pytest.param({"samples": (sample(28, W1, W2, busy=(W1,)),)}, id="it was busy three seconds ago"),
    pytest.param({"samples": (sample(30.5, W1, W2, busy=None),)}, id="Ray did not answer"),
    pytest.param(
        {"actions": (LAUNCH_1, LAUNCH_2, replace(DRAIN, started_at=50.0), replace(AGAIN, started_at=53.5))},
        id="a job ended less than half a minute before, and has left work behind",
    ),
    pytest.param(
        {"actions": (LAUNCH_1, LAUNCH_2, replace(DRAIN, started_at=80.0), replace(AGAIN, started_at=84.5))},
        id="a launch comes after the idle timeout",
    ),
]


def test_a_good_record_is_good() -> None:
    assert violations(GOOD) == []


@pytest.mark.parametrize(("invariant", "changes"), BAD)
def test_a_violation_is_told_by_its_invariant(invariant: str, changes: dict[str, Any]) -> None:
    assert [told.partition(":")[0] for told in violations(replace(GOOD, **changes))] == [invariant]


@pytest.mark.parametrize("changes", EXCUSED)
def test_a_fault_excuses_what_it_does_by_itself(changes: dict[str, Any]) -> None:
    assert violations(replace(GOOD, **changes)) == []


def test_every_invariant_has_been_seen_to_fail() -> None:
    assert {str(row.values[0]) for row in BAD} == {one.__name__ for one in INVARIANTS}  # no frame
