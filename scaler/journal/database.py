"""The journal's file: opened, known again, and set aside where it is damaged.

Two scalers may have one file open (one leads, one stands by), and a file may be replaced or deleted under a
running program: SQLite would go on writing into what nobody will ever read.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scaler.journal.migrations import migrate
from scaler.model.errors import JournalCorruptError, JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_TIMEOUT_SECONDS, BUSY_POLL_SECONDS = 5.0, 0.01
LOCKED = "database is locked"  # SQLITE_BUSY in SQLite's own words
COMPANIONS = ("", "-wal", "-shm")  # what SQLite keeps beside a file in WAL mode
DAMAGED = ("malformed", "not a database")  # SQLITE_CORRUPT, SQLITE_NOTADB in SQLite's own words


def open_file(path: Path | None) -> sqlite3.Connection:
    """The journal at `path` (None: in memory), brought to this version. Raises what SQLite raises, `JournalError`."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path or ":memory:", check_same_thread=False, timeout=BUSY_TIMEOUT_SECONDS)
    try:
        db.row_factory = sqlite3.Row
        _log_ahead(db)
        db.execute("PRAGMA synchronous = FULL")
        migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _log_ahead(db: sqlite3.Connection) -> None:
    """WAL mode; SQLite itself does not wait for who opens or closes the file at the same moment."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:  # noqa: PERF203  # to be tried again
            if LOCKED not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(BUSY_POLL_SECONDS)
        else:
            return


def identity(path: Path | None) -> tuple[int, int] | None:
    """Which file `path` names now; None where there is none."""
    if path is None:
        return None
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def translated(error: Exception, path: Path | None) -> JournalError:
    """What a failure of SQLite or the file system means; a row that is no text, no JSON or no value is damage too."""
    damaged = isinstance(error, (ValueError, TypeError, LookupError)) or (
        isinstance(error, sqlite3.DatabaseError) and any(word in str(error) for word in DAMAGED)
    )
    return (JournalCorruptError if damaged else JournalError)(f"journal {path or 'in memory'}: {error}")


def check(db: sqlite3.Connection) -> None:
    """Look through the whole file, some ten milliseconds. Raises `sqlite3.DatabaseError` where it is damaged."""
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {' '.join(str(found).split())}")


def set_aside(path: Path, at: float) -> Path:
    """Rename a damaged file and its companions, which stay for whoever wants to look; returns the new name."""
    aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at))}")
    for companion in COMPANIONS:
        beside = path.with_name(path.name + companion)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + companion))
    return aside


class JournalFile:
    """The file at `path` (None: in memory, forgotten at the end). Safe to use from several threads and processes.

    Every method raises `JournalError` where it cannot be read or written. `problem` says what failed last, ""
    once something was written again.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.RLock()
        self.problem = ""
        with self._errors():
            self._open()

    def _open(self) -> None:
        self._db = open_file(self._path)
        self._identity = identity(self._path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, TypeError, LookupError) as error:
            told = translated(error, self._path)
            self.problem = str(told)
            raise told from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors():
            self._follow()
            yield self._db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is written within, or nothing; no other process writes meanwhile."""
        with self._reading() as db:
            before = db.total_changes
            with db:
                db.execute("BEGIN IMMEDIATE")
                yield db
            if db.total_changes > before:  # what changes no row asks nothing of the disk
                self.problem = ""

    def _follow(self) -> None:
        """Open what `path` names now: the one that leads may have set the file aside, or someone deleted it."""
        found = identity(self._path)
        if found == self._identity:
            return
        self._db.close()
        self._open()
        if found is None:
            with self._db:
                self._db.execute("INSERT INTO begun_anew VALUES (?, ?)", (time.time(), "the file was deleted"))

    # --- health ---------------------------------------------------------------------------------------

    def check(self) -> None:
        """Look through the whole file. Raises `JournalCorruptError` where it is damaged."""
        with self._reading() as db:
            check(db)

    def probe(self) -> None:
        """Write a row and take it back, to learn whether writing works again; sets `problem`."""
        with self._transaction() as db:
            db.execute("INSERT INTO begun_anew VALUES (0, '')")
            db.execute("DELETE FROM begun_anew WHERE at = 0")

    def begin_anew(self, at: float, problem: str) -> Path | None:
        """Set the damaged file aside and begin an empty one, whose cooldowns count from `at`; where the old one is."""
        with self._lock, self._errors():
            aside = set_aside(self._path, at) if self._path else None  # first: what fails here can be tried again
            self._db.close()
            self._open()
        self.note_beginning(at, problem)
        return aside

    def note_beginning(self, at: float, problem: str) -> None:
        """Write down that this file stands in for a lost one since `at`."""
        with self._transaction() as db:
            db.execute("INSERT INTO begun_anew VALUES (?, ?)", (at, problem))

    def begun_anew(self) -> tuple[float, str] | None:
        """When this file was begun in place of a lost one, and what was wrong with that; None: it was not."""
        with self._reading() as db:
            row = db.execute("SELECT at, problem FROM begun_anew ORDER BY at DESC LIMIT 1").fetchone()
        return None if row is None else (float(row["at"]), str(row["problem"]))
