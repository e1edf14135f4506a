"""Pending work and worker state from the scaler's status: sentences for people, a document for scripts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray_watcher.output import terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

EXPLAIN_VERSION = 1
NAMES_SHOWN = 4  # workers listed by name for one reason
FAILURE_SHOWN_SECONDS = 600.0
JOURNAL_RESET_SHOWN_SECONDS = 3600.0
PARTS = ("time", "cluster", "summary", "pending", "workers", "limits", "cooldown", "paused", "alerts", "snapshot")
MORE_PARTS = ("alertmanager", "anomalies", "journal", "standby")
WORKER_STATES = {"removing": "draining", "joining": "joining"}  # by cause; all other workers stay


def document(status: Mapping[str, Any]) -> dict[str, Any]:
    """What `explain --json` prints. Raises `KeyError` if the scaler has another version."""
    return {"version": EXPLAIN_VERSION, **{part: status[part] for part in (*PARTS, *MORE_PARTS)}, **_held(status)}


def _held(status: Mapping[str, Any]) -> dict[str, Any]:
    return {"held": status["held"], "infeasible": status["infeasible"]}


def sections(status: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Title and sentences of each section, the most important first. Raises `KeyError` as well."""
    return [
        ("", [_cluster(status), *_standby(status), *status["summary"], *_journal(status), *_last_failure(status)]),
        ("Pending work", list(_pending(status["pending"]))),
        ("Workers", list(_workers(status["workers"])) or ["No workers."]),
        ("Anomalies", list(_anomalies(status["anomalies"]))),
        ("Limits and cooldowns", list(_limits(status))),
        ("Alerts", [*_alerts(status["alerts"], status["time"]), f"{status['alertmanager']['text']}."]),
        ("Snapshot", [_snapshot(status["snapshot"])]),
    ]


def show(status: Mapping[str, Any]) -> None:
    """Print it for people."""
    for title, sentences in sections(status):
        if title and sentences:
            terminal.heading(title)
        for sentence in sentences:
            terminal.sentence(sentence, "  " if title else "")


def _cluster(status: Mapping[str, Any]) -> str:
    """What all of it is about, and from when: the scaler explains its last snapshot."""
    snapshot = status["snapshot"]
    age = f"snapshot {terminal.duration(snapshot['age_seconds'])} old" if snapshot["usable"] else "no usable snapshot"
    return f"Cluster '{status['cluster']}', {age}."


def _standby(status: Mapping[str, Any]) -> Iterator[str]:
    if status["standby"]:
        yield f"This scaler is on standby; {status['standby']} is the leader, ask it instead."


def _journal(status: Mapping[str, Any]) -> Iterator[str]:
    """A journal that had to be recreated, for an hour after it happened."""
    begun = status["journal"]["replaced"]
    if begun and status["time"] - begun["at"] < JOURNAL_RESET_SHOWN_SECONDS:
        age = terminal.duration(max(0.0, status["time"] - begun["at"]))
        yield f"The journal was recreated {age} ago, its earlier content is lost: {begun['problem']}."


def _anomalies(anomalies: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One sentence per case."""
    groups: dict[tuple[str, str], list[str]] = {}
    for anomaly in anomalies:
        groups.setdefault((anomaly["case"], anomaly["rule"]), []).append(anomaly["name"])
    for (case, rule), names in groups.items():
        yield f"{_named(names)}: {rule}. [{case}]"


def _last_failure(status: Mapping[str, Any]) -> Iterator[str]:
    """The last launch, drain or removal, if it failed recently."""
    for kind in ("launch", "drain", "remove"):
        last = next((a for a in status["actions"] if a["action"] == kind and a["outcome"]), None)
        if last and last["outcome"] == "failed":
            age = max(0.0, status["time"] - last["finished_at"])
            if age < FAILURE_SHOWN_SECONDS:
                yield f"The last {kind} failed {terminal.duration(age)} ago ({last['worker_id']}): {last['detail']}."


def _pending(pending: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for shape in pending:
        name = f"{shape['count']} x {shape['shape']}"
        text = shape["why"] if shape["why"].startswith(f"{name} ") else f"{name}: {shape['why']}"
        yield f"{text}. [{shape['cause']}]"


def _workers(workers: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One sentence for all workers with the same reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for worker in workers:
        groups.setdefault((worker["cause"], worker["why"]), []).append(worker["worker_id"])
    for (cause, why), names in groups.items():
        state = WORKER_STATES.get(cause, "")
        yield f"{_named(names)}: {why if not state or why.startswith(state) else f'{state}, {why}'}. [{cause}]"


def _named(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _limits(status: Mapping[str, Any]) -> Iterator[str]:
    limits = status["limits"]
    yield f"Workers: {limits['min_workers']} to {limits['max_workers']}."
    for way in ("up", "down"):
        cooldown = status["cooldown"][way]
        left = f"{cooldown['remaining_seconds']:.0f} s left" if cooldown["remaining_seconds"] > 0 else "not active"
        yield f"Cooldown for scaling {way} ({cooldown['seconds']:g} s): {left}."


def _alerts(alerts: Sequence[Mapping[str, Any]], now: float) -> Iterator[str]:
    for way in ("up", "down"):
        permitting = [alert for alert in alerts if alert["direction"] == way]
        for alert in permitting:
            yield _alert(alert, now)
        if not permitting:
            yield f"No alert permits scaling {way}."


def _alert(alert: Mapping[str, Any], now: float) -> str:
    kind = f" of type {alert['worker_type']}" if alert["worker_type"] else ""
    step = f" by {alert['step']}, regardless of pending work" if alert["step"] else ""
    summary = f": {alert['summary'].rstrip('.')}" if alert["summary"] else ""
    age = terminal.duration(max(0.0, now - alert["starts_at"]))
    return f"{alert['name']} has permitted scaling {alert['direction']}{kind}{step} for {age}{summary}."


def _snapshot(snapshot: Mapping[str, Any]) -> str:
    if not snapshot["usable"]:
        return f"No usable snapshot: {snapshot['problem']}."
    return f"Source {snapshot['source']}, {terminal.duration(snapshot['age_seconds'])} old."
