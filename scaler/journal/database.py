"""The journal's file: opened, reopened if replaced, and set aside if damaged.

Two scalers may have one file open (leader and standby), and the file may be replaced or deleted while it is open:
SQLite would continue to write to a file that nobody can read.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ray_watcher_common.host import private
from scaler.journal.migrations import migrate
from scaler.model.errors import JournalCorruptError, JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRIVATE_FILE = 0o600  # reasons, alerts and names are not for every user of the host
BUSY_TIMEOUT_SECONDS, BUSY_POLL_SECONDS = 5.0, 0.01
LOCKED = "database is locked"  # SQLite's message for SQLITE_BUSY
COMPANIONS = ("", "-wal", "-shm")  # suffixes of a file and its companions in WAL mode
DAMAGED = ("malformed", "not a database")  # SQLite's messages for SQLITE_CORRUPT and SQLITE_NOTADB


def open_file(path: Path | None) -> sqlite3.Connection:
    """Open the journal at `path` (None: in memory) and migrate it.

    Raises `sqlite3.Error`, `OSError`, and `JournalError` if a newer program wrote the file.
    """
    if path:
        private.make_directory(path.parent)
        path.touch(mode=PRIVATE_FILE)  # SQLite would make it readable for all; its companions follow
        for suffix in COMPANIONS:  # of an older version, or restored from a copy
            private.make_private(path.with_name(path.name + suffix))
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
    """Switch to WAL mode; unlike other statements, this does not wait for processes that open or close the file."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:  # noqa: PERF203  # retried
            if LOCKED not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(BUSY_POLL_SECONDS)
        else:
            return


def identity(path: Path | None) -> tuple[int, int] | None:
    """Device and inode of the file at `path`; None if there is none."""
    if path is None:
        return None
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def translated(error: Exception, path: Path | None) -> JournalError:
    """The `JournalError` for a failure of SQLite or the file system; rows that cannot be decoded are damage too."""
    damaged = isinstance(error, (ValueError, TypeError, LookupError)) or (
        isinstance(error, sqlite3.DatabaseError) and any(word in str(error) for word in DAMAGED)
    )
    return (JournalCorruptError if damaged else JournalError)(f"journal {path or 'in memory'}: {error}")


def check(db: sqlite3.Connection) -> None:
    """Check the whole file, in some ten milliseconds. Raises `sqlite3.DatabaseError` if it is damaged."""
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {' '.join(str(found).split())}")


def set_aside(path: Path, at: float) -> Path:
    """Rename a damaged file and its companions, which are kept for inspection; returns the new name."""
    aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at))}")
    for companion in COMPANIONS:
        part = path.with_name(path.name + companion)
        if part.exists():
            part.rename(aside.with_name(aside.name + companion))
    return aside


class JournalFile:
    """The file at `path` (None: in memory, forgotten at the end). Safe to use from several threads and processes.

    Every method raises `JournalError` if the file cannot be read or written. `problem` is the last failure, "" after
    the next successful write.
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
            failure = translated(error, self._path)
            self.problem = str(failure)
            raise failure from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors():
            self._follow()
            yield self._db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all writes in it, or none; other processes cannot write meanwhile."""
        with self._reading() as db:
            before = db.total_changes
            with db:
                db.execute("BEGIN IMMEDIATE")
                yield db
            if db.total_changes > before:  # a transaction without changes does not touch the disk
                self.problem = ""

    def _follow(self) -> None:
        """Reopen `path` if it names another file now: the leader set it aside, or someone deleted it."""
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
        """Check the whole file. Raises `JournalCorruptError` if it is damaged."""
        with self._reading() as db:
            check(db)

    def probe(self) -> None:
        """Write a row and delete it, to test whether writing works again; sets `problem`."""
        with self._transaction() as db:
            db.execute("INSERT INTO begun_anew VALUES (0, '')")
            db.execute("DELETE FROM begun_anew WHERE at = 0")

    def replace_file(self, at: float, problem: str) -> Path | None:
        """Set the damaged file aside and start an empty one, whose cooldowns count from `at`; returns the old path."""
        with self._lock, self._errors():
            aside = set_aside(self._path, at) if self._path else None  # first: a failure here can be retried
            self._db.close()
            self._open()
        self.note_replacement(at, problem)
        return aside

    def note_replacement(self, at: float, problem: str) -> None:
        """Record that this file replaces a lost one since `at`."""
        with self._transaction() as db:
            db.execute("INSERT INTO begun_anew VALUES (?, ?)", (at, problem))

    def replaced(self) -> tuple[float, str] | None:
        """When this file replaced a lost one, and why; None if it did not."""
        with self._reading() as db:
            row = db.execute("SELECT at, problem FROM begun_anew ORDER BY at DESC LIMIT 1").fetchone()
        return None if row is None else (float(row["at"]), str(row["problem"]))
