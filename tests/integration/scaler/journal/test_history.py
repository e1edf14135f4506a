"""The history of a journal: through the scaler's API, and from the file alone."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from scaler.journal import migrations
from scaler.journal.history import MAX_ENTRIES, Question
from scaler.journal.journal import DONE, FAILED, Journal
from scaler.model.decision import Action, Cause, Held, Infeasible, Plan
from scaler.model.errors import JournalError
from scaler.model.workers import ActionKind
from scaler.recording.file import read_history
from scaler.recording.store import RecordingStore
from scaler.web.api.questions import HistoryQuery, mistake
from support.builders import NOW, worker_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAUNCH = Action(ActionKind.LAUNCH, Cause.PENDING_DEMAND, "3 wait", "default")
DRAIN = Action(ActionKind.DRAIN, Cause.IDLE, "idle for 70 s", "default", worker_name(1), "aa")
HELD = Held(Cause.MIN_WORKERS, 1, f"{worker_name(1)} stays: min_workers is 1")
IMPOSSIBLE = Infeasible("GPU:1", 2, "2 x GPU:1 fits on no worker type")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A launch that joined, one that failed, a drain, and what was held."""
    opened = Journal(tmp_path / "journal.db")
    first = opened.record_decision("webhook", Plan((LAUNCH, LAUNCH), infeasible=(IMPOSSIBLE,)), NOW - 100)
    opened.conclude(opened.intend(first, LAUNCH, worker_name(1), NOW - 100), DONE, "", NOW - 99)
    opened.conclude(opened.intend(first, LAUNCH, worker_name(12), NOW - 100), FAILED, "host full", NOW - 98)
    opened.mark_joined([worker_name(1)], NOW - 95)
    opened.record_decision("timer", Plan(held=(HELD,)), NOW - 50)
    second = opened.record_decision("timer", Plan((DRAIN,)), NOW - 10)
    opened.intend(second, DRAIN, worker_name(1), NOW - 10)
    yield opened
    opened.close()


def told(journal: Journal, **asked: Any) -> list[tuple[str, str]]:
    found = journal.history(Question(**{"since": 0.0, **asked}), NOW)
    return [(entry["action"], entry["worker_id"] or entry["cause"]) for entry in found["entries"]]


def test_the_newest_comes_first_and_holds_stand_among_actions(journal: Journal) -> None:
    assert told(journal) == [
        ("drain", worker_name(1)),
        ("hold", "min_workers"),
        ("launch", worker_name(12)),
        ("launch", worker_name(1)),
        ("impossible", "no_worker_type_fits"),
    ]


def test_an_action_says_how_long_it_took_and_when_its_worker_joined(journal: Journal) -> None:
    launched = journal.history(Question(0.0, action="launch", worker=worker_name(1)), NOW)["entries"]

    assert [(e["outcome"], e["took_seconds"], e["joined_after_seconds"]) for e in launched] == [(DONE, 1.0, 5.0)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({"since": NOW - 60}, ["drain", "hold"], id="since"),
        pytest.param({"action": "launch"}, ["launch", "launch"], id="one-kind-of-action"),
        pytest.param({"cause": "idle"}, ["drain"], id="the-cause-of-an-action"),
        pytest.param({"cause": "min_workers"}, ["hold"], id="the-cause-of-a-hold"),
        pytest.param({"worker": "worker-1"}, ["drain", "hold", "launch"], id="worker-1-is-not-worker-12"),
        pytest.param({"worker": worker_name(12)}, ["launch"], id="a-workers-whole-id"),
        pytest.param({"worker": "worker-*"}, [], id="a-pattern-is-no-name"),
    ],
)
def test_filters(journal: Journal, asked: dict[str, object], expected: list[str]) -> None:
    assert [action for action, _ in told(journal, **asked)] == expected


def test_a_limit_keeps_the_newest_and_says_that_there_is_more(journal: Journal) -> None:
    found = journal.history(Question(0.0, limit=2), NOW)

    assert ([e["action"] for e in found["entries"]], found["truncated"]) == (["drain", "hold"], True)


def test_the_file_alone_says_the_same_and_stays_as_it_is(journal: Journal, tmp_path: Path) -> None:
    expected = journal.history(Question(0.0), NOW)
    journal.close()
    before = (tmp_path / "journal.db").read_bytes()

    assert read_history(tmp_path / "journal.db", Question(0.0), NOW) == {**expected, "samples": []}
    assert (tmp_path / "journal.db").read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [pytest.param(b"not a database" * 100, id="garbage"), pytest.param(b"", id="empty")],
)
def test_a_file_that_is_no_journal_is_told_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.db").write_bytes(content)

    with pytest.raises(JournalError, match=r"journal\.db"):
        read_history(tmp_path / "journal.db", Question(0.0), NOW)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": str(MAX_ENTRIES + 1)}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"since": "yesterday"}, "since"),
        ({"since": "nan"}, "since"),
    ],
)
def test_a_question_that_cannot_be_is_refused(asked: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        HistoryQuery.model_validate(asked)

    assert mistake(refused.value).startswith(f"{told}: got {next(iter(asked.values()))!r}, wanted ")


def test_by_default_the_last_hour_is_asked_for() -> None:
    asked = HistoryQuery.model_validate({"action": "", "worker": "worker-1"})

    assert asked.question(NOW) == Question(NOW - 3600, 100, worker="worker-1")


# --- earlier versions --------------------------------------------------------------------------------


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """A journal as version 1 wrote it, with one launch."""
    path = tmp_path / "old.db"
    database = sqlite3.connect(path)
    database.executescript(f"{migrations.MIGRATIONS[0]} PRAGMA user_version = 1;")
    plan = '{"actions": [], "held": [], "infeasible": [], "demand_met": true}'
    database.execute("INSERT INTO decisions VALUES (1, ?, 'webhook', ?)", (NOW - 9, plan))
    values = (1, 1, "launch", worker_name(1), "default", "pending_demand", "3 wait", NOW - 9, NOW - 8, DONE, "")
    database.execute("INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    database.commit()
    database.close()
    return path


def test_a_version_1_journal_opens_and_keeps_its_data(version_1: Path) -> None:
    for _ in range(2):
        opened = Journal(version_1)
        assert told(opened) == [("launch", worker_name(1))]
        assert opened.last_started(ActionKind.LAUNCH) == NOW - 9
        opened.close()

    database = sqlite3.connect(version_1)
    assert database.execute("PRAGMA user_version").fetchone()[0] == migrations.SCHEMA_VERSION
    database.close()


def test_samples_of_an_earlier_version_become_points_of_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    database = sqlite3.connect(path)
    database.executescript(";".join(migrations.MIGRATIONS[:4]) + "; PRAGMA user_version = 4;")
    rows = [(NOW - 900, 1, 0), (NOW - 890, 2, 7), (NOW - 20, 3, None)]
    database.executemany("INSERT INTO samples VALUES (?, ?, ?)", rows)
    database.commit()
    database.close()
    RecordingStore(path).close()

    found = [(s["at"], s["workers"], s["pending"]) for s in read_history(path, Question(NOW - 950), NOW)["samples"]]
    assert [one for one in found if one[1] is not None] == rows


def test_a_version_1_journal_is_read_without_being_changed(version_1: Path) -> None:
    found = read_history(version_1, Question(0.0), NOW)

    assert ([entry["worker_id"] for entry in found["entries"]], found["samples"]) == ([worker_name(1)], [])
