"""The journal's alerts: kept in memory as they are on disk, and written in groups.

Notifications come in bursts, and a disk takes about as long to make one row safe as a thousand.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from scaler.journal.database import JournalFile
from scaler.model.alerts import Alert, absorb, repeated, vanished
from scaler.model.cluster import Direction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

ROWS_AT_ONCE = 500  # in a statement: other threads run during each, and a busy one keeps us waiting after each
LEAST_VARIABLES = 999  # in a statement, of any SQLite
ROW = f"({', '.join('?' * len(Alert._fields))})"
KNOWN_ALREADY = "ON CONFLICT (key) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in Alert._fields[1:]
)


class Absorbed(NamedTuple):
    """How many of the alerts that were heard are written down now, and how many were known already."""

    news: int
    repeated: int


class AlertJournal(JournalFile):
    """The part of the journal that holds alerts; see `JournalFile`."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path)
        self._by_key: dict[str, Alert] = {}
        self._as_of: tuple[sqlite3.Connection, int] | None = None  # None: what is in memory is not what is on disk

    def absorb_alerts(self, heard: Sequence[Alert]) -> Absorbed:
        """Store what is news in `heard`; it is on disk when this returns."""
        (absorbed,) = self.absorb_all([heard])
        return absorbed

    def absorb_all(self, group: Sequence[Sequence[Alert]]) -> list[Absorbed]:
        """The same for several notifications at once, in one transaction."""
        absorbed = []
        with self._alerts_to_change() as (db, known):
            changed: dict[str, Alert] = {}
            for heard in group:
                news = absorb(known, heard)
                absorbed.append(Absorbed(len(news), repeated(known, heard)))
                known.update(news)
                changed.update(news)
            _store(db, changed.values())
        return absorbed

    def level_alerts(
        self, listed: Iterable[Alert], ends: Callable[[Alert], bool], asked_at: float, now: float
    ) -> list[Alert]:
        """Bring what is known to what Alertmanager lists; returns the alerts that began or ended by it.

        `ends` says of a known alert whether the list, which was asked for at `asked_at`, shows that it is over.
        """
        with self._alerts_to_change() as (db, known):
            fired = {alert.key for alert in known.values() if alert.firing}
            news = absorb(known, listed)
            news |= {alert.key: alert for alert in vanished(known.values(), ends, asked_at, now)}
            known.update(news)
            _store(db, news.values())
        return [alert for alert in news.values() if (alert.key in fired) != alert.firing]

    def alerts(self) -> list[Alert]:
        """Every alert as last heard, resolved and expired ones too."""
        with self._reading() as db:
            return list(self._known(db).values())

    def _forget_alerts(self, db: sqlite3.Connection, before: float) -> None:
        db.execute("DELETE FROM alerts WHERE received_at < ?", (before,))
        self._as_of = None

    # --- memory -----------------------------------------------------------------------------------------

    def _known(self, db: sqlite3.Connection) -> dict[str, Alert]:
        """The alerts by key; read anew where the file is another one, or another process has written into it."""
        as_of = (db, db.execute("PRAGMA data_version").fetchone()[0])
        if as_of != self._as_of:
            self._by_key = {row["key"]: _alert(row) for row in db.execute("SELECT * FROM alerts")}
            self._as_of = as_of
        return self._by_key

    @contextmanager
    def _alerts_to_change(self) -> Iterator[tuple[sqlite3.Connection, dict[str, Alert]]]:
        """A transaction and what is known in it; memory is read anew after one that failed."""
        with self._lock:
            try:
                with self._transaction() as db:
                    yield db, self._known(db)
            except BaseException:
                self._as_of = None
                raise


def _alert(row: sqlite3.Row) -> Alert:
    return Alert(**{**dict(row), "direction": Direction(row["direction"]), "firing": bool(row["firing"])})


def _store(db: sqlite3.Connection, alerts: Iterable[Alert]) -> None:
    rows = [  # an alert's fields are the table's columns; for an enum or a bool SQLite looks for an adapter
        (key, name, direction.value, int(firing), *rest) for key, name, direction, firing, *rest in alerts
    ]
    variables = db.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) if sys.version_info >= (3, 11) else LEAST_VARIABLES
    at_once = min(ROWS_AT_ONCE, variables // len(Alert._fields))
    for first in range(0, len(rows), at_once):
        some = rows[first : first + at_once]
        places = ", ".join([ROW] * len(some))
        db.execute(f"INSERT INTO alerts VALUES {places} {KNOWN_ALREADY}", list(chain.from_iterable(some)))  # noqa: S608  # ours
