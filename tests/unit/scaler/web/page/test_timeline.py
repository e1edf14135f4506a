"""The timeline: what is asked for, and which entries are one."""

from __future__ import annotations

from typing import Any

import pytest

from scaler.journal.history import Question
from scaler.web.page.timeline import SHOWN, SPAN_SECONDS, Filter, grouped, record
from support.builders import NOW


def entry(**fields: Any) -> dict[str, Any]:
    """A launch that is done."""
    quiet = {"took_seconds": 0.3, "joined_after_seconds": None, "detail": "", "count": 1}
    done = {"at": NOW, "action": "launch", "cause": "pending_demand", "reason": "why", "outcome": "done"}
    return {**quiet, **done, "worker_id": "worker-1-000001", "decision_id": 7, "action_id": 1, **fields}


def test_the_launches_of_one_decision_are_one_and_each_has_its_record() -> None:
    newest_first = [entry(action_id=2, outcome=None, worker_id="worker-2-000002"), entry(), entry(decision_id=6)]

    both, other = grouped(newest_first)

    assert (both.title, both.outcomes) == ("launch 2", [("done", 1), ("in progress", 1)])
    assert [one["action_id"] for one in both.entries] == [1, 2]
    assert (other.title, other.outcomes) == ("launch worker-1-000001", [("done", 1)])


def test_what_is_held_has_a_count_and_no_outcome() -> None:
    (group,) = grouped([entry(action="hold", cause="cooldown", count=3, worker_id="", action_id=None, outcome=None)])

    assert (group.title, group.outcomes) == ("hold 3", [])


def test_what_is_held_again_and_again_is_one_line_until_something_is_done() -> None:
    held = {"action": "hold", "cause": "cooldown", "worker_id": "", "action_id": None, "outcome": None}
    newest_first = [
        entry(**held, decision_id=4, count=1, reason="2 s left"),
        entry(**held, decision_id=3, count=5, reason="9 s left"),
        entry(decision_id=2),
        entry(**held, decision_id=1, count=7),
    ]

    first, launch, last = grouped(newest_first)

    assert (first.title, first.latest["reason"], len(first.entries)) == ("hold 1", "2 s left", 2)
    assert (launch.title, last.title) == ("launch worker-1-000001", "hold 7")


def test_a_record_has_what_is_known() -> None:
    assert ("took seconds", "0.30") in record(entry())
    assert "detail" not in dict(record(entry()))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, Filter()),
        ({"action": "launch", "cause": "idle"}, Filter("launch", "idle")),
        ({"action": "hold"}, Filter("hold")),
        ({"action": "<b>", "cause": "x"}, Filter()),
    ],
)
def test_a_filter_that_cannot_be_is_none(asked: dict[str, str], expected: Filter) -> None:
    assert Filter.of(asked) == expected


def test_the_journal_is_asked_for_a_day() -> None:
    assert Filter("drain").question(NOW) == Question(NOW - SPAN_SECONDS, SHOWN, "drain")
