"""`/api/v1/history?after=&wait=`: nothing is missed, nothing comes twice, and waiting leaves room for others."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from scaler.journal.history import Question
from scaler.journal.journal import DONE, Journal
from scaler.model.decision import Action, Cause, Held, Plan
from scaler.model.workers import ActionKind
from scaler.web.api.follow import MAX_WAITING, Follower, UnknownEventError
from support.builders import NOW, worker_name
from support.site import NOTIFICATION, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

LAUNCH = Action(ActionKind.LAUNCH, Cause.PENDING_DEMAND, "3 wait", "default")
HELD = Held(Cause.COOLDOWN, 2, "delayed by cooldown")


@pytest.fixture
def journal() -> Iterator[Journal]:
    opened = Journal(None)
    yield opened
    opened.close()


def after(journal: Journal, event: int, **asked: Any) -> dict[str, Any]:
    return journal.history(Question(0.0, after=event, **asked), NOW)


def told(found: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(entry["action"], entry["cause"], entry["outcome"]) for entry in found["entries"]]


def test_an_action_comes_when_it_begins_and_again_when_it_has_ended(journal: Journal) -> None:
    decision = journal.record_decision("webhook", Plan((LAUNCH,), held=(HELD,)), NOW)
    action = journal.intend(decision, LAUNCH, worker_name(1), NOW)
    first = after(journal, 0)
    journal.conclude(action, DONE, "", NOW + 1)
    second = after(journal, first["last_event"])

    assert told(first) == [("hold", "cooldown", None), ("launch", "pending_demand", None)]
    assert told(second) == [("launch", "pending_demand", "done")]
    assert first["entries"][1]["action_id"] == second["entries"][0]["action_id"] == action
    assert told(after(journal, second["last_event"])) == []


def test_what_began_and_ended_since_comes_once(journal: Journal) -> None:
    decision = journal.record_decision("webhook", Plan((LAUNCH,)), NOW)
    journal.conclude(journal.intend(decision, LAUNCH, worker_name(1), NOW), DONE, "", NOW + 1)

    assert told(after(journal, 0)) == [("launch", "pending_demand", "done")]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_small_answers_one_after_the_other_have_all_of_it_in_order(journal: Journal, limit: int) -> None:
    for number in range(3):
        decision = journal.record_decision("timer", Plan((LAUNCH,), held=(HELD,)), NOW)
        journal.conclude(journal.intend(decision, LAUNCH, worker_name(number), NOW), DONE, "", NOW)
    seen, event, more = [], 0, True
    while more:
        found = after(journal, event, limit=limit)
        seen += [entry["decision_id"] for entry in found["entries"] if entry["action"] == "hold"]
        event, more = found["last_event"], found["truncated"]

    assert seen == [1, 2, 3]
    assert event == journal.last_event()


def test_a_filter_leaves_out_entries_and_not_events(journal: Journal) -> None:
    journal.record_decision("timer", Plan(held=(HELD,)), NOW)

    found = after(journal, 0, cause="paused")
    assert (found["entries"], found["last_event"]) == ([], journal.last_event())


def test_ids_of_forgotten_events_are_not_used_again(journal: Journal) -> None:
    journal.record_decision("timer", Plan(held=(HELD,)), NOW - 100)
    before = journal.last_event()
    journal.forget(NOW)
    journal.record_decision("timer", Plan(held=(HELD,)), NOW)

    assert journal.last_event() == before + 1


def test_the_plain_history_says_where_to_begin(journal: Journal) -> None:
    journal.record_decision("timer", Plan(held=(HELD,)), NOW)

    assert journal.history(Question(0.0), NOW)["last_event"] == journal.last_event() == 1


def test_an_event_that_the_journal_does_not_have_is_refused(journal: Journal) -> None:
    with pytest.raises(UnknownEventError, match="got 7, wanted at most 0"):
        Follower(journal).answer(Question(0.0, after=7), 0, lambda: NOW)


# --- waiting -----------------------------------------------------------------------------------------


class Turns:
    """A clock that only sleeping moves; at the third turn something happens."""

    def __init__(self, journal: Journal) -> None:
        self.seconds, self.turns, self._journal = 0.0, 0, journal

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.turns += 1
        if self.turns == 3:
            self._journal.record_decision("timer", Plan(held=(HELD,)), NOW)


def test_a_request_that_waits_is_answered_when_something_has_come(journal: Journal) -> None:
    turns = Turns(journal)
    found = Follower(journal, lambda: turns.seconds, turns.sleep).answer(Question(0.0, after=0), 30, lambda: NOW)

    assert (told(found), turns.turns) == ([("hold", "cooldown", None)], 3)


def test_a_request_that_has_waited_in_vain_is_answered_with_nothing(journal: Journal) -> None:
    turns = Turns(journal)
    found = Follower(journal, lambda: turns.seconds, turns.sleep).answer(Question(0.0, after=0), 0.3, lambda: NOW)

    assert (found["entries"], found["last_event"], round(turns.seconds, 6)) == ([], 0, 0.3)


def test_only_a_few_wait_and_the_others_are_answered_at_once(journal: Journal) -> None:
    go, sleeping = threading.Event(), threading.Semaphore(0)

    def sleep(_seconds: float) -> None:
        sleeping.release()
        assert go.wait(60)

    follower = Follower(journal, sleep=sleep)
    question = Question(0.0, after=0)
    with ThreadPoolExecutor(MAX_WAITING) as threads:
        waiting = [threads.submit(follower.answer, question, 30, lambda: NOW) for _ in range(MAX_WAITING)]
        for _ in waiting:
            assert sleeping.acquire(timeout=60)

        assert follower.answer(question, 30, lambda: NOW)["entries"] == []  # at once: no place is left

        journal.record_decision("timer", Plan(held=(HELD,)), NOW)
        go.set()
        assert [told(one.result(60)) for one in waiting] == [[("hold", "cooldown", None)]] * MAX_WAITING


def test_the_api_follows_what_the_loop_does() -> None:
    site = Site()
    begin = site.client.get("/api/v1/history").json["last_event"]
    site.client.post("/alerts", json=NOTIFICATION)
    site.reconciler.reconcile("test")

    found = site.client.get(f"/api/v1/history?after={begin}&wait=5").json
    assert [entry["action"] for entry in found["entries"]] == ["launch"] * 3
    site.journal.close()
