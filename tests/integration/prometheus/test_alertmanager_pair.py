"""A real HA pair of Alertmanagers: webhooks of both, the list of both, and a silence, are one state."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests

from ray_watcher.stack.monitoring import SHIPPED_DIRECTORY, Addresses, alertmanager_command, alertmanager_text
from scaler.alerting import alertmanager, payload
from scaler.alerting.alertmanager import AlertmanagerApi
from scaler.alerting.resync import AlertResync
from scaler.control.view import Wakeup
from scaler.journal.journal import Journal
from scaler.telemetry.metrics import ScalerMetrics
from support.fakes import FakeClock
from support.own import own_ports
from support.programs import running
from support.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

LABELS = {"alertname": "Mine", "ray_scale": "up", "cluster": "blue"}
INHIBIT_RULES = """
inhibit_rules:
  - source_matchers: ['severity="critical"']
    target_matchers: ['severity=~"warning|info"']
    equal: [cluster]
"""


class Pair:
    """The two, and a scaler's journal that hears both webhooks only when it is told to."""

    def __init__(self, urls: list[str], webhooks: queue.Queue[bytes]) -> None:
        self.urls, self.webhooks = urls, webhooks
        self.journal, self.metrics, wakeup = Journal(None), ScalerMetrics(), Wakeup()
        api = AlertmanagerApi(urls, "ray-watcher", "blue")
        self.clock = FakeClock(time.time())
        self.resync = AlertResync(api, journal=self.journal, metrics=self.metrics, clock=self.clock, wakeup=wakeup)

    def fire(self, to: int, *, ends_in: float = 300.0, **labels: str) -> None:
        """As Prometheus tells one of them of an alert."""
        now = datetime.now(timezone.utc)
        ends = (now + timedelta(seconds=ends_in)).isoformat()
        alert = {"labels": {**LABELS, **labels}, "startsAt": (now - timedelta(seconds=9)).isoformat(), "endsAt": ends}
        requests.post(f"{self.urls[to]}/api/v2/alerts", json=[alert], timeout=20).raise_for_status()

    def listed(self) -> list[dict[str, Any]]:
        """The alerts of the first one."""
        alerts: list[dict[str, Any]] = requests.get(f"{self.urls[0]}/api/v2/alerts", timeout=20).json()
        return alerts

    def suppressed(self) -> float | None:
        """Suppressed alerts for scaling up, as of the last resync."""
        return self.metrics.registry.get_sample_value("rayscaler_alerts_suppressed", {"direction": "up"})

    def silence(self) -> str:
        now = datetime.now(timezone.utc)
        wanted = {
            "matchers": [{"name": "alertname", "value": "Mine", "isRegex": False, "isEqual": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "anna",
            "comment": "benchmark",
        }
        reply = requests.post(f"{self.urls[0]}/api/v2/silences", json=wanted, timeout=20)
        return str(reply.json()["silenceID"])

    def firing(self) -> list[str]:
        """The alerts after another look at the list."""
        self.clock.time = time.time()
        self.resync.read()
        return [alert.key for alert in self.journal.alerts() if alert.firing]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    heard: queue.Queue[bytes] = queue.Queue()

    class Scaler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Keep quiet."""

    first, second, gossip_one, gossip_two = own_ports(4)
    with ThreadingHTTPServer(("127.0.0.1", 0), Scaler) as server, contextlib.ExitStack() as started:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        shipped = (SHIPPED_DIRECTORY / "alertmanager.yml").read_text(encoding="utf-8")
        config = alertmanager_text(shipped, Addresses(scaler=f"127.0.0.1:{server.server_port}")) + INHIBIT_RULES
        (tmp_path / "alertmanager.yml").write_text(config, encoding="utf-8")
        for port, own, other in ((first, gossip_one, gossip_two), (second, gossip_two, gossip_one)):
            addresses = Addresses(alertmanager=f"127.0.0.1:{port}")
            command = alertmanager_command(tmp_path, addresses, tmp_path / f"{port}", "error")
            command.remove("--cluster.listen-address=")
            command += [f"--cluster.listen-address=127.0.0.1:{own}", f"--cluster.peer=127.0.0.1:{other}"]
            started.enter_context(running(command, tmp_path / f"{port}.log"))
        made = Pair([f"http://127.0.0.1:{port}" for port in (first, second)], heard)
        eventually(lambda: all(_answers(url) for url in made.urls))
        yield made
        made.journal.close()
        server.shutdown()
        thread.join()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=5).ok
    except requests.RequestException:
        return False


def test_webhook_and_list_of_both_speak_of_one_alert_and_a_silence_ends_it(pair: Pair) -> None:
    pair.fire(0)
    pair.fire(1)
    body: dict[str, Any] = json.loads(told := pair.webhooks.get(timeout=PATIENCE_SECONDS))
    assert body["receiver"] == "ray-watcher"
    assert pair.resync.last.problems == ()

    heard = payload.read(told, time.time() - 1, "blue")
    pair.journal.absorb_alerts(heard.alerts)

    assert pair.firing() == [alert.key for alert in heard.alerts] == [payload.fingerprint(LABELS)]
    pair.silence()
    eventually(lambda: pair.firing() == [])


def test_an_alert_that_only_one_of_them_knows_is_heard_and_its_end_too(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alertmanager, "SETTLED_SECONDS", 0.0)  # as if they had been up for two minutes
    pair.fire(1, ends_in=3)

    eventually(pair.firing)
    eventually(lambda: pair.firing() == [])


def test_an_inhibited_alert_is_counted_as_suppressed_until_its_source_ends(pair: Pair) -> None:
    pair.fire(0, severity="warning")
    eventually(lambda: len(pair.firing()) == 1)

    pair.fire(0, ends_in=4, alertname="Foreign", severity="critical", ray_scale="")
    eventually(lambda: (pair.firing(), pair.suppressed()) == ([], 1.0))  # so RayWebhookNotDelivered does not fire
    eventually(lambda: (len(pair.firing()), pair.suppressed()) == (1, 0.0))


def test_a_scaling_alert_of_the_shipped_severity_is_not_inhibited(pair: Pair) -> None:
    pair.fire(0, severity="none")
    pair.fire(0, alertname="Foreign", severity="critical", ray_scale="")
    eventually(lambda: any(alert["labels"]["alertname"] == "Foreign" for alert in pair.listed()))

    assert len(pair.firing()) == 1
    assert pair.suppressed() == 0.0
