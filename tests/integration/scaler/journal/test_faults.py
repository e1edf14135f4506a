"""A journal whose disk is full, or whose file is damaged or gone: nothing is done, all is said, and it heals."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from scaler.journal import migrations
from scaler.journal.database import set_aside
from scaler.journal.journal import Journal
from scaler.model.decision import Cause
from scaler.model.errors import JournalCorruptError, JournalError
from scaler.model.workers import ActionKind
from scaler.web.status import status
from support.builders import NOW, alert, node
from support.fakes import AtOnceExecutor
from support.loop_world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def world(path: Path) -> Iterator[World]:
    made = World(journal=Journal(path), executor=AtOnceExecutor())
    yield made
    made.journal.close()


@contextlib.contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """No file may grow beyond what the journal has now: each further write to its log fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name(f"{path.name}-wal").stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def use_up(journal: Journal) -> None:
    """Write into what room is left in the file, until there is none."""
    with contextlib.suppress(JournalError):
        for _ in range(99):
            journal.probe()
    assert journal.problem


def damage(path: Path) -> None:
    """Overwrite all but the header, as a broken disk may."""
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (size - 100))


def one_round(world: World) -> None:
    """One round of the loop, as the loop does it."""
    world.reconciler._reconcile_safely("test")  # noqa: SLF001  # `run` without its waiting


def held(world: World) -> list[Cause]:
    return [one.cause for one in world.reconciler.view.plan.held]


def told(world: World) -> dict[str, Any]:
    limits = world.reconciler._policy  # noqa: SLF001
    view, now = world.reconciler.view, world.clock.now()
    return dict(status(view, limits, world.journal, cluster="test", provider="fake", now=now))


def test_on_a_full_disk_nothing_is_done_and_it_is_said(world: World, path: Path) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=2)
    with full_disk(path):
        use_up(world.journal)
        one_round(world)
        document = told(world)

    assert (world.provider.counts["launch"], held(world)) == (0, [Cause.JOURNAL_UNAVAILABLE])
    assert "disk" in document["journal"]["problem"]
    assert "journal" in document["summary"][0]
    assert {shape["cause"] for shape in document["pending"]} <= {"journal_unavailable"}


def test_an_alert_that_a_full_disk_has_no_room_for_is_not_accepted(world: World, path: Path) -> None:
    with full_disk(path):
        use_up(world.journal)
        with pytest.raises(JournalError):
            world.journal.absorb_alerts([alert()])

    assert world.journal.problem
    assert world.journal.absorb_alerts([alert()]).news == 1


def test_a_full_disk_holds_where_nothing_new_is_to_be_written_too(world: World, path: Path) -> None:
    world.see(waiting=2)
    world.reconcile()
    with full_disk(path):
        use_up(world.journal)
        for _ in range(2):
            one_round(world)
            assert held(world) == [Cause.JOURNAL_UNAVAILABLE]


def test_when_there_is_room_again_it_goes_on_by_itself(world: World, path: Path) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=2)
    with full_disk(path):
        use_up(world.journal)
        one_round(world)

    one_round(world)

    assert (world.provider.counts["launch"], world.journal.problem) == (2, "")


def test_no_worker_is_removed_while_nothing_can_be_written(world: World, path: Path) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)
    one_round(world)
    world.see(node("worker-1-000001"))
    world.provider.exit("worker-1-000001", exit_code=1)
    with full_disk(path):
        use_up(world.journal)
        one_round(world)
        assert world.provider.counts["remove"] == 0

    one_round(world)
    assert world.provider.counts["remove"] == 1


def test_a_file_damaged_under_the_loop_is_set_aside_and_replaced(world: World, path: Path) -> None:
    world.journal.absorb_alerts([alert()])
    world.see(waiting=2)
    damage(path)
    world.journal._db.close()  # noqa: SLF001  # what SQLite has in memory is right as yet
    world.journal._db = sqlite3.connect(path, check_same_thread=False)  # noqa: SLF001

    one_round(world)
    assert (world.provider.counts["launch"], held(world)) == (0, [Cause.JOURNAL_UNAVAILABLE])

    world.journal.absorb_alerts([alert()])
    one_round(world)
    assert held(world) == [Cause.COOLDOWN]  # what was done before is not known
    world.clock.pass_(61)
    one_round(world)
    assert world.provider.counts["launch"] == 2
    assert len(list(path.parent.glob("journal.db.corrupt-19700112T134640Z"))) == 1
    assert told(world)["journal"]["replaced"]["at"] == NOW


def test_a_damaged_file_that_cannot_be_set_aside_at_once_is_later(
    world: World, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    world.see(waiting=2)
    damage(path)
    world.journal._db.close()  # noqa: SLF001  # what SQLite has in memory is right as yet
    world.journal._db = sqlite3.connect(path, check_same_thread=False)  # noqa: SLF001
    with monkeypatch.context() as read_only:
        read_only.setattr("scaler.journal.database.set_aside", forbidden)
        one_round(world)
    assert (held(world), bool(world.journal.problem)) == ([Cause.JOURNAL_UNAVAILABLE], True)

    for _ in range(2):
        one_round(world)
    assert (held(world), world.journal.problem) == ([Cause.NO_ALERT], "")


def test_a_damaged_file_is_known_at_the_start(path: Path) -> None:
    journal = Journal(path)
    journal.absorb_alerts([alert(key=f"{number}") for number in range(500)])
    journal.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 4096)

    opened = Journal(path)
    with pytest.raises(JournalCorruptError, match=r"journal\.db.*malformed"):
        opened.check()
    opened.close()


@pytest.mark.parametrize("content", [b"not a journal " * 500, b"\x00" * 8192], ids=["words", "zeros"])
def test_what_is_no_database_is_corrupt(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(JournalCorruptError, match="not a database"):
        Journal(path)


def test_what_is_set_aside_stays_whole(path: Path) -> None:
    journal = Journal(path)
    journal.absorb_alerts([alert()])
    journal.close()

    aside = set_aside(path, NOW)

    kept = Journal(aside)
    assert (kept.alerts(), path.exists()) == ([alert()], False)
    kept.close()


def test_a_journal_that_replaced_another_counts_cooldowns_from_then(path: Path) -> None:
    journal = Journal(path)
    journal.replace_file(NOW, "malformed")

    assert [journal.last_started(kind) for kind in (ActionKind.LAUNCH, ActionKind.DRAIN)] == [NOW, NOW]
    assert journal.replaced() == (NOW, "malformed")
    journal.close()


def test_a_file_deleted_under_the_loop_is_made_anew_and_nothing_written_into_the_void(path: Path) -> None:
    journal = Journal(path)
    path.unlink()

    journal.absorb_alerts([alert()])
    journal.close()

    again = Journal(path)
    assert again.alerts() == [alert()]
    assert again.replaced() is not None
    again.close()


def test_who_stands_by_follows_a_file_that_the_other_one_set_aside(path: Path) -> None:
    leads, stands_by = Journal(path), Journal(path)
    leads.replace_file(NOW, "malformed")

    stands_by.absorb_alerts([alert()])

    assert leads.alerts() == [alert()]
    leads.close()
    stands_by.close()


def test_two_scalers_may_open_a_new_journal_at_once(path: Path) -> None:
    ready = threading.Barrier(8)

    def open_at_once(_: int) -> int:
        ready.wait()
        journal = Journal(path)
        try:
            return journal.absorb_alerts([alert()]).news
        finally:
            journal.close()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(open_at_once, range(8))) == [1] * 8


def test_keys_of_an_earlier_version_become_fingerprints(path: Path) -> None:
    database = sqlite3.connect(path)
    database.executescript(f"{migrations.MIGRATIONS[0]}{migrations.MIGRATIONS[1]} PRAGMA user_version = 2;")
    for key in ('{}/{ray_scale=~"up|down"}:{}|f1', "{}:{}|f1", "plain"):
        database.execute("INSERT INTO alerts VALUES (?, 'a', 'up', 1, ?, ?, NULL, NULL, '')", (key, NOW, NOW))
    database.commit()
    database.close()

    journal = Journal(path)
    assert sorted(known.key for known in journal.alerts()) == ["f1", "plain"]
    journal.close()
