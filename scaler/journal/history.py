"""Past actions, held and infeasible requests and reloads, read from a journal's tables."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from scaler.journal.migrations import version_of
from scaler.model.errors import JournalError
from scaler.model.workers import ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

HISTORY_VERSION = 1
MAX_ENTRIES = 1000
MAX_DECISIONS_READ = 20_000  # limits the time of a query whose filter matches little
EVENTS_SINCE_VERSION = 5
RELOAD = "reload"  # an entry's action and cause: the configuration changed, its reason says what
ACTIONS = (
    "SELECT actions.*, CASE kind WHEN ? THEN joined.at END AS joined_at FROM actions LEFT JOIN joined USING (worker_id)"
)
GIVEN = "SELECT value FROM json_each(?)"


@dataclass(frozen=True)
class Question:
    """A filter of the history; None: no filter. `worker` is an id or `worker-N`; `since` is in unix seconds.

    `after` is the id of an event: what came after it, and nothing is missed or cut by time.
    """

    since: float
    limit: int = MAX_ENTRIES
    action: str | None = None
    cause: str | None = None
    worker: str | None = None
    after: int | None = None


@dataclass(frozen=True)
class Entry:
    """One action, or one held or infeasible item; times in unix seconds, durations in seconds."""

    at: float
    action: str  # of `ActionKind`, or hold, impossible, reload
    count: int
    worker_id: str
    cause: str
    reason: str
    decision_id: int
    outcome: str | None = None  # None for an action in progress, and for what is not an action
    took_seconds: float | None = None
    joined_after_seconds: float | None = None
    detail: str = ""
    action_id: int | None = None  # of an action: the same in its second entry, when it has ended


def mark(db: sqlite3.Connection, at: float, *, decision_id: int | None = None, action_id: int | None = None) -> None:
    """Note that something was decided, or that an action began or ended; part of the same transaction."""
    db.execute("INSERT INTO events (at, decision_id, action_id) VALUES (?, ?, ?)", (at, decision_id, action_id))


def last_event(db: sqlite3.Connection) -> int:
    """The id of the last event; 0 if there was none, or in a file of an earlier version."""
    if version_of(db, "the journal") < EVENTS_SINCE_VERSION:
        return 0
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(row[0]) if row else 0


def read(db: sqlite3.Connection, question: Question, now: float) -> dict[str, Any]:
    """The history as a document: `entries` newest first, `samples` empty; `truncated`: more entries exist.

    `last_event` is the id of the last event that it has seen. With `after`, entries are oldest first.
    """
    if question.after is not None:
        return _read_after(db, question, question.after, now)
    entries = sorted([*_actions(db, question), *_not_done(db, question)], key=lambda entry: entry.at, reverse=True)
    return {
        "version": HISTORY_VERSION,
        "since": question.since,
        "until": now,
        "entries": [asdict(entry) for entry in entries[: question.limit]],
        "truncated": len(entries) > question.limit,
        "samples": [],  # of the recording, see `scaler.recording.series`
        "last_event": last_event(db),
    }


def _read_after(db: sqlite3.Connection, question: Question, after: int, now: float) -> dict[str, Any]:
    """What events after the one with this id tell; an action that began and ended since is there once."""
    rows = db.execute("SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?", (after, question.limit + 1)).fetchall()
    events = rows[: question.limit]
    actions = _actions_by_id(db, _ids(events, "action_id"))
    decisions = _decisions_by_id(db, _ids(events, "decision_id"))
    last_of = {event["action_id"]: event["id"] for event in events}
    entries: list[Entry] = []
    for event in events:
        if event["action_id"] is None:
            entries += decisions.get(event["decision_id"], [])
        elif last_of[event["action_id"]] == event["id"]:
            entries += actions.get(event["action_id"], [])
    return {
        "version": HISTORY_VERSION,
        "since": entries[0].at if entries else now,
        "until": now,
        "entries": [asdict(entry) for entry in entries if _asked_for(entry, question)],
        "truncated": len(rows) > question.limit,
        "samples": [],
        "last_event": events[-1]["id"] if events else after,
    }


def _ids(events: Iterable[sqlite3.Row], column: str) -> list[int]:
    return [event[column] for event in events if event[column] is not None]


def _actions_by_id(db: sqlite3.Connection, ids: list[int]) -> dict[int, list[Entry]]:
    rows = db.execute(f"{ACTIONS} WHERE id IN ({GIVEN})", (ActionKind.LAUNCH.value, json.dumps(ids)))  # ours
    return {row["id"]: [_action(row)] for row in rows}


def _decisions_by_id(db: sqlite3.Connection, ids: list[int]) -> dict[int, list[Entry]]:
    rows = db.execute(f"SELECT id, at, plan FROM decisions WHERE id IN ({GIVEN})", (json.dumps(ids),))  # noqa: S608  # ours
    return {row["id"]: list(_parts(row["id"], row["at"], json.loads(row["plan"]))) for row in rows}


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The journal at `path`, opened read-only. Raises `JournalError`."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            if version_of(db, path) == 0:
                raise JournalError(f"{path} is not a journal")
            yield db
    except sqlite3.Error as error:
        raise JournalError(f"journal {path}: {error}") from error


def _actions(db: sqlite3.Connection, question: Question) -> Iterator[Entry]:
    rows = db.execute(
        f"{ACTIONS} WHERE started_at >= ?"
        " AND (? IS NULL OR kind = ?) AND (? IS NULL OR cause = ?)"
        " AND (? IS NULL OR worker_id = ? OR worker_id GLOB ?) ORDER BY started_at DESC, id DESC LIMIT ?",
        (
            ActionKind.LAUNCH.value,
            question.since,
            *(question.action, question.action, question.cause, question.cause),
            *(question.worker, question.worker, f"{_exactly(question.worker)}-*", question.limit + 1),
        ),
    )
    return (_action(row) for row in rows)


def _exactly(worker: str | None) -> str:
    """The name without the special characters of GLOB."""
    return re.sub(r"[^a-z0-9-]", "", worker or "")


def _action(row: sqlite3.Row) -> Entry:
    return Entry(
        at=row["started_at"],
        action=row["kind"],
        count=1,
        worker_id=row["worker_id"],
        cause=row["cause"],
        reason=row["reason"],
        decision_id=row["decision_id"],
        outcome=row["outcome"],
        took_seconds=_between(row["started_at"], row["finished_at"]),
        joined_after_seconds=_between(row["started_at"], row["joined_at"]),
        detail=row["detail"],
        action_id=row["id"],
    )


def _between(start: float, end: float | None) -> float | None:
    return None if end is None else max(0.0, end - start)


def _not_done(db: sqlite3.Connection, question: Question) -> Iterator[Entry]:
    """Held and infeasible items of decisions, newest first, at most one more than the limit."""
    if question.action in [kind.value for kind in ActionKind]:
        return
    found = 0
    query = "SELECT id, at, plan FROM decisions WHERE at >= ? ORDER BY id DESC LIMIT ?"
    for row in db.execute(query, (question.since, MAX_DECISIONS_READ)):
        for entry in _parts(row["id"], row["at"], json.loads(row["plan"])):
            if _asked_for(entry, question):
                yield entry
                found += 1
        if found > question.limit:
            return


def _parts(decision_id: int, at: float, plan: dict[str, Any]) -> Iterator[Entry]:
    for action, parts in (("hold", plan["held"]), ("impossible", plan["infeasible"])):
        for part in parts:
            yield Entry(at, action, part["count"], "", part["cause"], part["reason"], decision_id)
    if changes := plan.get("changes"):
        yield Entry(at, RELOAD, len(changes), "", RELOAD, "; ".join(changes), decision_id)


def _asked_for(entry: Entry, question: Question) -> bool:
    return (
        question.action in (None, entry.action)
        and question.cause in (None, entry.cause)
        and (question.worker is None or _names(entry, question.worker))
    )


def _names(entry: Entry, worker: str) -> bool:
    """Whether an entry is about the worker of this id, or of the number in `worker-N`."""
    return re.search(rf"\b{re.escape(worker)}\b", f"{entry.worker_id} {entry.reason}") is not None
