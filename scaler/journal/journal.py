"""The journal: alerts, decisions and actions in SQLite, which survive a restart.

Every action is journaled before it starts and its outcome after it ends; cooldowns and joined workers are derived
from these records. A write is on disk when the call returns (`synchronous=FULL`), so that a crash cannot lose an
accepted alert.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scaler.journal import history
from scaler.journal.alerts import AlertJournal
from scaler.model.circuit_breaker import LaunchOutcome
from scaler.model.cluster import Direction
from scaler.model.decision import STARTS_COOLDOWN, Cause, Plan
from scaler.model.errors import JournalError
from scaler.model.no_room import NoRoom
from scaler.model.pause import Pause
from scaler.model.workers import ActionKind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from scaler.model.decision import Action

DONE, FAILED, NO_ROOM = "done", "failed", "no_room"
RECENT_LAUNCHES = """
SELECT worker_type, decision_id, cause, started_at, joined_at, detail, host, had_no_room,
       CASE WHEN joined_at IS NULL THEN failed_at END AS failed_at
FROM (
    SELECT launch.id, launch.worker_type, launch.decision_id, launch.cause, launch.started_at, joined.at AS joined_at,
           CASE WHEN launch.outcome IN ('failed', 'no_room') THEN launch.finished_at ELSE removal.started_at
           END AS failed_at,
           coalesce(removal.reason, launch.detail) AS detail,
           coalesce(nullif(joined.host, ''), nullif(removal.host, ''), launch.host) AS host,
           launch.outcome IS 'no_room' OR removal.cause IS 'no_host_has_room' AS had_no_room
    FROM (SELECT * FROM actions WHERE kind = 'launch' ORDER BY id DESC LIMIT 200) AS launch
    LEFT JOIN joined USING (worker_id)
    LEFT JOIN actions AS removal ON removal.worker_id = launch.worker_id
         AND removal.kind = 'remove' AND removal.cause IN ('launch_failed', 'join_timed_out', 'no_host_has_room')
)
ORDER BY id DESC
"""  # older launches do not matter for the circuit breaker
NO_HOSTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class ActionRecord:
    """One action as journaled; times are unix seconds, `outcome` is None while it is in progress."""

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
    """A launch and its result (times in unix seconds)."""

    worker_type: str
    decision_id: int
    cause: str
    started_at: float
    joined_at: float | None
    failed_at: float | None  # the launch failed or found no room, or its worker was removed before it joined
    detail: str
    host: str
    had_no_room: int


class Journal(AlertJournal):
    """Records of the loop, the webhook and the operator, and values derived from them; see `JournalFile`."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path)
        self._launches: list[_Launch] = []
        self._launches_as_of: tuple[sqlite3.Connection, int, int] | None = None

    # --- decisions and actions ------------------------------------------------------------------------

    def record_decision(self, trigger: str, plan: Plan, at: float) -> int:
        """Record a decision; returns its id."""
        with self._transaction() as db:
            values = (at, trigger, json.dumps(asdict(plan)))
            made = _row_id(db.execute("INSERT INTO decisions (at, trigger, plan) VALUES (?, ?, ?)", values))
            history.mark(db, at, decision_id=made)
            return made

    def record_reload(self, trigger: str, changes: Sequence[str], at: float) -> int:
        """Record that the configuration changed, a line for each difference; it is a decision of the operator's."""
        with self._transaction() as db:
            plan = json.dumps({**asdict(Plan()), "changes": changes})
            values = (at, f"reload ({trigger})", plan)
            made = _row_id(db.execute("INSERT INTO decisions (at, trigger, plan) VALUES (?, ?, ?)", values))
            history.mark(db, at, decision_id=made)
            return made

    def intend(self, decision_id: int, action: Action, worker_id: str, at: float, host: str = "") -> int:
        """Record that `action` on `worker_id`, which is on `host`, is about to start; returns the action's id."""
        values = (
            decision_id,
            action.kind.value,
            worker_id,
            action.worker_type,
            action.cause.value,
            action.reason,
            at,
            host,
        )
        with self._transaction() as db:
            made = _row_id(
                db.execute(
                    "INSERT INTO actions (decision_id, kind, worker_id, worker_type, cause, reason, started_at, host)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    values,
                )
            )
            history.mark(db, at, action_id=made)
            return made

    def conclude(self, action_id: int, outcome: str, detail: str, at: float, host: str = "") -> None:
        """Record the outcome of an action; `host` if it is only known now."""
        with self._transaction() as db:
            db.execute(
                "UPDATE actions SET outcome = ?, detail = ?, finished_at = ?, host = coalesce(nullif(?, ''), host)"
                " WHERE id = ?",
                (outcome, detail, at, host, action_id),
            )
            history.mark(db, at, action_id=action_id)

    def knows(self, worker_id: str) -> bool:
        """Whether this worker was launched, prepared or adopted by this scaler."""
        query = (
            "SELECT 1 FROM actions WHERE worker_id = ? AND kind IN (?, ?)"
            " UNION SELECT 1 FROM adopted WHERE worker_id = ?"
        )
        with self._reading() as db:
            made = (worker_id, ActionKind.LAUNCH.value, ActionKind.PREPARE.value, worker_id)
            return db.execute(query, made).fetchone() is not None

    def adopt(self, worker_id: str, detail: str, at: float) -> None:
        """Record a worker that this scaler did not launch."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO adopted VALUES (?, ?, ?)", (worker_id, at, detail))

    def adopted(self) -> frozenset[str]:
        """Ids of the workers that this scaler did not launch."""
        with self._reading() as db:
            return frozenset(row["worker_id"] for row in db.execute("SELECT worker_id FROM adopted"))

    # --- pauses ---------------------------------------------------------------------------------------

    def pause(self, direction: Direction, pause: Pause) -> None:
        """Pause a direction; replaces an existing pause."""
        with self._transaction() as db:
            values = {**asdict(pause), "direction": direction.value}
            db.execute("INSERT OR REPLACE INTO pauses VALUES (:direction, :reason, :by, :since, :until)", values)

    def resume(self, direction: Direction) -> bool:
        """End a pause; returns whether there was one."""
        with self._transaction() as db:
            return db.execute("DELETE FROM pauses WHERE direction = ?", (direction.value,)).rowcount > 0

    def pauses(self, now: float) -> dict[Direction, Pause]:
        """The pauses in effect at `now`."""
        with self._reading() as db:
            rows = db.execute('SELECT direction, reason, "by", since, "until" FROM pauses').fetchall()
            found = {Direction(row["direction"]): Pause(*tuple(row)[1:]) for row in rows}
        return {direction: pause for direction, pause in found.items() if pause.holds(now)}

    # --- more of actions ------------------------------------------------------------------------------

    def mark_joined(self, worker_ids: Iterable[str], at: float, hosts: Mapping[str, str] = NO_HOSTS) -> None:
        """Record that these workers, on `hosts` by worker id, have joined Ray; only the first time counts."""
        rows = [(worker_id, at, hosts.get(worker_id, "")) for worker_id in worker_ids]
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO joined (worker_id, at, host) VALUES (?, ?, ?)", rows)

    def joined(self) -> frozenset[str]:
        """Ids of the workers that have ever joined Ray."""
        with self._reading() as db:
            rows = db.execute("SELECT worker_id FROM joined").fetchall()
        return frozenset(row["worker_id"] for row in rows)

    def forget(self, before: float) -> None:
        """Delete records older than `before` (unix seconds) that are no longer needed."""
        with self._transaction() as db:
            self._forget_alerts(db, before)
            db.execute("DELETE FROM joined WHERE at < ?", (before,))
            db.execute("DELETE FROM adopted WHERE at < ?", (before,))
            db.execute('DELETE FROM pauses WHERE "until" < ?', (before,))
            db.execute("DELETE FROM begun_anew WHERE at < ?", (before,))
            db.execute("DELETE FROM events WHERE at < ?", (before,))
            db.execute("DELETE FROM actions WHERE started_at < ? AND outcome IS NOT NULL", (before,))
            db.execute("DELETE FROM decisions WHERE at < ? AND id NOT IN (SELECT decision_id FROM actions)", (before,))

    def history(self, question: history.Question, now: float) -> dict[str, Any]:
        """Past actions, held and infeasible items; see `history.read`."""
        with self._reading() as db:
            return history.read(db, question, now)

    def last_event(self) -> int:
        """The id of the last event of the history, 0 if there was none."""
        with self._reading() as db:
            return history.last_event(db)

    def last_started(self, kind: ActionKind) -> float | None:
        """When an action of this kind was last started (unix seconds); cooldowns count from it.

        For a journal that replaced a lost one, at least the time of its replacement.
        """
        last = self._last("SELECT started_at FROM actions WHERE kind = ? ORDER BY id DESC LIMIT 1", kind.value)
        return self._beginning() if last is None else last

    def _beginning(self) -> float | None:
        """When this file replaced a lost one, whose actions are unknown; None if it did not."""
        return found[0] if (found := self.replaced()) else None

    def last_scale_up(self) -> float | None:
        """When workers were last launched for demand (unix seconds), by order of writing.

        Launches that failed or found no room do not count, nor those for a minimum, a floor or to replace a worker.
        """
        starting = (one for one in self._recent_launches() if one.failed_at is None and one.cause in STARTS_COOLDOWN)
        last = next((launch.started_at for launch in starting), None)
        return self._beginning() if last is None else last

    def launch_outcomes(self) -> list[LaunchOutcome]:
        """Results of the recent launches, without those in progress and those that found no room."""
        return [
            LaunchOutcome(
                launch.worker_type, launch.decision_id, at, launch.joined_at is not None, launch.detail, launch.host
            )
            for launch in self._recent_launches()
            if (at := launch.joined_at or (None if launch.had_no_room else launch.failed_at)) is not None
        ]

    def no_room(self) -> dict[str, NoRoom]:
        """For each type, the last launch that found no room, unless a worker was removed since."""
        freed = self._last(
            "SELECT finished_at FROM actions WHERE kind = ? AND outcome = ? AND cause <> ?"
            " ORDER BY finished_at DESC LIMIT 1",
            *(ActionKind.REMOVE.value, DONE, Cause.NO_HOST_HAS_ROOM.value),
        )
        found: dict[str, NoRoom] = {}
        for launch in reversed(self._recent_launches()):
            if launch.had_no_room and launch.failed_at is not None and launch.failed_at > (freed or 0.0):
                found[launch.worker_type] = NoRoom(launch.failed_at, launch.detail)
        return found

    def _recent_launches(self) -> Sequence[_Launch]:
        """Read once for all that a round derives from them: it takes some 4 ms."""
        with self._reading() as db:
            as_of = (db, db.execute("PRAGMA data_version").fetchone()[0], db.total_changes)
            if as_of != self._launches_as_of:
                self._launches = [_Launch(**dict(row)) for row in db.execute(RECENT_LAUNCHES)]
                self._launches_as_of = as_of
            return self._launches

    def join_durations(self) -> list[float]:
        """Seconds from launch to join of the last workers that joined, at most ten, newest first."""
        joined = (one for one in self._recent_launches() if one.joined_at is not None)
        return [max(0.0, (one.joined_at or 0.0) - one.started_at) for one in itertools.islice(joined, 10)]

    def launched(self) -> dict[str, float]:
        """Launch times of the last 200 workers (unix seconds), by worker id."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT worker_id, started_at FROM actions WHERE kind = ? ORDER BY id DESC LIMIT 200",
                (ActionKind.LAUNCH.value,),
            ).fetchall()
        return {row["worker_id"]: row["started_at"] for row in rows}

    def last_prepare_failure(self) -> float | None:
        """When a warm worker last failed: its preparation, or its removal after it exited (unix seconds)."""
        query = (
            "SELECT coalesce(finished_at, started_at) FROM actions WHERE kind = ? AND outcome = ?"
            " OR kind = ? AND cause = ? AND worker_id IN (SELECT worker_id FROM actions WHERE kind = ?)"
            " ORDER BY id DESC LIMIT 1"
        )
        prepare, remove = ActionKind.PREPARE.value, ActionKind.REMOVE.value
        return self._last(query, prepare, FAILED, remove, Cause.LAUNCH_FAILED.value, prepare)

    def last_failed(self, kind: ActionKind) -> float | None:
        """When an action of this kind last failed (unix seconds)."""
        query = "SELECT finished_at FROM actions WHERE kind = ? AND outcome = ? ORDER BY id DESC LIMIT 1"
        return self._last(query, kind.value, FAILED)

    def _last(self, query: str, *values: str) -> float | None:
        """The newest value in order of writing, because the clock may have been set back."""
        with self._reading() as db:
            row = db.execute(query, values).fetchone()
        return None if row is None else float(row[0])

    def decisions(self, limit: int) -> list[dict[str, Any]]:
        """The last decisions, newest first: `id`, `at`, `trigger`, and the plan's `actions`, `held`, `infeasible`."""
        with self._reading() as db:
            rows = db.execute("SELECT * FROM decisions ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
            return [
                {"id": row["id"], "at": row["at"], "trigger": row["trigger"], **json.loads(row["plan"])} for row in rows
            ]

    def actions(self, limit: int) -> list[ActionRecord]:
        """The last actions, newest first."""
        return self._actions("ORDER BY id DESC LIMIT ?", limit)

    def open_actions(self) -> list[ActionRecord]:
        """Actions without an outcome, oldest first: in progress, or interrupted by the end of a process."""
        return self._actions("WHERE outcome IS NULL ORDER BY id")

    def _actions(self, which: str, *values: int) -> list[ActionRecord]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT id AS action_id, decision_id, kind AS action, worker_id, worker_type, cause, reason,"  # noqa: S608  # ours
                " started_at, finished_at, outcome, detail,"
                " CASE kind WHEN ? THEN joined.at END AS joined_at"
                f" FROM actions LEFT JOIN joined USING (worker_id) {which}",
                (ActionKind.LAUNCH.value, *values),
            ).fetchall()
        return [ActionRecord(**dict(row)) for row in rows]


def _row_id(cursor: sqlite3.Cursor) -> int:
    if cursor.lastrowid is None:
        raise JournalError("the journal returned no id for a new row")
    return cursor.lastrowid
