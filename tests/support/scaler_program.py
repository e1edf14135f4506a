"""The real `python -m scaler`, beside an exporter that always shows the same cluster."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import requests

from support.own import own_environment, own_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


CLUSTER = own_name("scaler")  # of all scalers of a test: a second one stands by
ANSWER_SECONDS = 20.0  # a bound for what takes some milliseconds


STATE = {
    "version": 1,
    "observed_at": 0.0,
    "age_seconds": 0.0,
    "source": "gcs",
    "nodes": [],
    "demands": [],
    "gangs": [],
    "demand_known": True,
}


class Scaler:
    """One `python -m scaler`, listening at an address of its own."""

    def __init__(self, state_dir: Path, environment: dict[str, str]) -> None:
        own = own_environment(CLUSTER, state_dir)
        self.url = f"http://{own['WATCHER_LISTEN']}"
        self._log = (state_dir / f"{self.url.rpartition(':')[2]}.log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scaler"],
            env={**os.environ, **own, **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def get(self, path: str) -> tuple[int, str]:
        try:
            reply = requests.get(f"{self.url}{path}", timeout=ANSWER_SECONDS)
        except requests.RequestException:
            return 0, ""
        return reply.status_code, reply.text

    def leader(self) -> str:
        found = re.search(r"^rayscaler_leader (\S+)$", self.get("/metrics")[1], flags=re.MULTILINE)
        return found[1] if found else ""

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self._log.close()


class Exporter(BaseHTTPRequestHandler):
    """An empty cluster, as of now."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({**STATE, "observed_at": time.time()}).encode())

    def log_message(self, *_args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def exporter() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Exporter) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def start(tmp_path: Path, exporter: str) -> Iterator[Callable[..., Scaler]]:
    started: list[Scaler] = []

    def one_more(**environment: str) -> Scaler:
        started.append(Scaler(tmp_path, {"WATCHER_EXPORTER_URL": exporter, **environment}))
        return started[-1]

    yield one_more
    for scaler in started:
        scaler.end()
