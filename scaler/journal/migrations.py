"""The journal's tables, and the migration of files of earlier versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaler.model.errors import JournalError

if TYPE_CHECKING:
    import sqlite3

# One script for each version. A new version appends a script; existing scripts never change.
MIGRATIONS = (
    """
CREATE TABLE alerts (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, direction TEXT NOT NULL, firing INTEGER NOT NULL,
    starts_at REAL NOT NULL, received_at REAL NOT NULL, worker_type TEXT, step INTEGER, summary TEXT NOT NULL
);
CREATE TABLE decisions (id INTEGER PRIMARY KEY, at REAL NOT NULL, trigger TEXT NOT NULL, plan TEXT NOT NULL);
CREATE TABLE actions (
    id INTEGER PRIMARY KEY, decision_id INTEGER NOT NULL REFERENCES decisions (id), kind TEXT NOT NULL,
    worker_id TEXT NOT NULL, worker_type TEXT NOT NULL, cause TEXT NOT NULL, reason TEXT NOT NULL,
    started_at REAL NOT NULL, finished_at REAL, outcome TEXT, detail TEXT NOT NULL DEFAULT ''
);
CREATE TABLE joined (worker_id TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE INDEX actions_by_kind ON actions (kind, outcome);
""",
    """
CREATE TABLE samples (at REAL NOT NULL, workers INTEGER NOT NULL, pending INTEGER);
CREATE INDEX samples_by_time ON samples (at);
""",
    "CREATE INDEX actions_by_worker ON actions (worker_id);",
    # An alert's key was groupKey|fingerprint; now it is the fingerprint, as in Alertmanager's list.
    """
UPDATE OR REPLACE alerts SET key = replace(key, rtrim(key, replace(key, '|', '')), '');
CREATE TABLE pauses (
    direction TEXT PRIMARY KEY, reason TEXT NOT NULL, "by" TEXT NOT NULL, since REAL NOT NULL, "until" REAL
);
CREATE TABLE adopted (worker_id TEXT PRIMARY KEY, at REAL NOT NULL, detail TEXT NOT NULL);
CREATE TABLE begun_anew (at REAL NOT NULL, problem TEXT NOT NULL);
CREATE INDEX open_actions ON actions (id) WHERE outcome IS NULL;
""",
    # What followers of the history have not seen: ids only grow, so that they can ask for what came after one.
    """
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, decision_id INTEGER, action_id INTEGER
);
CREATE INDEX events_by_time ON events (at);
""",
    # Samples become the points of a recording without moments: time, demand, workers by state and by type, max_workers.
    """
CREATE TABLE recording (
    id INTEGER PRIMARY KEY, since REAL NOT NULL, "until" REAL NOT NULL, is_key INTEGER NOT NULL, step REAL NOT NULL,
    content BLOB NOT NULL, points BLOB NOT NULL
);
CREATE INDEX recording_by_end ON recording ("until");
INSERT INTO recording (since, "until", is_key, step, content, points)
    SELECT MIN(at), MAX(at), 1, 10, x'',
        CAST(json_group_array(json_array(
            at, CASE WHEN pending IS NOT NULL THEN json_object('all shapes', pending) END,
            json_object('RUNNING', workers), json_object('all types', workers), workers
        )) AS BLOB)
    FROM (SELECT * FROM samples ORDER BY at) GROUP BY CAST(at / 600 AS INTEGER);
DROP TABLE samples;
""",
    "CREATE TABLE watchdog (id INTEGER PRIMARY KEY CHECK (id = 1), at REAL NOT NULL);",
    # Launches may fail on one host and not on others.
    """
ALTER TABLE actions ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE joined ADD COLUMN host TEXT NOT NULL DEFAULT '';
""",
)
SCHEMA_VERSION = len(MIGRATIONS)


def version_of(db: sqlite3.Connection, path: object) -> int:
    """The version of the file. Raises `JournalError` if a newer program wrote it."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise JournalError(f"{path} has version {version}, wanted at most {SCHEMA_VERSION} (a newer program wrote it)")
    return version


def migrate(db: sqlite3.Connection, path: object) -> None:
    """Migrate the file to this version in one transaction; its content is kept. Raises `JournalError`.

    Two scalers may start at once: the second waits for the first and finds nothing to do.
    """
    if version_of(db, path) == SCHEMA_VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    with db:
        for script in MIGRATIONS[version_of(db, path) :]:
            for statement in script.split(";"):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
