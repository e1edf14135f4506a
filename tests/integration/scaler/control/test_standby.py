"""Two real scalers on one cluster: one acts, the other stands by and takes over when it dies, however it dies."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest
import requests

from scaler.control.lease import Lease
from scaler.journal.journal import Journal
from support.fake_alertmanager import FakeAlertmanager, listed
from support.scaler_program import ANSWER_SECONDS, CLUSTER, Scaler
from support.site import NOTIFICATION
from support.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e


def pair(start: Callable[..., Scaler], **environment: str) -> tuple[Scaler, Scaler]:
    first = start(**environment)
    eventually(lambda: first.get("/-/ready")[0] == 200)
    second = start(**environment)
    eventually(lambda: second.get("/-/healthy")[0] == 200)
    return first, second


@contextlib.contextmanager
def nobody_writing(journal: Path) -> Iterator[None]:
    """Who is frozen meanwhile holds no lock of the journal's."""
    with contextlib.closing(sqlite3.connect(journal, timeout=PATIENCE_SECONDS)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield


def test_the_second_stands_by_and_takes_over_at_once_when_the_first_is_killed(start: Callable[..., Scaler]) -> None:
    first, second = pair(start)

    assert (first.leader(), second.leader()) == ("1.0", "0.0")
    code, says = second.get("/-/ready")
    assert (code, says) == (503, f"standby: process {first.process.pid} acts for this cluster\n")
    assert json.loads(second.get("/api/v1/status")[1])["standby"] == f"process {first.process.pid}"
    assert "rayscaler_workers{" not in second.get("/metrics")[1]  # it knows nothing, and says nothing, of the pool
    assert requests.post(f"{second.url}/alerts", json=NOTIFICATION, timeout=ANSWER_SECONDS).status_code == 200

    first.process.kill()
    eventually(lambda: second.get("/-/ready")[0] == 200)

    status = json.loads(second.get("/api/v1/status")[1])
    assert ([alert["name"] for alert in status["alerts"]], status["standby"]) == (["RayPendingTasks"], None)
    assert (second.leader(), second.get("/-/healthy")) == ("1.0", (200, "ok\n"))


def test_a_first_one_that_is_told_to_end_hands_over(start: Callable[..., Scaler]) -> None:
    first, second = pair(start)

    first.process.terminate()

    eventually(lambda: second.get("/-/ready")[0] == 200)
    assert first.process.wait() == 0


def test_a_first_one_that_is_frozen_keeps_the_lease(start: Callable[..., Scaler]) -> None:
    first, second = pair(start)

    first.process.send_signal(signal.SIGSTOP)
    assert second.leader() == "0.0"
    first.process.kill()

    eventually(lambda: second.leader() == "1.0")


def test_one_whose_lease_was_deleted_and_taken_by_another_ends_before_it_decides_again(
    start: Callable[..., Scaler], tmp_path: Path
) -> None:
    first = start(WATCHER_CHECK_INTERVAL="0.2")
    eventually(lambda: first.get("/-/ready")[0] == 200)
    with nobody_writing(tmp_path / "journal" / f"{CLUSTER}.db"):
        first.process.send_signal(signal.SIGSTOP)
    (tmp_path / "journal" / f"{CLUSTER}.lock").unlink()
    second = start()
    eventually(lambda: second.get("/-/ready")[0] == 200)

    first.process.send_signal(signal.SIGCONT)

    assert first.process.wait(PATIENCE_SECONDS) == 0
    assert "lost leadership" in first.log()
    assert second.leader() == "1.0"


def test_one_that_stands_by_can_be_told_to_end(start: Callable[..., Scaler]) -> None:
    first, second = pair(start)

    second.process.terminate()

    assert second.process.wait(PATIENCE_SECONDS) == 0
    assert first.get("/-/ready")[0] == 200


def test_a_scaler_that_was_down_hears_of_an_alert_from_alertmanagers_list(start: Callable[..., Scaler]) -> None:
    with FakeAlertmanager(alerts=[listed()]).served() as alertmanager:
        scaler = start(ALERTMANAGER_URL=alertmanager.url)
        eventually(lambda: scaler.get("/-/ready")[0] == 200)

        status = json.loads(scaler.get("/api/v1/status")[1])

    assert [alert["name"] for alert in status["alerts"]] == ["RayPendingTasks"]
    assert alertmanager.url in status["alertmanager"]["text"]


def test_a_damaged_journal_is_set_aside_at_the_start(start: Callable[..., Scaler], tmp_path: Path) -> None:
    broken = tmp_path / "journal" / f"{CLUSTER}.db"
    broken.parent.mkdir()
    broken.write_bytes(b"no journal " * 999)

    scaler = start()
    eventually(lambda: scaler.get("/-/ready")[0] == 200)

    assert len(list(broken.parent.glob(f"{CLUSTER}.db.corrupt-*"))) == 1
    begun = json.loads(scaler.get("/api/v1/status")[1])["journal"]["replaced"]
    assert "not a database" in begun["problem"]
    assert "damaged journal replaced" in scaler.log()
    journal = Journal(broken)
    assert journal.replaced() == (begun["at"], begun["problem"])
    journal.close()


def test_a_lease_is_one_scalers_until_it_is_given_back(tmp_path: Path) -> None:
    first, second = Lease(tmp_path / "a" / "lease"), Lease(tmp_path / "a" / "lease")

    assert (first.take(), second.take(), second.holder) == (True, False, f"process {os.getpid()}")
    first.close()
    assert second.take()
    second.close()


def test_a_lease_whose_file_was_deleted_is_kept_unless_another_was_quicker(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    first, second = Lease(path), Lease(path)
    first.take()
    path.unlink()

    assert (first.keep(), second.take()) == (True, False)

    path.unlink()
    assert (second.take(), first.keep(), second.keep()) == (True, False, True)
    second.close()


def test_a_lease_whose_file_was_deleted_is_no_lease_for_who_waited(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    first, second = Lease(path), Lease(path)
    first.take()
    waiting = threading.Thread(target=second.wait)
    waiting.start()
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    first.close()
    waiting.join(PATIENCE_SECONDS)

    third = Lease(path)
    assert (second.held, third.take()) == (True, False)
    second.close()
