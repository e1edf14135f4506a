"""Real Prometheus and Alertmanager reach programs that serve TLS, want client certificates and have users."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import bcrypt
import pytest
import requests
from flask import Flask, request

from ray_watcher.stack.doors import Door
from ray_watcher.stack.monitoring import Addresses
from ray_watcher_common.web.application import Access, new_app
from ray_watcher_common.web.config import WebConfigFile
from ray_watcher_common.web.limits import Limits
from ray_watcher_common.web.users import Users
from scaler.web.auth import Callers
from support.certificates import self_signed
from support.own import own_ports
from support.programs import monitoring
from support.served import served
from support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

WITHIN_SECONDS = 30.0  # Prometheus and Alertmanager start, and ask, within some three
TOKEN = "the token"  # noqa: S105  # a test's own
PASSWORD = "p@ss:wörd"  # noqa: S105  # a test's own


class Seen:
    """Paths that were asked for with success, and a wait for one."""

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._changed = threading.Condition()

    def add(self, path: str) -> None:
        with self._changed:
            self._paths.append(path)
            self._changed.notify_all()

    def wait(self, path: str) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: path in self._paths, WITHIN_SECONDS)


def application(access: Access, seen: Seen) -> Flask:
    app = new_app("exporter", access)

    def answer() -> str:
        seen.add(request.path)
        return "# HELP up_ A.\n# TYPE up_ gauge\nup_ 1\n"

    app.add_url_rule("/metrics", "metrics", answer)
    app.add_url_rule("/alerts", "alerts", answer, methods=["POST"])
    return app


@pytest.fixture
def web(tmp_path: Path) -> WebConfigFile:
    self_signed(tmp_path)
    self_signed(tmp_path, "client")
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    (tmp_path / "web.yml").write_text(
        "tls_server_config:\n  cert_file: ca.pem\n  key_file: key.pem\n  client_ca_file: client.pem\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [client.example]\n"
        f"basic_auth_users:\n  prometheus: {bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n",
        encoding="utf-8",
    )
    return WebConfigFile(tmp_path / "web.yml", "X")


def test_scrapes_and_notifications_arrive(tmp_path: Path, web: WebConfigFile) -> None:
    seen, users, callers = {"exporter": Seen(), "scaler": Seen()}, Users(), Callers(TOKEN, lambda: web.current)
    exporter = application(Access(allows=lambda header: users.check(web.current.users, header)), seen["exporter"])
    scaler = application(Access(allows=callers.may_ask), seen["scaler"])
    door = Door("https", str(tmp_path / "ca.pem"), (str(tmp_path / "client.pem"), str(tmp_path / "client-key.pem")))
    as_user = Door("https", door.ca_file, door.certificate, user="prometheus", password_file=tmp_path / "password")
    with (
        served(exporter, Limits(), web=lambda: web.current) as asked,
        served(scaler, Limits(), callers.trusts, lambda: web.current) as notified,
        contextlib.ExitStack() as programs,
    ):
        exporter_at, scaler_at, prometheus_at, alertmanager_at = (
            f"127.0.0.1:{port}" for port in (asked.port, notified.port, *own_ports(2))
        )
        addresses = Addresses(
            exporter_at,
            scaler_at,
            prometheus_at,
            alertmanager_at,
            token_file=tmp_path / "token",
            exporter_door=as_user,
            scaler_door=Door("https", door.ca_file, door.certificate, wants_token=True),
        )
        programs.enter_context(monitoring(tmp_path, addresses))
        eventually(lambda: is_taken(f"http://{addresses.alertmanager}/api/v2/alerts"), "Alertmanager takes an alert")

        assert seen["exporter"].wait("/metrics")
        assert seen["scaler"].wait("/metrics")
        assert seen["scaler"].wait("/alerts")


def is_taken(url: str) -> bool:
    """Whether Alertmanager took a scaling alert; before it listens it does not."""
    try:
        return requests.post(url, json=[{"labels": {"alertname": "A", "ray_scale": "up"}}], timeout=5).ok
    except requests.RequestException:
        return False
