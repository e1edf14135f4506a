"""The real scaler while its files change: by a signal, over HTTP, and by itself; under load nothing is lost."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests

from support.scaler_program import ANSWER_SECONDS, Scaler
from support.site import NOTIFICATION
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.e2e

SENDERS, EACH, RELOADS = 4, 25, 20
TYPE = "worker_types: [{name: cpu, memory: 1GB, object_store_memory: 100MB, max_workers: 1}]"


def write(policy: Path, most: int) -> None:
    new = policy.with_suffix(".new")
    new.write_text(f"version: 1\nlimits: {{max_workers: {most}}}\n{TYPE}\n")
    new.rename(policy)


def max_workers(scaler: Scaler) -> int:
    return int(json.loads(scaler.get("/api/v1/status")[1])["limits"]["max_workers"])


def notification(number: int) -> dict[str, Any]:
    alert = {**NOTIFICATION["alerts"][0], "fingerprint": f"f{number}"}
    return {**NOTIFICATION, "alerts": [alert]}


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yml"
    write(path, 3)
    return path


def started(start: Callable[..., Scaler], policy: Path, **more: str) -> Scaler:
    scaler = start(WATCHER_POLICY_FILE=str(policy), WATCHER_RELOAD_INTERVAL="0", **more)
    eventually(lambda: scaler.get("/-/ready")[0] == 200)
    return scaler


def test_under_load_every_notification_is_stored_and_every_change_is_in_the_history(
    start: Callable[..., Scaler], policy: Path
) -> None:
    scaler = started(start, policy)
    codes: list[int] = []

    def send(sender: int) -> None:
        for number in range(EACH):
            body = notification(sender * EACH + number)
            codes.append(requests.post(f"{scaler.url}/alerts", json=body, timeout=ANSWER_SECONDS).status_code)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    for most in range(4, 4 + RELOADS):
        write(policy, most)
        scaler.process.send_signal(signal.SIGHUP)
        answer = requests.post(f"{scaler.url}/-/reload", timeout=ANSWER_SECONDS)
        assert answer.status_code == 200
    for sender in senders:
        sender.join()

    assert codes == [200] * (SENDERS * EACH)
    eventually(lambda: json.loads(scaler.get("/api/v1/status")[1])["alerts_total"] == SENDERS * EACH)
    entries = json.loads(scaler.get("/api/v1/history?action=reload&limit=1000")[1])["entries"]
    changes = [entry["reason"] for entry in reversed(entries)]
    assert changes == [f"max_workers: {most} -> {most + 1}" for most in range(3, 3 + RELOADS)]
    eventually(lambda: max_workers(scaler) == 3 + RELOADS)
    assert "reconcile failed" not in scaler.log()


def test_after_a_signal_a_mistake_leaves_what_was_and_its_correction_is_used(
    start: Callable[..., Scaler], policy: Path
) -> None:
    scaler = started(start, policy)
    policy.write_text("version: 1\n")
    scaler.process.send_signal(signal.SIGHUP)
    eventually(lambda: "configuration not reloaded" in scaler.log())

    status = json.loads(scaler.get("/api/v1/status")[1])
    assert status["limits"]["max_workers"] == 3
    assert "worker_types: is missing" in status["configuration"]["problem"]
    assert "rayscaler_config_last_reload_successful 0.0" in scaler.get("/metrics")[1]

    write(policy, 7)
    scaler.process.send_signal(signal.SIGHUP)
    eventually(lambda: max_workers(scaler) == 7)
    assert "rayscaler_config_last_reload_successful 1.0" in scaler.get("/metrics")[1]


def test_a_watched_file_is_used_by_itself_and_so_is_a_token(
    start: Callable[..., Scaler], policy: Path, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    scaler = start(WATCHER_POLICY_FILE=str(policy), WATCHER_TOKEN_FILE=str(token), WATCHER_RELOAD_INTERVAL="0.1")
    eventually(lambda: scaler.get("/-/ready")[0] == 200)

    def answered(with_token: str) -> int:
        headers = {"Authorization": f"Bearer {with_token}"}
        return requests.post(
            f"{scaler.url}/api/v1/resume", json={}, headers=headers, timeout=ANSWER_SECONDS
        ).status_code

    assert (answered("old"), answered("new")) == (200, 401)
    token.write_text("new")
    write(policy, 8)
    eventually(lambda: max_workers(scaler) == 8 and answered("new") == 200)
    assert answered("old") == 401
