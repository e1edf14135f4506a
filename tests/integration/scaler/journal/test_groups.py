"""Alerts that several threads bring are on disk when each of them returns, and known alike in memory and on disk."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from scaler.journal.journal import Journal
from scaler.model.errors import JournalError
from support.builders import NOW, alert

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scaler.model.alerts import Alert


def heard(key: str, at: float = NOW) -> Alert:
    return alert(key=key, received_at=at)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with closing(Journal(path)) as opened:
        yield opened


def on_disk(path: Path) -> list[tuple[str, float]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT key, received_at FROM alerts ORDER BY key").fetchall()


def test_what_returned_is_on_disk_whoever_wrote_it(journal: Journal, path: Path) -> None:
    def bring(number: int) -> bool:
        key = f"{number:04}"
        return journal.absorb_alerts([heard(key)]).news == 1 and key in dict(on_disk(path))

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(bring, range(400)))
    assert len(on_disk(path)) == len(journal.alerts()) == 400


def test_each_write_waits_for_the_disk(journal: Journal) -> None:
    (mode,) = journal._db.execute("PRAGMA synchronous").fetchone()  # noqa: SLF001  # no other way shows it

    assert mode == 2  # FULL: the log is synced before a transaction counts


def test_a_group_of_notifications_is_counted_one_by_one(journal: Journal) -> None:
    first, again, other = [heard("a")], [heard("a", NOW + 1)], [heard("b"), heard("c")]

    absorbed = journal.absorb_all([first, again, other])

    assert [(one.news, one.repeated) for one in absorbed] == [(1, 0), (1, 1), (2, 0)]
    assert {known.key: known.received_at for known in journal.alerts()} == {"a": NOW + 1, "b": NOW, "c": NOW}


@pytest.mark.parametrize("count", [1, 99, 100, 101, 1000])
def test_notifications_of_any_size_are_stored_whole(journal: Journal, path: Path, count: int) -> None:
    many = [alert(key=f"{number:04}", summary=f"'{number}'") for number in range(count)]

    assert journal.absorb_alerts(many).news == count
    with closing(Journal(path)) as again:
        assert again.alerts() == many


def test_what_could_not_be_stored_is_not_known_either(journal: Journal, path: Path) -> None:
    journal.absorb_alerts([heard("a")])
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON alerts BEGIN SELECT RAISE(ABORT, 'disk is full'); END")

        with pytest.raises(JournalError, match="disk is full"):
            journal.absorb_alerts([heard("a", NOW + 1), heard("b")])

        assert [(known.key, known.received_at) for known in journal.alerts()] == on_disk(path) == [("a", NOW)]
        db.execute("DROP TRIGGER full")
    assert journal.absorb_alerts([heard("b")]).news == 1


def test_what_another_scaler_writes_is_known_at_once(journal: Journal, path: Path) -> None:
    journal.absorb_alerts([heard("a")])
    with closing(Journal(path)) as other:
        other.absorb_alerts([heard("a", NOW + 1), heard("b")])

        assert {(known.key, known.received_at) for known in journal.alerts()} == {("a", NOW + 1), ("b", NOW)}
        assert journal.absorb_alerts([heard("b")]).repeated == 1
        other.forget(NOW + 1)
    assert [known.key for known in journal.alerts()] == ["a"]


def test_what_is_forgotten_is_not_known(journal: Journal) -> None:
    journal.absorb_alerts([heard("a"), heard("b", NOW + 9)])

    journal.forget(NOW + 5)

    assert [known.key for known in journal.alerts()] == ["b"]


def test_a_file_deleted_under_us_is_known_empty(journal: Journal, path: Path) -> None:
    journal.absorb_alerts([heard("a")])
    path.unlink()

    assert journal.alerts() == []
    assert journal.absorb_alerts([heard("b")]).news == 1
    assert [key for key, _ in on_disk(path)] == ["b"]


def test_the_journal_has_a_most_of_alerts_in_memory_and_on_disk(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaler.journal.alerts.MAX_ALERTS", 10)
    over = [alert(key=f"over{number}", firing=False) for number in range(8)]
    journal.absorb_alerts(over)

    several = [[heard(f"{which}{number}", NOW + 1) for number in range(4)] for which in "abc"]
    absorbed = journal.absorb_all(several)

    assert [(one.news, one.refused) for one in absorbed] == [(4, 0), (4, 0), (2, 2)]
    assert [key for key, _at in on_disk(path)] == sorted(one.key for one in journal.alerts())
    assert len(journal.alerts()) == 10
    assert not any(one.key.startswith("over") for one in journal.alerts())


def test_a_list_of_alertmanager_has_the_same_most(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaler.journal.alerts.MAX_ALERTS", 10)
    listed = [heard(f"{number:02}") for number in range(50)]

    changed = journal.apply_listing(listed, lambda _alert: False, NOW, NOW)

    assert (len(changed), len(journal.alerts()), len(on_disk(path))) == (10, 10, 10)


def test_a_journal_with_too_many_is_made_smaller_in_time(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.absorb_alerts([heard(f"{number:02}", NOW + number) for number in range(50)])
    monkeypatch.setattr("scaler.journal.alerts.MAX_ALERTS", 10)

    journal.forget(NOW - 1)

    assert [key for key, _at in on_disk(path)] == [f"{number}" for number in range(40, 50)]
    assert len(journal.alerts()) == 10
