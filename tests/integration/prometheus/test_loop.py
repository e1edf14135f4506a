"""Real Prometheus and Alertmanager between an exporter made by hand and a listening webhook."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from ray_watcher.stack.monitoring import Addresses
from support.own import own_ports
from support.programs import monitoring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

START_SECONDS = 60  # Prometheus looks at its targets first after 5 s; a loaded machine takes longer
DELIVERY_SECONDS = 60  # measured: below 1 s; the rest is for a loaded machine
EXPOSITION = """\
raycluster_up 1
raycluster_demand_known 1
raycluster_snapshot_age_seconds 0.1
raycluster_source{{source="cpu_heuristic"}} 0
raycluster_pending_threshold 3
raycluster_pending_tasks {pending}
"""


class World:
    """What the exporter says, and what the webhook has heard."""

    def __init__(self) -> None:
        self.pending = 0
        self.heard: queue.Queue[tuple[float, str | None, dict[str, Any]]] = queue.Queue()

    def next(self, status: str, timeout: float) -> tuple[float, str | None, dict[str, Any]]:
        """When the next notification of RayPendingTasks came, its Authorization, and what it said."""
        deadline = time.monotonic() + timeout
        while True:
            heard = self.heard.get(timeout=max(0.0, deadline - time.monotonic()))
            if heard[2]["status"] == status and heard[2]["commonLabels"]["alertname"] == "RayPendingTasks":
                return heard


class Handler(BaseHTTPRequestHandler):
    """Answers with text and keeps quiet; one subclass for each side of the world."""

    world: World

    def reply(self, text: str) -> None:
        """200 and the text."""
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Exporter(Handler):
    """What Prometheus scrapes."""

    def do_GET(self) -> None:  # the name that http.server looks for
        self.reply(EXPOSITION.format(pending=self.world.pending))


class Scaler(Handler):
    """What Alertmanager calls; to Prometheus it says nothing."""

    def do_GET(self) -> None:
        self.reply("")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.world.heard.put((time.monotonic(), self.headers["Authorization"], body))
        self.reply("")


@contextlib.contextmanager
def _served(handler: type[Handler], world: World) -> Iterator[str]:
    bound = type(handler.__name__, (handler,), {"world": world})
    with ThreadingHTTPServer(("127.0.0.1", 0), bound) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Prometheus and Alertmanager of a stack whose exporter and scaler are ours."""
    world = World()
    token_file = tmp_path / "token"
    token_file.write_text("secret", encoding="utf-8")
    with (
        _served(Exporter, world) as exporter,
        _served(Scaler, world) as scaler,
        contextlib.ExitStack() as programs,
    ):
        prometheus, alertmanager = (f"127.0.0.1:{port}" for port in own_ports(2))
        addresses = Addresses(exporter, scaler, prometheus, alertmanager, cluster="blue", token_file=token_file)
        programs.enter_context(monitoring(tmp_path, addresses))
        yield world


def test_pending_tasks_reach_the_webhook_and_so_does_their_end(
    world: World, record_testsuite_property: Callable[[str, object], None]
) -> None:
    world.pending = 4
    _, authorization, first = world.next("firing", START_SECONDS)
    (alert,) = first["alerts"]

    assert authorization == "Bearer secret"
    assert alert["labels"] == {
        "alertname": "RayPendingTasks",
        "cluster": "blue",
        "ray_scale": "up",
        "severity": "none",
    }
    assert re.search(r"\b4\b", alert["annotations"]["description"])

    for status, pending in (("resolved", 0), ("firing", 9)):
        changed_at, world.pending = time.monotonic(), pending
        heard_at, _, notification = world.next(status, DELIVERY_SECONDS)
        record_testsuite_property(f"RayPendingTasks: seconds to {status}", round(heard_at - changed_at, 2))
        assert len(notification["alerts"]) == 1
        assert notification["groupKey"] == first["groupKey"]
