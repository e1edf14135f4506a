"""The two programs that take webhooks, as processes to be measured: the shipped scaler, and Debian's `webhook`."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from shutil import which
from typing import TYPE_CHECKING

import psutil

from benchmarks.exporter_nodes import stand_in
from benchmarks.exporter_process import END_SECONDS, START_SECONDS, exporter_of
from ray_watcher_common.host.processes import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    Answering = tuple[str, psutil.Process]  # URL of the webhook, and its process

TOKEN = "benchmark"  # noqa: S105  # of programs that live for this run


def program(name: str) -> str:
    """Where a program of the system is. Raises `FileNotFoundError`."""
    if found := which(name):
        return found
    raise FileNotFoundError(f"there is no {name} on PATH; scripts/setup test installs it")


@contextlib.contextmanager
def scaler(directory: Path) -> Iterator[Answering]:
    """The scaler as `start-watcher` runs it, with an exporter, a token and a journal of its own in `directory`."""
    (port,) = free_ports(1)
    with stand_in(1, 0) as gcs, exporter_of(gcs) as exporter:
        environment = {
            **os.environ,
            "RAY_GCS_ADDRESS": gcs,
            "WATCHER_CLUSTER": "bench",
            "WATCHER_EXPORTER_URL": f"http://127.0.0.1:{exporter.port}",
            "WATCHER_LISTEN": f"127.0.0.1:{port}",
            "WATCHER_MAX_WORKERS": "0",  # alerts are taken, and nothing is launched for them
            "WATCHER_PROVIDER": "process",
            "WATCHER_STATE_DIR": str(directory),
            "WATCHER_TOKEN": TOKEN,
        }
        with _running([sys.executable, "-m", "scaler"], environment, port, "/alerts") as answering:
            yield answering


@contextlib.contextmanager
def webhook(directory: Path, *, waits: bool) -> Iterator[Answering]:
    """`webhook` with a hook that wants the token and runs /bin/true; `waits`: it answers when that has ended."""
    (port,) = free_ports(1)
    bearer = {"source": "header", "name": "Authorization"}
    hook = {
        "id": "alerts",
        "execute-command": "/bin/true",
        "http-methods": ["POST"],
        "include-command-output-in-response": waits,
        "trigger-rule": {"match": {"type": "value", "value": f"Bearer {TOKEN}", "parameter": bearer}},
        "trigger-rule-mismatch-http-response-code": http.HTTPStatus.UNAUTHORIZED,
    }
    hooks = directory / f"hooks-{port}.json"
    hooks.write_text(json.dumps([hook]), encoding="utf-8")
    command = [program("webhook"), "-ip", "127.0.0.1", "-port", str(port), "-hooks", str(hooks)]
    with _running(command, os.environ, port, "/hooks/alerts") as answering:
        yield answering


@contextlib.contextmanager
def _running(command: list[str], environment: Mapping[str, str], port: int, path: str) -> Iterator[Answering]:
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as started:  # noqa: S603  # ours
        try:
            _wait_for_answer(port, path)
            yield f"http://127.0.0.1:{port}{path}", psutil.Process(started.pid)
        finally:
            started.terminate()
            started.wait(END_SECONDS)


def _wait_for_answer(port: int, path: str) -> None:
    """Until a notification without the token is refused there."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("POST", path, "{}", {"Content-Type": "application/json"})
            if connection.getresponse().status == http.HTTPStatus.UNAUTHORIZED:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing asks for a token at port {port}, {path}, within {START_SECONDS:g} s")
        time.sleep(0.05)
