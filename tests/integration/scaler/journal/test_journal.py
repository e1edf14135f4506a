"""What is written down is there after a crash, and cooldowns with it."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from scaler.journal.journal import DONE, FAILED, NO_ROOM, Journal
from scaler.model.decision import Action, Cause, Held, Plan
from scaler.model.errors import JournalError
from scaler.model.no_room import NoRoom
from scaler.model.workers import ActionKind
from support.builders import NOW, alert, worker_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAUNCH = Action(ActionKind.LAUNCH, Cause.PENDING_DEMAND, "3 wait", "default")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def reopened(journal: Journal, tmp_path: Path) -> Journal:
    journal.close()
    return Journal(tmp_path / "journal.db")


def test_alerts_survive_a_restart(journal: Journal, tmp_path: Path) -> None:
    assert journal.absorb_alerts([alert(step=2, worker_type="gpu")]).news == 1

    again = reopened(journal, tmp_path)
    assert again.alerts() == [alert(step=2, worker_type="gpu")]
    again.close()


def test_a_repeated_alert_only_refreshes_when_it_was_heard(journal: Journal) -> None:
    journal.absorb_alerts([alert(received_at=NOW - 60)])
    journal.absorb_alerts([alert(received_at=NOW)])

    assert [a.received_at for a in journal.alerts()] == [NOW]


def test_a_decision_is_kept_with_its_reasons(journal: Journal) -> None:
    held = Held(Cause.COOLDOWN, 2, "cooldown for another 5 s")
    journal.record_decision("webhook", Plan((LAUNCH,), (held,)), NOW)

    (decision,) = journal.decisions(10)
    assert (decision["at"], decision["trigger"]) == (NOW, "webhook")
    assert decision["actions"][0]["cause"] == "pending_demand"
    assert [Held(**{**entry, "cause": Cause(entry["cause"])}) for entry in decision["held"]] == [held]


def test_an_action_is_written_before_and_after(journal: Journal) -> None:
    decision = journal.record_decision("webhook", Plan((LAUNCH,)), NOW)
    action = journal.intend(decision, LAUNCH, worker_name(1), NOW)
    assert journal.actions(10)[0].outcome is None

    journal.conclude(action, DONE, "", NOW + 1)
    journal.mark_joined([worker_name(1)], NOW + 3)
    journal.mark_joined([worker_name(1)], NOW + 9)

    (record,) = journal.actions(10)
    assert (record.outcome, record.started_at, record.finished_at, record.joined_at) == (DONE, NOW, NOW + 1, NOW + 3)


def test_cooldown_counts_from_the_last_action_and_survives_a_restart(journal: Journal, tmp_path: Path) -> None:
    assert journal.last_started(ActionKind.LAUNCH) is None
    decision = journal.record_decision("webhook", Plan((LAUNCH,)), NOW)
    journal.intend(decision, LAUNCH, worker_name(1), NOW)

    again = reopened(journal, tmp_path)
    assert again.last_started(ActionKind.LAUNCH) == NOW
    assert again.last_started(ActionKind.DRAIN) is None
    again.close()


def test_the_cooldown_counts_from_what_was_written_last_though_the_clock_was_set_back(journal: Journal) -> None:
    decision = journal.record_decision("webhook", Plan((LAUNCH,)), NOW)
    journal.intend(decision, LAUNCH, worker_name(1), NOW + 5000)
    journal.intend(decision, LAUNCH, worker_name(2), NOW)

    assert journal.last_started(ActionKind.LAUNCH) == NOW


def test_a_launch_that_failed_starts_no_cooldown(journal: Journal) -> None:
    decision = journal.record_decision("webhook", Plan((LAUNCH,)), NOW)
    journal.conclude(journal.intend(decision, LAUNCH, worker_name(1), NOW), DONE, "", NOW + 1)
    journal.conclude(journal.intend(decision, LAUNCH, worker_name(2), NOW + 5), FAILED, "host full", NOW + 6)
    assert journal.last_scale_up() == NOW

    journal.intend(decision, LAUNCH, worker_name(3), NOW + 9)
    assert journal.last_scale_up() == NOW + 9


def test_how_launches_ended_is_told_by_the_workers_that_came_of_them(journal: Journal) -> None:
    decision = journal.record_decision("webhook", Plan((LAUNCH,)), NOW)
    for number in (1, 2, 3, 4):
        journal.conclude(journal.intend(decision, LAUNCH, worker_name(number), NOW), DONE, "", NOW + 1)
    journal.conclude(journal.intend(decision, LAUNCH, worker_name(5), NOW), FAILED, "host full", NOW + 2)
    journal.mark_joined([worker_name(1), worker_name(3)], NOW + 3)
    for number, cause in ((2, Cause.LAUNCH_FAILED), (3, Cause.JOIN_TIMED_OUT)):
        removal = Action(ActionKind.REMOVE, cause, "it ended: exit code 1", "default", worker_name(number))
        journal.intend(decision, removal, worker_name(number), NOW + 4)

    assert sorted((ended.at, ended.joined, ended.detail) for ended in journal.launch_outcomes()) == [
        (NOW + 2, False, "host full"),
        (NOW + 3, True, ""),
        (NOW + 3, True, "it ended: exit code 1"),  # it had joined, and was lost much later
        (NOW + 4, False, "it ended: exit code 1"),
    ]


def test_what_another_process_wrote_of_launches_is_seen(journal: Journal, tmp_path: Path) -> None:
    assert journal.last_scale_up() is None
    other = Journal(tmp_path / "journal.db")
    decision = other.record_decision("webhook", Plan((LAUNCH,)), NOW)
    other.conclude(other.intend(decision, LAUNCH, worker_name(1), NOW), DONE, "", NOW + 1)
    other.close()

    assert journal.last_scale_up() == NOW


def test_the_host_of_a_launch_is_that_on_which_it_failed_or_its_worker_ran(journal: Journal) -> None:
    decision = journal.record_decision("webhook", Plan((LAUNCH,)), NOW)
    journal.conclude(journal.intend(decision, LAUNCH, worker_name(1), NOW), FAILED, "no image", NOW + 1, "h1")
    for number in (2, 3):
        journal.conclude(journal.intend(decision, LAUNCH, worker_name(number), NOW), DONE, "", NOW + 2)
    journal.mark_joined([worker_name(2)], NOW + 3, {worker_name(2): "h2"})
    removal = Action(ActionKind.REMOVE, Cause.LAUNCH_FAILED, "exit code 127", "default", worker_name(3))
    journal.intend(decision, removal, worker_name(3), NOW + 4, "h3")

    assert sorted((ended.at, ended.host) for ended in journal.launch_outcomes()) == [
        (NOW + 1, "h1"),
        (NOW + 3, "h2"),
        (NOW + 4, "h3"),
    ]


def test_a_launch_without_room_is_neither_an_outcome_nor_an_event_and_a_removal_makes_room(journal: Journal) -> None:
    decision = journal.record_decision("webhook", Plan((LAUNCH,)), NOW)
    journal.conclude(journal.intend(decision, LAUNCH, worker_name(1), NOW), NO_ROOM, "full", NOW + 1)
    journal.conclude(journal.intend(decision, LAUNCH, worker_name(2), NOW), DONE, "", NOW + 1)
    waited = Action(ActionKind.REMOVE, Cause.NO_HOST_HAS_ROOM, "full too", "default", worker_name(2))
    journal.conclude(journal.intend(decision, waited, worker_name(2), NOW + 5), DONE, "", NOW + 6)

    assert (journal.launch_outcomes(), journal.last_scale_up()) == ([], None)
    assert journal.no_room() == {"default": NoRoom(NOW + 5, "full too")}

    ended = Action(ActionKind.REMOVE, Cause.DRAINED, "drained", "default", worker_name(3))
    journal.conclude(journal.intend(decision, ended, worker_name(3), NOW + 7), DONE, "", NOW + 8)
    assert journal.no_room() == {}


def test_a_failure_is_known_by_its_kind(journal: Journal) -> None:
    decision = journal.record_decision("webhook", Plan((LAUNCH,)), NOW)
    journal.conclude(journal.intend(decision, LAUNCH, worker_name(1), NOW), FAILED, "host full", NOW + 2)
    journal.conclude(journal.intend(decision, LAUNCH, worker_name(2), NOW + 3), DONE, "", NOW + 4)

    assert (journal.last_failed(ActionKind.LAUNCH), journal.last_failed(ActionKind.DRAIN)) == (NOW + 2, None)


def test_what_a_crash_left_in_flight_is_known(journal: Journal, tmp_path: Path) -> None:
    decision = journal.record_decision("webhook", Plan((LAUNCH,)), NOW)
    journal.conclude(journal.intend(decision, LAUNCH, worker_name(1), NOW), DONE, "", NOW)
    journal.intend(decision, LAUNCH, worker_name(2), NOW)

    again = reopened(journal, tmp_path)
    assert [record.worker_id for record in again.open_actions()] == [worker_name(2)]
    again.close()


def test_old_entries_are_forgotten_and_open_actions_kept(journal: Journal) -> None:
    old = journal.record_decision("timer", Plan((LAUNCH,)), NOW - 100)
    done = journal.intend(old, LAUNCH, worker_name(1), NOW - 100)
    journal.conclude(done, DONE, "", NOW - 99)
    journal.intend(old, LAUNCH, worker_name(2), NOW - 100)
    journal.absorb_alerts([alert(received_at=NOW - 100)])

    journal.forget(NOW - 50)

    assert [record.worker_id for record in journal.actions(10)] == [worker_name(2)]
    assert (journal.alerts(), len(journal.decisions(10))) == ([], 1)


def test_a_file_that_is_no_journal_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("this is not a database, not even a small one" * 50)

    with pytest.raises(JournalError, match=r"journal\.db"):
        Journal(tmp_path / "journal.db")


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "journal.db")
    database.execute("PRAGMA user_version = 99")
    database.close()

    with pytest.raises(JournalError, match="version 99"):
        Journal(tmp_path / "journal.db")


def test_a_journal_is_private_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.db"
    before = os.umask(0o022)
    try:
        journal = Journal(path)
        journal.absorb_alerts([alert()])
        modes = {found.name: found.stat().st_mode & 0o777 for found in (path.parent, *path.parent.iterdir())}
        journal.close()
    finally:
        os.umask(before)

    assert modes == {"state": 0o700, "journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}


def test_a_journal_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "one.db"
    Journal(path).close()
    path.chmod(0o644)
    path.parent.chmod(0o755)
    Journal(path).close()

    assert [found.stat().st_mode & 0o777 for found in (path.parent, path)] == [0o700, 0o600]
