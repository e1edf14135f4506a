"""Alertmanager's notifications: the scaler's webhook and adnanh/webhook with /bin/true as its command.

Both want the same token and are asked by turns: at a constant rate, and by wrk for as many as they can take. Ours
answers when what it received is on disk, while its loop and the exporter run. Theirs parses the JSON, checks
the token and stores nothing; it answers before its command has begun or, if configured to answer with the command's
output, when that has ended.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.command import run
from benchmarks.constant_rate import latencies, quantile
from benchmarks.report import Headline, Report, Table
from benchmarks.webhook_programs import TOKEN, program, scaler, webhook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psutil

RATE, CONNECTIONS = 500, 64  # notifications a second that are to be answered, and the connections they come on
RATE_SECONDS, SMOKE_RATE_SECONDS = 10.0, 1.0
RATE_ALERTS = (1, 50)
MOST_P99_MS = 100.0
VARIANTS = 40  # bodies, each with other summaries
SECONDS = {1: 2, 50: 2, 1_000: 4}  # of one run, by the alerts in a notification
CASES = ((1, 8), (1, CONNECTIONS), (50, 8), (50, CONNECTIONS), (1_000, 8))
SMOKE_CASES = ((1, 8),)
ROUNDS, SMOKE_ROUNDS = 2, 1
SCRIPT = Path(__file__).with_suffix(".lua")
TIMEOUT_SECONDS = 10  # for one answer
QUIET_SECONDS = 20.0  # for what a run left behind, before the other side's turn
BUSY_PERCENT = 5.0

CHANGED, AGAIN, THEIRS, WAITS = "changed", "again", "theirs", "waits"
PEER = "adnanh/webhook"
RATE_SIDES = (CHANGED, THEIRS, WAITS)
HEADLINES = ((1, CONNECTIONS), (1_000, 8))
NOTE = """\
adnanh/webhook parses the JSON, checks the token, runs a command and stores nothing. **theirs** is as it comes: it
answers before its command has begun. **waits** has `include-command-output-in-response`: it answers when that has
ended. Ours answers when all that it received is on disk (SQLite, `synchronous = FULL`). In **changed**, as for both of
theirs, each alert of each notification differs from before; in **again** it is the same, and its time of
receipt is written too. The ratios are **changed** to **theirs**.

At the constant rate a latency counts from the moment when the notification was due. wrk sends the next one on a
connection as soon as the last is answered, from the cores on which all others run. Before the other side's turn
everything that a run began is over, commands too."""
Case = tuple[int, int]  # alerts in a notification, connections


@dataclass(frozen=True)
class Side:
    """A program that takes notifications at `url`; `changed`: no two are the same."""

    name: str
    url: str
    process: psutil.Process
    changed: bool = True


@dataclass(frozen=True)
class Measured:
    """One run of wrk; `p99` is the 99th percentile of the latency, ms."""

    per_second: float
    p99: float


def notification(alerts: int, number: int = 0) -> dict[str, Any]:
    """A notification of one group of `alerts`, as Alertmanager sends it (version 4); another `number`, other texts."""
    labels = {"alertname": "RayPendingTasks", "cluster": "bench", "ray_scale": "up", "severity": "none"}
    return {
        "version": "4",
        "groupKey": '{}/{ray_scale=~"up|down"}:{alertname="RayPendingTasks", cluster="bench"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "ray-watcher",
        "groupLabels": {"alertname": "RayPendingTasks", "cluster": "bench"},
        "commonLabels": labels,
        "commonAnnotations": {"runbook_url": "http://127.0.0.1:9812/runbooks/RayPendingTasks"},
        "externalURL": "http://127.0.0.1:9093",
        "alerts": [
            {
                "status": "firing",
                "labels": {**labels, "job": "raycluster", "instance": f"10.0.{index // 250}.{index % 250 + 1}:9811"},
                "annotations": {
                    "runbook_url": "http://127.0.0.1:9812/runbooks/RayPendingTasks",
                    "summary": f"{number + index + 1} requests wait for room in the cluster",
                },
                "startsAt": "2026-01-02T03:04:05.678Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=raycluster_pending_tasks+%3E+0&g0.tab=1",
                "fingerprint": f"{0x9E3779B97F4A7C15 * (index + 1) % 2**64:016x}",
            }
            for index in range(alerts)
        ],
    }


def measured(side: Side, case: Case, directory: Path) -> Measured:
    """One run of wrk against `side`. Raises `OSError` if a notification was not accepted."""
    alerts, connections = case
    body = directory / f"{alerts}.json"
    body.write_text(json.dumps(notification(alerts), separators=(",", ":")), encoding="utf-8")
    options = [f"-c{connections}", "-t1", f"-d{SECONDS[alerts]}s", f"--timeout={TIMEOUT_SECONDS}s", f"-s{SCRIPT}"]
    command = [program("wrk"), *options, side.url, "--", TOKEN, str(body), *(["changed"] if side.changed else [])]
    bound = SECONDS[alerts] + 3 * TIMEOUT_SECONDS
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=bound, check=True)  # noqa: S603  # ours
    saw = json.loads(done.stdout.splitlines()[-1])
    if saw["failed"]:
        raise OSError(f"{side.url}: {saw['failed']} of {saw['requests']} notifications were not accepted; wanted all")
    return Measured(saw["requests"] / saw["microseconds"] * 1e6, saw["p99"] / 1e3)


def at_a_constant_rate(side: Side, alerts: int, seconds: float) -> tuple[float, float]:
    """Milliseconds within which half and 99 % of `RATE` notifications a second are answered. Raises `OSError`."""
    parts = urlsplit(side.url)
    requests = [_request(parts.netloc, parts.path, notification(alerts, number)) for number in range(VARIANTS)]
    took = asyncio.run(
        latencies(
            str(parts.hostname),
            int(parts.port or 0),
            lambda number: requests[number % VARIANTS],
            rate=RATE,
            connections=CONNECTIONS,
            seconds=seconds,
        )
    )
    return quantile(took, 0.5) * 1e3, quantile(took, 0.99) * 1e3


def _request(host: str, path: str, document: Mapping[str, Any]) -> bytes:
    body = json.dumps(document, separators=(",", ":")).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def measure_case(case: Case, sides: Sequence[Side], rounds: int, directory: Path) -> dict[str, Measured]:
    """The median of some runs of each side, by turns."""
    runs: dict[str, list[Measured]] = {side.name: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            runs[side.name].append(measured(side, case, directory))
            _rest(side)
    return {
        name: Measured(statistics.median(one.per_second for one in some), statistics.median(one.p99 for one in some))
        for name, some in runs.items()
    }


def _rest(side: Side) -> None:
    """Wait until what the run began is over, the commands too."""
    deadline = time.monotonic() + QUIET_SECONDS
    while side.process.children() or side.process.cpu_percent(0.1) > BUSY_PERCENT:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{side.url} is still busy {QUIET_SECONDS:g} s after the last notification")


def measure(smoke: bool) -> Report:  # noqa: FBT001  # the benchmarks' one signature
    """All cases."""
    cases, rounds = (SMOKE_CASES, SMOKE_ROUNDS) if smoke else (CASES, ROUNDS)
    with (
        tempfile.TemporaryDirectory(prefix="webhook-bench") as place,
        scaler(Path(place)) as ours,
        webhook(Path(place), waits=False) as theirs,
        webhook(Path(place), waits=True) as waits,
    ):
        sides = (Side(CHANGED, *ours), Side(AGAIN, *ours, changed=False), Side(THEIRS, *theirs), Side(WAITS, *waits))
        seconds = SMOKE_RATE_SECONDS if smoke else RATE_SECONDS
        constant: dict[int, dict[str, tuple[float, float]]] = {alerts: {} for alerts in RATE_ALERTS}
        for alerts in RATE_ALERTS:
            for side in (sides[0], *sides[2:]):
                constant[alerts][side.name] = at_a_constant_rate(side, alerts, seconds)
                _rest(side)
        return report(constant, {case: measure_case(case, sides, rounds, Path(place)) for case in cases}, rounds)


def report(
    constant: Mapping[int, Mapping[str, tuple[float, float]]],
    found: Mapping[Case, Mapping[str, Measured]],
    rounds: int,
) -> Report:
    """What was found: at the constant rate by alerts and side, and at most by case and side."""
    sides = (CHANGED, AGAIN, THEIRS, WAITS)
    rows = tuple(
        (*case, *(by[side].per_second for side in sides), *(by[side].p99 for side in sides))
        for case, by in found.items()
    )
    return Report(
        name="webhook",
        title="Webhook: notifications per second, each on disk before it is answered",
        headlines=(
            *(_rate_headline(alerts, by) for alerts, by in constant.items()),
            *(_headline(case, by) for case, by in found.items() if case in HEADLINES),
        ),
        tables=(
            Table(
                f"{RATE} notifications a second on {CONNECTIONS} connections: ms until half and 99 % are answered",
                ("Alerts", *(f"{side} {share}" for side in RATE_SIDES for share in ("50 %", "99 %"))),
                tuple((alerts, *(ms for side in RATE_SIDES for ms in by[side])) for alerts, by in constant.items()),
            ),
            Table(
                f"Notifications a second, and the 99th percentile of their latency in ms; median of {rounds} by turns",
                ("Alerts", "Connections", *(f"{side} /s" for side in sides), *(f"{side} 99 %" for side in sides)),
                rows,
            ),
        ),
        notes=(NOTE,),
    )


def _named(alerts: int) -> str:
    return f"{alerts:,} alert{'s' if alerts > 1 else ''}"


def _rate_headline(alerts: int, by: Mapping[str, tuple[float, float]]) -> Headline:
    what = f"Webhook, {RATE} notifications of {_named(alerts)} a second on {CONNECTIONS} connections, p99"
    return Headline(what, by[CHANGED][1], "ms", PEER, by[THEIRS][1], most=MOST_P99_MS)


def _headline(case: Case, by: Mapping[str, Measured]) -> Headline:
    alerts, connections = case
    what = f"Webhook, {_named(alerts)}, {connections} connections, most"
    return Headline(what, by[CHANGED].per_second, "/s", PEER, by[THEIRS].per_second, more_is_better=True)


def main() -> None:
    """The command."""
    run(measure, __doc__)


if __name__ == "__main__":
    main()
