"""What was heard, decided and done, in SQLite: it outlives the process.

Every action is written down before it happens and its outcome after; cooldowns and what has joined are derived
from these records. A write is on disk when the call returns (`synchronous=FULL`), so an accepted alert is not
lost to a crash.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from scaler import history
from scaler.alerts import Alert, absorb
from scaler.breaker import LaunchOutcome
from scaler.errors import JournalError
from scaler.journal_schema import migrate
from scaler.lifecycle import ActionKind
from scaler.model import Direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from scaler.decision import Action, Plan

BUSY_TIMEOUT_SECONDS = 5.0

DONE, FAILED = "done", "failed"
RECENT_LAUNCHES = """
SELECT worker_type, decision_id, started_at, joined_at, detail,
       CASE WHEN joined_at IS NULL THEN failed_at END AS failed_at
FROM (
    SELECT launch.id, launch.worker_type, launch.decision_id, launch.started_at, joined.at AS joined_at,
           CASE launch.outcome WHEN 'failed' THEN launch.finished_at ELSE removal.started_at END AS failed_at,
           coalesce(removal.reason, launch.detail) AS detail
    FROM (SELECT * FROM actions WHERE kind = 'launch' ORDER BY id DESC LIMIT 200) AS launch
    LEFT JOIN joined USING (worker_id)
    LEFT JOIN actions AS removal ON removal.worker_id = launch.worker_id
         AND removal.kind = 'remove' AND removal.cause IN ('launch_failed', 'join_timed_out')
)
ORDER BY id DESC
"""  # more than 200 launches ago is no news of how launches go


@dataclass(frozen=True)
class ActionRecord:
    """One action as journaled; times are unix seconds, `outcome` is None while it is in flight."""

    action_id: int
    decision_id: int
    action: str
    worker_id: str
    worker_type: str
    cause: str
    reason: str
    started_at: float
    finished_at: float | None
    outcome: str | None
    detail: str
    joined_at: float | None


@dataclass(frozen=True)
class _Launch:
    """A launch and what became of it (unix seconds)."""

    worker_type: str
    decision_id: int
    started_at: float
    joined_at: float | None
    failed_at: float | None  # it failed itself, or its worker was removed because it had not joined
    detail: str


class Journal:
    """The journal at `path` (None: in memory, forgotten at the end). Safe to use from several threads.

    Every method raises `JournalError` where the file cannot be read or written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path or ":memory:"
        self._lock = threading.RLock()
        with self._errors():
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, check_same_thread=False, timeout=BUSY_TIMEOUT_SECONDS)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        migrate(self._db, self._path)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"journal {self._path}: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors(), self._db:
            yield self._db

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    # --- alerts ---------------------------------------------------------------------------------------

    def absorb_alerts(self, heard: Iterable[Alert]) -> int:
        """Store what is news in `heard`; returns how many alerts that were."""
        with self._transaction() as db:
            news = absorb({alert.key: alert for alert in self.alerts()}, heard)
            db.executemany(
                "INSERT OR REPLACE INTO alerts VALUES (:key, :name, :direction, :firing, :starts_at, :received_at,"
                " :worker_type, :step, :summary)",
                [{**asdict(alert), "direction": alert.direction.value} for alert in news.values()],
            )
        return len(news)

    def alerts(self) -> list[Alert]:
        """Every alert as last heard, resolved and expired ones too."""
        with self._lock, self._errors():
            rows = self._db.execute("SELECT * FROM alerts").fetchall()
        return [
            Alert(**{**dict(row), "direction": Direction(row["direction"]), "firing": bool(row["firing"])})
            for row in rows
        ]

    # --- decisions and actions ------------------------------------------------------------------------

    def record_decision(self, trigger: str, plan: Plan, at: float) -> int:
        """Write a decision down; returns its id."""
        with self._transaction() as db:
            values = (at, trigger, json.dumps(asdict(plan)))
            return _row_id(db.execute("INSERT INTO decisions (at, trigger, plan) VALUES (?, ?, ?)", values))

    def intend(self, decision_id: int, action: Action, worker_id: str, at: float) -> int:
        """Write down that `action` is about to happen to `worker_id`; returns the action's id."""
        values = (
            decision_id,
            action.kind.value,
            worker_id,
            action.worker_type,
            action.cause.value,
            action.reason,
            at,
        )
        with self._transaction() as db:
            return _row_id(
                db.execute(
                    "INSERT INTO actions (decision_id, kind, worker_id, worker_type, cause, reason, started_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    values,
                )
            )

    def conclude(self, action_id: int, outcome: str, detail: str, at: float) -> None:
        """Write down how an action ended."""
        with self._transaction() as db:
            db.execute(
                "UPDATE actions SET outcome = ?, detail = ?, finished_at = ? WHERE id = ?",
                (outcome, detail, at, action_id),
            )

    def abandon_intents(self, at: float) -> int:
        """Close what an earlier process left in flight; the world is observed anew. Returns how many."""
        detail = "the scaler ended before the outcome was known"
        with self._transaction() as db:
            return db.execute(
                "UPDATE actions SET outcome = ?, detail = ?, finished_at = ? WHERE outcome IS NULL",
                (FAILED, detail, at),
            ).rowcount

    def mark_joined(self, worker_ids: Iterable[str], at: float) -> None:
        """Write down that these workers were seen in Ray; only the first time counts."""
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO joined VALUES (?, ?)", [(worker_id, at) for worker_id in worker_ids])

    def joined(self) -> frozenset[str]:
        """Ids of the workers that were ever seen in Ray."""
        with self._lock, self._errors():
            rows = self._db.execute("SELECT worker_id FROM joined").fetchall()
        return frozenset(row["worker_id"] for row in rows)

    def forget(self, before: float) -> None:
        """Drop what is older than `before` (unix seconds) and no longer needed."""
        with self._transaction() as db:
            db.execute("DELETE FROM alerts WHERE received_at < ?", (before,))
            db.execute("DELETE FROM joined WHERE at < ?", (before,))
            db.execute("DELETE FROM samples WHERE at < ?", (before,))
            db.execute("DELETE FROM actions WHERE started_at < ? AND outcome IS NOT NULL", (before,))
            db.execute("DELETE FROM decisions WHERE at < ? AND id NOT IN (SELECT decision_id FROM actions)", (before,))

    def record_sample(self, at: float, workers: int, pending: int | None) -> None:
        """Write down how many workers there are and how much waits (None: not known)."""
        with self._transaction() as db:
            db.execute("INSERT INTO samples VALUES (?, ?, ?)", (at, workers, pending))

    def history(self, question: history.Question, now: float) -> dict[str, Any]:
        """What was done, held back and impossible, and how the pool went; see `history.read`."""
        with self._lock, self._errors():
            return history.read(self._db, question, now)

    def last_started(self, kind: ActionKind) -> float | None:
        """When an action of this kind was last begun (unix seconds); cooldowns count from it."""
        return self._last("SELECT started_at FROM actions WHERE kind = ? ORDER BY id DESC LIMIT 1", kind.value)

    def last_scale_up(self) -> float | None:
        """When workers were last launched (unix seconds), by order of writing; launches that failed do not count."""
        return next((launch.started_at for launch in self._recent_launches() if launch.failed_at is None), None)

    def launch_outcomes(self) -> list[LaunchOutcome]:
        """How the recent launches ended; those that are under way are left out."""
        return [
            LaunchOutcome(launch.worker_type, launch.decision_id, at, launch.joined_at is not None, launch.detail)
            for launch in self._recent_launches()
            if (at := launch.joined_at or launch.failed_at) is not None
        ]

    def _recent_launches(self) -> list[_Launch]:
        with self._lock, self._errors():
            return [_Launch(**dict(row)) for row in self._db.execute(RECENT_LAUNCHES)]

    def last_failed(self, kind: ActionKind) -> float | None:
        """When an action of this kind last failed (unix seconds)."""
        query = "SELECT finished_at FROM actions WHERE kind = ? AND outcome = ? ORDER BY id DESC LIMIT 1"
        return self._last(query, kind.value, FAILED)

    def _last(self, query: str, *values: str) -> float | None:
        """The newest by order of writing: the clock may have been set back since."""
        with self._lock, self._errors():
            row = self._db.execute(query, values).fetchone()
        return None if row is None else float(row[0])

    def decisions(self, limit: int) -> list[dict[str, Any]]:
        """The last decisions, newest first: `id`, `at`, `trigger`, and the plan's `actions`, `held`, `infeasible`."""
        with self._lock, self._errors():
            rows = self._db.execute("SELECT * FROM decisions ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [
            {"id": row["id"], "at": row["at"], "trigger": row["trigger"], **json.loads(row["plan"])} for row in rows
        ]

    def actions(self, limit: int) -> list[ActionRecord]:
        """The last actions, newest first."""
        with self._lock, self._errors():
            rows = self._db.execute(
                "SELECT id AS action_id, decision_id, kind AS action, worker_id, worker_type, cause, reason,"
                " started_at, finished_at, outcome, detail,"
                " CASE kind WHEN ? THEN joined.at END AS joined_at"
                " FROM actions LEFT JOIN joined USING (worker_id) ORDER BY id DESC LIMIT ?",
                (ActionKind.LAUNCH.value, limit),
            ).fetchall()
        return [ActionRecord(**dict(row)) for row in rows]


def _row_id(cursor: sqlite3.Cursor) -> int:
    if cursor.lastrowid is None:
        raise JournalError("the journal gave no id for a new row")
    return cursor.lastrowid
