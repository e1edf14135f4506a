"""State of the watcher, gathered from supervisord, Prometheus, the scaler and the logs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ray_watcher.fetch import UnreachableError, get_json, present
from ray_watcher.output import terminal
from ray_watcher.output.history import parts
from ray_watcher.stack.remembered import shown
from ray_watcher.stack.stack import program_states
from ray_watcher.tail import last_lines
from ray_watcher_common.web.client import Bearer
from scaler.alerting.payload import WATCHDOG
from scaler.telemetry.stages import DEMAND_TO_WORKER, STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ray_watcher.stack.compose import ProgramContainer
    from ray_watcher.stack.stack import Stack
    from ray_watcher.stack.supervisord import ProgramState

STATUS_VERSION = 1
SHOWN_DECISIONS = 5


def document(stack: Stack, log_lines: int) -> dict[str, Any]:
    """What `watcher-status --json` prints. `scaler` and `alerts` are None if the program does not answer.

    Raises `NotRunningError`.
    """
    states = program_states(stack)
    logs = {state.name: last_lines(stack.log(state.name), log_lines) for state in states}
    return _document(stack, states, logs)


def document_of_containers(stack: Stack, found: Sequence[ProgramContainer], log_lines: int) -> dict[str, Any]:
    """The same for programs that Docker Compose runs. Raises `WatcherError`."""
    listens: dict[str, Any] = {program.name: program.listens for program in found if program.name in stack.listens}
    logs = {program.name: list(program.lines(tail=log_lines, follow=False)) for program in found}
    there = replace(stack, addresses=replace(stack.addresses, **listens))
    urls = {program.name: f"http://{program.listens}" for program in found}
    return _document(there, [program.state() for program in found], logs, urls)


def document_of_scaler(status: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a scaler on another host, which answers: without what only that host knows, programs and logs."""
    return {
        "version": STATUS_VERSION,
        "running": True,
        "cluster": status["cluster"],
        "programs": [],
        "alerts": [
            {
                "name": alert["name"],
                "state": "firing",
                "scale": alert["direction"],
                "since": datetime.fromtimestamp(alert["starts_at"], timezone.utc).isoformat().replace("+00:00", "Z"),
                "summary": alert["summary"],
            }
            for alert in status["alerts"]
        ],
        "scaler": status,
        "logs": {},
    }


def _document(
    stack: Stack,
    states: Sequence[ProgramState],
    logs: Mapping[str, list[str]],
    urls: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "version": STATUS_VERSION,
        "running": all(state.state == "RUNNING" for state in states),
        "cluster": stack.addresses.cluster,
        "programs": [_program(state, (urls or {}).get(state.name) or stack.url(state.name)) for state in states],
        "alerts": _ask(alerts, stack),
        "scaler": _ask(scaler_status, stack),
        "logs": dict(logs),
    }


def scaler_status(stack: Stack) -> dict[str, Any]:
    """The scaler's status document. Raises `UnreachableError`."""
    if token := stack.token():
        present(stack.url("scaler"), Bearer(token))
    status: dict[str, Any] = get_json(f"{stack.url('scaler')}/api/v1/status")
    return status


def alerts(stack: Stack) -> list[dict[str, Any]]:
    """Prometheus' pending and firing alerts. Raises `UnreachableError`."""
    reply = get_json(f"{stack.url('prometheus')}/api/v1/alerts")
    return [
        {
            "name": alert["labels"]["alertname"],
            "state": alert["state"],
            "scale": alert["labels"].get("ray_scale"),
            "since": alert["activeAt"],
            "summary": alert["annotations"].get("summary", ""),
        }
        for alert in reply["data"]["alerts"]
        if alert["labels"]["alertname"] != WATCHDOG  # it always fires
    ]


def show(status: Mapping[str, Any], now: float) -> None:
    """Print it for people at `now` (unix seconds)."""
    state = "running" if status["running"] else "not all programs are running"
    terminal.line(f"watcher of cluster '{status['cluster']}': {state}")
    if options := shown(status.get("options") or {}):
        terminal.line(f"options: {options} (kept for the next start)")
    if status["programs"]:
        terminal.heading("Programs")
        rows = [[p["name"], p["state"], str(p["pid"] or "-"), _up(p, now), p["url"]] for p in status["programs"]]
        terminal.table(["program", "state", "pid", "up", "address"], rows)
    _show_alerts(status["alerts"])
    if status["scaler"]:
        _show_scaler(status["scaler"], now)
    else:
        terminal.warn("scaler not responding")
    for program, lines in status["logs"].items():
        if lines:
            terminal.heading(f"Log of {program} (last {len(lines)} lines)")
            for line in lines:
                terminal.log_line(line)


def _show_alerts(found: list[dict[str, Any]] | None) -> None:
    terminal.heading("Alerts")
    if found is None:
        terminal.warn("Prometheus not responding")
    elif found:
        rows = [[alert["name"], alert["state"], alert["scale"] or "-", alert["summary"]] for alert in found]
        terminal.table(["alert", "state", "permits", "summary"], rows)
    else:
        terminal.line("No pending or firing alerts.")


def _show_scaler(scaler: Mapping[str, Any], now: float) -> None:
    snapshot, limits = scaler["snapshot"], scaler["limits"]
    terminal.heading("Scaler")
    terminal.facts(
        [
            ("workers", f"{len(scaler['workers'])} (limits: {limits['min_workers']} to {limits['max_workers']})"),
            ("snapshot", _snapshot(snapshot)),
            ("cooldown", ", ".join(_cooldowns(scaler["cooldown"])) or "none"),
            ("last scale-up", ", ".join(_stages(scaler["last_scale_up"])) or "none since the scaler started"),
            *((f"scaling {way}", pause["text"]) for way, pause in scaler["paused"].items() if pause),
            *([("alertmanager", scaler["alertmanager"]["text"])] if scaler["alertmanager"]["problems"] else []),
            *([("standby", f"leader is {scaler['standby']}")] if scaler["standby"] else []),
            *([("journal", scaler["journal"]["problem"])] if scaler["journal"]["problem"] else []),
        ]
    )
    if scaler["workers"]:
        rows = [[w["worker_id"], w["state"], _idle(w["idle_seconds"]), w["detail"]] for w in scaler["workers"]]
        terminal.table(["worker", "state", "idle", "detail"], rows)
    terminal.heading("Last decisions")
    rows = [row for decision in scaler["decisions"][:SHOWN_DECISIONS] for row in decision_rows(decision, now)]
    if rows:
        terminal.table(["ago", "trigger", "what", "cause", "reason"], rows)
    else:
        terminal.line("No decisions yet.")


def decision_rows(decision: Mapping[str, Any], now: float) -> list[list[str]]:
    """One row for each part of a decision."""
    start = [_since(decision["at"], now), decision["trigger"]]
    return [[*start, part.what, part.cause, part.reason] for part in parts(decision)]


def _snapshot(snapshot: Mapping[str, Any]) -> str:
    if not snapshot["usable"]:
        return f"unusable: {snapshot['problem']}"
    return f"{snapshot['pending']} pending requests (source {snapshot['source']}, {snapshot['age_seconds']:.1f} s old)"


def _cooldowns(cooldown: Mapping[str, Any]) -> Iterable[str]:
    return (f"{way} {c['remaining_seconds']:.0f} s" for way, c in cooldown.items() if c["remaining_seconds"] > 0)


def _stages(took: Mapping[str, float]) -> Iterable[str]:
    """In their order, which JSON does not guarantee."""
    return (f"{stage.replace('_', ' ')} {took[stage]:.2f} s" for stage in (*STAGES, DEMAND_TO_WORKER) if stage in took)


def _idle(seconds: float | None) -> str:
    return terminal.duration(seconds) if seconds else "-"


def _since(moment: float, now: float) -> str:
    return terminal.duration(max(0.0, now - moment))


def _up(program: Mapping[str, Any], now: float) -> str:
    return _since(program["started_at"], now) if program["state"] == "RUNNING" else "-"


def _program(state: ProgramState, url: str) -> dict[str, Any]:
    return {
        "name": state.name,
        "state": state.state,
        "pid": state.pid,
        "started_at": state.started_at,
        "detail": state.detail,
        "url": url,
    }


def _ask(question: Any, stack: Stack) -> Any:
    try:
        return question(stack)
    except UnreachableError:
        return None
