"""The journal's alerts: cached in memory, and written in groups.

Notifications arrive in bursts, and syncing one row to disk takes about as long as a thousand.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from scaler.journal.database import JournalFile
from scaler.model.alerts import MAX_ALERTS, Alert, absorb, admit, repeated, vanished
from scaler.model.cluster import Direction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

ROWS_AT_ONCE = 500  # in a statement: other threads can run between two statements
MIN_VARIABLES = 999  # the limit for one statement in any build of SQLite
ROW = f"({', '.join('?' * len(Alert._fields))})"
KNOWN_ALREADY = "ON CONFLICT (key) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in Alert._fields[1:]
)


class Absorbed(NamedTuple):
    """Number of received alerts that were news, that were known already, and that were too many to be kept."""

    news: int
    repeated: int
    refused: int = 0


class AlertJournal(JournalFile):
    """The part of the journal that holds alerts; see `JournalFile`."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path)
        self._by_key: dict[str, Alert] = {}
        self._as_of: tuple[sqlite3.Connection, int] | None = None  # None: memory may differ from disk

    def absorb_alerts(self, received: Sequence[Alert]) -> Absorbed:
        """Store what is news in `received`; it is on disk when this returns."""
        (absorbed,) = self.absorb_all([received])
        return absorbed

    def absorb_all(self, group: Sequence[Sequence[Alert]]) -> list[Absorbed]:
        """The same for several notifications at once, in one transaction."""
        absorbed = []
        with self._alerts_to_change() as (db, known):
            changed: dict[str, Alert] = {}
            forgotten: set[str] = set()
            for received in group:
                news = absorb(known, received)
                admitted, gone = admit(known, news, MAX_ALERTS)
                absorbed.append(Absorbed(len(admitted), repeated(known, received), len(news) - len(admitted)))
                _keep(known, admitted, gone)
                _keep(changed, admitted, gone)
                forgotten = (forgotten | gone) - admitted.keys()
            _delete(db, forgotten)
            _store(db, changed.values())
        return absorbed

    def apply_listing(
        self,
        listed: Iterable[Alert],
        ends: Callable[[Alert], bool],
        asked_at: float,
        now: float,
        released: Collection[str] = (),
    ) -> list[Alert]:
        """Update the alerts from Alertmanager's list; returns those that began or ended by it.

        `ends(alert)` is whether the list, requested at `asked_at`, shows that a known alert is no longer active.
        Alerts whose key is in `released` were suppressed until now: what is known of them does not count.
        """
        with self._alerts_to_change() as (db, known):
            fired = {alert.key for alert in known.values() if alert.firing}
            unreleased = {key: alert for key, alert in known.items() if key not in released}
            news, forgotten = admit(known, absorb(unreleased, listed), MAX_ALERTS)
            news |= {alert.key: alert for alert in vanished(known.values(), ends, asked_at, now)}
            _keep(known, news, forgotten)
            _delete(db, forgotten)
            _store(db, (alert for alert in news.values() if alert.key not in forgotten))
        return [alert for alert in news.values() if (alert.key in fired) != alert.firing]

    def alerts(self) -> list[Alert]:
        """Every alert as last received, including resolved and expired ones."""
        with self._reading() as db:
            return list(self._known(db).values())

    def keep_watchdog(self, at: float) -> None:
        """Store when RayWatchdog was received last (unix seconds)."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO watchdog VALUES (1, ?)", (at,))

    def watchdog(self) -> float | None:
        """When RayWatchdog was received last (unix seconds); None if it never was."""
        with self._reading() as db:
            row = db.execute("SELECT at FROM watchdog").fetchone()
            return None if row is None else float(row["at"])

    def _forget_alerts(self, db: sqlite3.Connection, before: float) -> None:
        db.execute("DELETE FROM alerts WHERE received_at < ?", (before,))
        newest = "SELECT key FROM alerts ORDER BY received_at DESC LIMIT ?"
        db.execute(f"DELETE FROM alerts WHERE key NOT IN ({newest})", (MAX_ALERTS,))  # noqa: S608  # ours
        self._as_of = None

    # --- memory -----------------------------------------------------------------------------------------

    def _known(self, db: sqlite3.Connection) -> dict[str, Alert]:
        """The alerts by key; read again if the file was replaced, or another process has written to it."""
        as_of = (db, db.execute("PRAGMA data_version").fetchone()[0])
        if as_of != self._as_of:
            self._by_key = {row["key"]: _alert(row) for row in db.execute("SELECT * FROM alerts")}
            self._as_of = as_of
        return self._by_key

    @contextmanager
    def _alerts_to_change(self) -> Iterator[tuple[sqlite3.Connection, dict[str, Alert]]]:
        """A transaction and the alerts known in it; after a failure they are read again from disk."""
        with self._lock:
            try:
                with self._transaction() as db:
                    yield db, self._known(db)
            except BaseException:
                self._as_of = None
                raise


def _alert(row: sqlite3.Row) -> Alert:
    return Alert(**{**dict(row), "direction": Direction(row["direction"]), "firing": bool(row["firing"])})


def _keep(alerts: dict[str, Alert], news: Mapping[str, Alert], forgotten: Iterable[str]) -> None:
    alerts.update(news)
    for key in forgotten:
        alerts.pop(key, None)


def _delete(db: sqlite3.Connection, keys: Iterable[str]) -> None:
    db.executemany("DELETE FROM alerts WHERE key = ?", ((key,) for key in keys))


def _store(db: sqlite3.Connection, alerts: Iterable[Alert]) -> None:
    rows = [  # in the order of the columns; plain values, because adapting an enum or a bool is slow
        (key, name, direction.value, int(firing), *rest) for key, name, direction, firing, *rest in alerts
    ]
    variables = db.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) if sys.version_info >= (3, 11) else MIN_VARIABLES
    at_once = min(ROWS_AT_ONCE, variables // len(Alert._fields))
    for first in range(0, len(rows), at_once):
        some = rows[first : first + at_once]
        places = ", ".join([ROW] * len(some))
        db.execute(f"INSERT INTO alerts VALUES {places} {KNOWN_ALREADY}", list(chain.from_iterable(some)))  # noqa: S608  # ours
