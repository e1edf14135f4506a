"""The recording in the journal's file: segments are added, thinned with age, and dropped beyond a size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from scaler.journal.database import JournalFile
from scaler.model.errors import RecordingError
from scaler.recording.segments import Segment
from scaler.recording.thinning import joined, thinned

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

Replacement = tuple[int, int, Segment | None]  # ids of the first and the last row, and what is put in their place
SINCE_VERSION = 6  # of the journal; earlier files have no recording
COLUMNS = 'since, "until", is_key, step, content, points'
_GROUP_BEGINS = "SELECT COALESCE(MAX(id), 0) FROM recording WHERE is_key AND id <= ?"
_GROUP_ENDS = "SELECT MIN(id) FROM recording WHERE is_key AND id > ?"


@dataclass(frozen=True)
class Retention:
    """What of a recording is kept: in full for `detailed` seconds, then `step` apart, in all at most `size` bytes."""

    size: int
    detailed: float
    kept: float
    step: float = 10.0


def segments(db: sqlite3.Connection, since: float, until: float) -> Iterator[Segment]:
    """The segments that have the moments from `since` to `until` (unix seconds), in order of writing."""
    first = db.execute('SELECT MIN(id) FROM recording WHERE "until" >= ?', (since,)).fetchone()[0]
    if first is None:
        return
    begins = db.execute(_GROUP_BEGINS, (first,)).fetchone()[0]
    rows = db.execute(
        f"SELECT {COLUMNS} FROM recording WHERE id >= ? AND since <= ? AND LENGTH(content) ORDER BY id",  # noqa: S608  # ours
        (begins, until),
    )
    yield from (_segment(row) for row in rows)


def point_batches(db: sqlite3.Connection, since: float) -> list[tuple[float, bytes]]:
    """The points of all segments that end after `since`, and of the one before; each with the segment's end."""
    before = db.execute('SELECT COALESCE(MAX(id), 0) FROM recording WHERE "until" < ?', (since,)).fetchone()[0]
    rows = db.execute('SELECT "until", points FROM recording WHERE id >= ? ORDER BY id', (before,))
    return [(row["until"], row["points"]) for row in rows]


def _segment(row: sqlite3.Row) -> Segment:
    return Segment(row["since"], row["until"], bool(row["is_key"]), row["step"], row["content"], row["points"])


class RecordingStore(JournalFile):
    """A connection of its own to the journal's file, so that the recording never holds up the loop.

    A power failure may take the last segments, never the journal: this connection does not wait for the disk.
    """

    def _open(self) -> None:
        super()._open()
        self._db.execute("PRAGMA synchronous = NORMAL")

    def append(self, segment: Segment) -> None:
        """Add a segment. A key closes the group before, which becomes one segment. Raises `JournalError`."""
        closed = self._smaller("SELECT MAX(id) FROM recording", joined) if segment.is_key else None
        with self._transaction() as db:
            _replace(db, closed)
            db.execute(f"INSERT INTO recording ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", segment)  # noqa: S608  # ours

    def thin(self, retention: Retention, now: float) -> bool:
        """Thin the oldest group that is due; returns whether there was one. Raises `JournalError`."""
        query = 'SELECT MIN(id) FROM recording WHERE "until" < ? AND step < ? AND LENGTH(content)'
        due = (now - retention.detailed, retention.step)
        thinner = self._smaller(query, partial(thinned, step=retention.step), *due)
        if thinner is None:
            return False
        with self._transaction() as db:
            _replace(db, thinner)
        return True

    def _smaller(self, query: str, shrink: Callable[[list[Segment]], Segment], *values: float) -> Replacement | None:
        """The group of the row that `query` finds, as one segment; a damaged one, of no use, is replaced by nothing.

        Made outside of any transaction, because it takes time.
        """
        with self._reading() as db:
            member = db.execute(query, values).fetchone()[0]
            rows = [] if member is None else _group(db, member)
        group = [_segment(row) for row in rows if row["content"]]
        if not group:
            return None
        try:
            return rows[0]["id"], rows[-1]["id"], shrink(group)
        except RecordingError:
            return rows[0]["id"], rows[-1]["id"], None

    def bound(self, retention: Retention, now: float) -> int:
        """Drop the oldest groups beyond the size and the age; returns the size of the rest. Raises `JournalError`."""
        with self._transaction() as db:
            db.execute('DELETE FROM recording WHERE "until" < ?', (now - retention.kept,))
            while (size := _size(db)) > retention.size:
                first = db.execute("SELECT MIN(id) FROM recording").fetchone()[0]
                following = db.execute(_GROUP_ENDS, (first,)).fetchone()[0]
                db.execute("DELETE FROM recording WHERE ? IS NULL OR id < ?", (following, following))
        return size

    def segments(self, since: float, until: float) -> list[Segment]:
        """As the function of this name. Raises `JournalError`."""
        with self._reading() as db:
            return list(segments(db, since, until))

    def point_batches(self, since: float) -> list[tuple[float, bytes]]:
        """As the function of this name. Raises `JournalError`."""
        with self._reading() as db:
            return point_batches(db, since)


def _size(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT COALESCE(SUM(LENGTH(content) + LENGTH(points)), 0) FROM recording").fetchone()[0])


def _group(db: sqlite3.Connection, member: int) -> list[sqlite3.Row]:
    """The rows of the group that has the row `member`."""
    begins = db.execute(_GROUP_BEGINS, (member,)).fetchone()[0]
    query = f"SELECT id, {COLUMNS} FROM recording WHERE id >= ? AND id < COALESCE(({_GROUP_ENDS}), ?) ORDER BY id"  # noqa: S608  # ours
    return db.execute(query, (begins, begins, 1 << 62)).fetchall()


def _replace(db: sqlite3.Connection, replacement: Replacement | None) -> None:
    """Put one segment in the place of the rows of a group."""
    if replacement is None:
        return
    first, last, segment = replacement
    db.execute("DELETE FROM recording WHERE id BETWEEN ? AND ?", (first, last))
    if segment:
        db.execute(f"INSERT INTO recording (id, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", (first, *segment))  # noqa: S608  # ours
