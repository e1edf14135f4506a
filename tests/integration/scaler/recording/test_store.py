"""The recording in a journal's file."""

from __future__ import annotations

import random
import sqlite3
from typing import TYPE_CHECKING

import pytest

from scaler.journal.history import Question
from scaler.journal.journal import Journal
from scaler.model.errors import JournalError, RecordingError
from scaler.recording.file import read_history
from scaler.recording.segments import KEY_SECONDS, documents_of
from scaler.recording.store import RecordingStore, Retention
from support.builders import NOW
from support.recordings import with_pending, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = 86400.0
RETENTION = Retention(size=10**9, detailed=DAY, kept=30 * DAY)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RecordingStore]:
    opened = RecordingStore(tmp_path / "journal.db")
    yield opened
    opened.close()


def record(store: RecordingStore, since: float, seconds: int) -> None:
    """One change a second, flushed every ten."""
    for start in range(0, seconds, 10):
        for segment in written(with_pending(at % 7, since + at) for at in range(start, min(start + 10, seconds))):
            store.append(segment._replace(is_key=start % int(KEY_SECONDS) == 0))


def times(store: RecordingStore, since: float = 0.0, until: float = 1e18) -> list[float]:
    return [document["at"] for document in documents_of(store.segments(since, until))]


def rows(store: RecordingStore, path: Path) -> int:
    del store
    with sqlite3.connect(path / "journal.db") as database:
        return int(database.execute("SELECT COUNT(*) FROM recording").fetchone()[0])


def test_what_was_recorded_is_read_in_order(store: RecordingStore) -> None:
    record(store, NOW, 700)

    assert times(store) == [NOW + second for second in range(700)]


def test_a_window_is_read_from_the_last_key_before_it(store: RecordingStore) -> None:
    record(store, NOW, 1900)

    found = times(store, NOW + 1300, NOW + 1400)
    assert (found[0], found[-1]) == (NOW + 1200, NOW + 1799)


def test_a_closed_group_is_one_row(store: RecordingStore, tmp_path: Path) -> None:
    record(store, NOW, 1210)

    assert rows(store, tmp_path) == 3


def test_after_a_day_one_moment_in_ten_seconds_is_left(store: RecordingStore) -> None:
    record(store, NOW, 1300)
    while store.thin(RETENTION, NOW + DAY + 1205):
        pass

    assert [len([at for at in times(store) if NOW + start <= at < NOW + start + 600]) for start in (0, 600, 1200)] == [
        60,
        60,
        100,
    ]


def test_the_oldest_groups_give_way_to_the_size(store: RecordingStore) -> None:
    record(store, NOW, 3000)
    size = store.bound(RETENTION, NOW)

    assert store.bound(Retention(size=size // 2, detailed=DAY, kept=DAY), NOW) <= size // 2
    assert times(store)[0] > NOW
    assert times(store)[-1] == NOW + 2999


def test_what_is_too_old_is_forgotten(store: RecordingStore) -> None:
    record(store, NOW, 1300)
    store.bound(RETENTION, NOW + 30 * DAY + 700)

    assert times(store)[0] == NOW + 600


def test_a_group_without_end_that_is_too_large_is_dropped_too(store: RecordingStore) -> None:
    record(store, NOW, 100)

    assert store.bound(Retention(size=1, detailed=DAY, kept=DAY), NOW) == 0


def test_history_has_the_size_of_the_pool_from_the_recording(store: RecordingStore, tmp_path: Path) -> None:
    record(store, NOW - 5, 5)

    found = read_history(tmp_path / "journal.db", Question(NOW - 60), NOW)["samples"]
    assert [(one["at"] - NOW, one["workers"], one["pending"]) for one in found] == [(at - 5, 1, at) for at in range(5)]


def test_recording_and_journal_write_to_one_file_at_once(store: RecordingStore, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    record(store, NOW, 20)
    journal.mark_joined(["worker-1-aaaaaa"], NOW)
    record(store, NOW + 20, 20)

    assert (journal.joined(), len(times(store))) == (frozenset({"worker-1-aaaaaa"}), 40)
    journal.close()


@pytest.mark.parametrize("seed", range(20))
def test_damage_is_said_as_damage(tmp_path: Path, seed: int) -> None:
    rnd, path = random.Random(seed), tmp_path / "damaged.db"  # noqa: S311  # damage, not secrets
    sound = RecordingStore(path)
    record(sound, NOW, 50)
    sound.close()
    content = bytearray(path.read_bytes())
    for _ in range(50):
        content[rnd.randrange(4096, len(content))] = rnd.randrange(256)
    path.write_bytes(content)

    try:
        damaged = RecordingStore(path)
        times(damaged)
        damaged.thin(RETENTION, NOW + 9 * DAY)
        damaged.close()
    except (JournalError, RecordingError):
        pass
