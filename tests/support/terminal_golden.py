"""What the verbs print on terminals of several widths and into a pipe, as golden files: they show the words."""

from __future__ import annotations

import io
import json
import os
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING
from unittest import mock

from ray_watcher.cluster.base import HeadOptions
from ray_watcher.operations.inventory import Inventory
from ray_watcher.output import cluster_status, explain, history, plan, terminal, watcher_status
from ray_watcher_common.state import from_document
from scaler.model.workers import WorkerState
from support.builders import NOW, worker
from support.explained_golden import STATE, saved_plan
from support.fake_provider import FakeProvider
from support.paths import TESTS
from support.situations import SITUATIONS
from support.watcher_fakes import FakeCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DIRECTORY = TESTS / "golden" / "terminal"
WIDTHS = (80, 100, 200, None)
LONG = "12 x CPU:1: 4 more workers, permitted by RayPendingTasks; delayed by the cooldown, 48 s left"
ENTRY = {"action": "launch", "count": 1, "worker_id": "worker-4-d19b02", "cause": "pending_demand", "outcome": "done"}
TIMES = {"took_seconds": 1.2, "joined_after_seconds": 5.4, "reason": LONG, "detail": ""}
HELD = {"action": "hold", "count": 4, "worker_id": "", "cause": "cooldown", "outcome": None, "reason": LONG}
FAILED = {"worker_id": "worker-5-77aa01", "outcome": "failed", "detail": "exit code 1: no space left on device"}
ENTRIES = [
    {**ENTRY, **TIMES, "at": NOW - 60},
    {**HELD, "took_seconds": None, "joined_after_seconds": None, "detail": "", "at": NOW - 70},
    {**ENTRY, **TIMES, **FAILED, "joined_after_seconds": None, "at": NOW - 86_000},
]


def _status_ray() -> None:
    cluster = FakeCluster(FakeProvider("process"), HeadOptions(num_cpus=1))
    ended = worker(2, WorkerState.LAUNCH_FAILED, detail="exit code 1: OSError: no space left on device: '/tmp/ray'")
    state = from_document(json.loads(STATE.read_text(encoding="utf-8")))
    workers = (worker(1), ended)
    cluster_status.show_cluster("default", Inventory("process", cluster.head(), workers, state), NOW)


def _watcher_status() -> None:
    scaler = SITUATIONS["scaling is paused"].status()
    held = [{"cause": "cooldown", "count": 4, "reason": LONG}]
    action = {"action": "launch", "worker_id": "worker-4-d19b02", "cause": "pending_demand", "reason": LONG}
    decision = {"id": 1, "at": NOW - 8, "trigger": "webhook", "actions": [action], "held": held, "infeasible": []}
    names = ("exporter", "prometheus", "alertmanager", "scaler")
    programs = [
        {"name": name, "state": "RUNNING", "pid": pid, "started_at": NOW - 125, "url": f"http://127.0.0.1:{pid}"}
        for pid, name in enumerate(names, start=9810)
    ]
    alert = {"name": "RayHighCpuUtilization", "state": "pending", "scale": "up", "summary": "CPUs are busy."}
    status = {"running": True, "cluster": "default", "programs": programs, "alerts": [alert], "logs": {}}
    watcher_status.show({**status, "scaler": {**scaler, "decisions": [decision]}}, NOW)


def _history() -> None:
    found = {"since": NOW - 90_000, "until": NOW, "entries": ENTRIES, "truncated": True, "samples": []}
    history.show(found, with_plot=False, width=72)


VERBS: dict[str, Callable[[], None]] = {
    "status-ray": _status_ray,
    "watcher-status": _watcher_status,
    "history": _history,
    "plan": lambda: plan.show(saved_plan()),
    "explain": lambda: explain.show(SITUATIONS["a burst during the cooldown"].status()),
}


def text(verb: str) -> str:
    """The output of a verb at every width."""
    return "\n".join(f"=== {f'{width} columns' if width else 'pipe'} ===\n{printed(verb, width)}" for width in WIDTHS)


def printed(verb: str, width: int | None) -> str:
    """The output of a verb on a terminal of `width` columns, without colours; None: in a pipe."""
    out = io.StringIO()
    columns = mock.patch.dict(os.environ, {"COLUMNS": str(width or 80)})
    on_terminal = mock.patch.object(terminal, "on_terminal", return_value=width is not None)
    with _utc(), columns, on_terminal, redirect_stdout(out), redirect_stderr(out):
        VERBS[verb]()
    return out.getvalue()


@contextmanager
def _utc() -> Iterator[None]:
    """The same local times on every machine."""
    with mock.patch.dict(os.environ, {"TZ": "UTC"}):
        time.tzset()
        yield
    time.tzset()


def files() -> dict[Path, str]:
    """Every golden file with what it should hold."""
    return {DIRECTORY / f"{verb}.txt": text(verb) for verb in VERBS}
