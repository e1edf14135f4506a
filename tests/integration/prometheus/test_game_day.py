"""Public inhibit rules between the shipped rules and a real scaler: work is pending, and scaling is permitted again.

Each stack has its own Prometheus, Alertmanager and scaler. A foreign critical alert comes and goes; whatever it mutes
meanwhile, nothing may stay muted by what it caused.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import requests

from ray_watcher.stack.monitoring import (
    SHIPPED_DIRECTORY,
    Addresses,
    alertmanager_command,
    prometheus_command,
    write_monitoring,
)
from support.own import own_name, own_ports
from support.programs import running
from support.scaler_program import STATE, Scaler
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

FOREIGN_SECONDS = 8.0  # long enough for the shipped critical alerts, whose `for` is a second here
STACKS_AT_ONCE = 4
EXPOSITION = """\
raycluster_up 1
raycluster_demand_known 1
raycluster_pending_threshold 0
raycluster_pending_tasks 3
"""
DEMAND = [{"shape": {"CPU": 1.0}, "count": 3, "selectors": [], "fallbacks": []}]
INFO_INHIBITOR = """\
groups:
  - name: general.rules
    rules:
      - alert: InfoInhibitor
        expr: |
          ALERTS{severity="info"} == 1 unless on (namespace)
          ALERTS{alertname!="InfoInhibitor", severity=~"warning|critical", alertstate="firing"} == 1
        labels: {severity: none}
"""
KUBE_PROMETHEUS = """\
inhibit_rules:
  - source_matchers: ['severity = critical']
    target_matchers: ['severity =~ warning|info']
    equal: [namespace, alertname]
  - source_matchers: ['severity = warning']
    target_matchers: ['severity = info']
    equal: [namespace, alertname]
  - source_matchers: ['alertname = InfoInhibitor']
    target_matchers: ['severity = info']
    equal: [namespace]
"""


def rule(source: str, target: str, *equal: str) -> str:
    return json.dumps(
        {"inhibit_rules": [{"source_matchers": [source], "target_matchers": [target], "equal": list(equal)}]}
    )[1:-1]


CONFIGURATIONS = {
    "kube-prometheus": KUBE_PROMETHEUS,
    "alertmanager's example: critical mutes warning": rule('severity="critical"', 'severity="warning"', "alertname"),
    "critical mutes the rest of its cluster": rule('severity="critical"', 'severity=~"warning|info"', "cluster"),
    "critical mutes the rest of its service, which both lack": rule(
        'severity="critical"', 'severity=~"warning|info"', "service"
    ),
    "critical mutes all that is less": rule('severity="critical"', 'severity!="critical"'),
    "warning mutes info everywhere": rule('severity=~"warning|critical"', 'severity="info"'),
    "a cluster that is down mutes all of its alerts": rule('alertname="Foreign"', 'alertname!="Foreign"', "cluster"),
    "an instance that is down mutes all of its alerts": rule('alertname="Foreign"', 'alertname!="Foreign"', "instance"),
    "the old spelling": (
        "inhibit_rules:\n"
        "  - {source_match: {severity: critical}, target_match_re: {severity: '.*'}, equal: [cluster]}\n"
    ),
    "any alert of the same cluster mutes info and none": rule('severity!="none"', 'severity=~"info|none"', "cluster"),
    "our own critical alerts mute scaling": rule('alertname=~"Ray.+", severity="critical"', 'ray_scale!=""', "cluster"),
    "every critical alert mutes scaling": rule('severity="critical"', 'ray_scale=~"up|down"'),
}


class Exporter(BaseHTTPRequestHandler):
    """A cluster in which three tasks are pending."""

    def do_GET(self) -> None:
        state = {**STATE, "observed_at": time.time(), "demands": DEMAND}
        body = (json.dumps(state) if self.path == "/state" else EXPOSITION).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def exporter() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Exporter) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def shipped_with(directory: Path, inhibit_rules: str) -> Path:
    """A user's copy of the shipped files with these inhibit rules, and health alerts that do not wait long."""
    copy = directory / "prometheus"
    shutil.copytree(SHIPPED_DIRECTORY, copy)
    alertmanager = copy / "alertmanager.yml"
    alertmanager.write_text(f"{alertmanager.read_text(encoding='utf-8')}\n{inhibit_rules}\n", encoding="utf-8")
    health = copy / "rules" / "health.yml"
    health.write_text(health.read_text(encoding="utf-8").replace("for: 30s", "for: 1s"), encoding="utf-8")
    (copy / "rules" / "general.yml").write_text(INFO_INHIBITOR, encoding="utf-8")
    return copy


@contextlib.contextmanager
def stack(directory: Path, exporter: str, inhibit_rules: str) -> Iterator[tuple[Scaler, str, str]]:
    """The scaler, Alertmanager's URL and the cluster of a stack with these inhibit rules."""
    prometheus, alertmanager = (f"127.0.0.1:{port}" for port in own_ports(2))
    cluster = own_name("game-day")
    environment = {
        "WATCHER_CLUSTER": cluster,
        "WATCHER_EXPORTER_URL": f"http://{exporter}",
        "ALERTMANAGER_URL": f"http://{alertmanager}",
        "WATCHER_CHECK_INTERVAL": "1",
        "WATCHER_PLANNER": "support.no_launches:observed",
        "PYTHONPATH": "tests",
    }
    with contextlib.ExitStack() as started:
        scaler = Scaler(directory, environment)
        started.callback(scaler.end)
        addresses = Addresses(exporter, scaler.url.removeprefix("http://"), prometheus, alertmanager, cluster=cluster)
        write_monitoring(directory / "written", addresses, shipped_with(directory, inhibit_rules))
        for name, command in (
            ("alertmanager", alertmanager_command(directory / "written", addresses, directory / "am", "error")),
            ("prometheus", prometheus_command(directory / "written", addresses, directory / "tsdb", "error")),
        ):
            started.enter_context(running(command, directory / f"{name}.log"))
        yield scaler, f"http://{alertmanager}", cluster


def permits_up(scaler: Scaler) -> bool:
    """Whether an alert permits scaling up now, by the scaler's own account."""
    code, text = scaler.get("/api/v1/status")
    return code == requests.codes.ok and any(alert["direction"] == "up" for alert in json.loads(text)["alerts"])


def answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/-/ready", timeout=5).ok
    return False


def fire_foreign(alertmanager: str, cluster: str) -> None:
    """A critical alert of somebody else's, as a Prometheus sends it; it ends by itself."""
    now = datetime.now(timezone.utc)
    labels = {"alertname": "Foreign", "severity": "critical", "cluster": cluster}
    ends = (now + timedelta(seconds=FOREIGN_SECONDS)).isoformat()
    alert = {"labels": labels, "startsAt": now.isoformat(), "endsAt": ends}
    requests.post(f"{alertmanager}/api/v2/alerts", json=[alert], timeout=20).raise_for_status()


def resumes(directory: Path, exporter: str, inhibit_rules: str) -> None:
    """Wait until scaling up is permitted, after a foreign alert came and went."""
    directory.mkdir()
    with stack(directory, exporter, inhibit_rules) as (scaler, alertmanager, cluster):
        eventually(lambda: answers(alertmanager) and scaler.get("/-/healthy")[0], "the programs answer")
        fire_foreign(alertmanager, cluster)
        time.sleep(FOREIGN_SECONDS + 2)
        eventually(lambda: permits_up(scaler), "scaling up is permitted", every=0.2)


@pytest.mark.timeout(280)
def test_scaling_resumes_whatever_inhibit_rules_a_company_has(tmp_path: Path, exporter: str) -> None:
    with ThreadPoolExecutor(STACKS_AT_ONCE) as pool:
        tried = {
            name: pool.submit(resumes, tmp_path / str(number), exporter, rules)
            for number, (name, rules) in enumerate(CONFIGURATIONS.items())
        }

    assert {name: one.exception() for name, one in tried.items()} == dict.fromkeys(CONFIGURATIONS)
