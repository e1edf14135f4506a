"""Processes that outlive whoever started them: known again, and never mistaken."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from ray_watcher_common.host import detached
from ray_watcher_common.host.detached import Detached
from support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

SLEEP = ["sleep", "60"]


def stranger() -> psutil.Process:
    """A process whose session's leader has ended, as daemons are."""
    started = subprocess.run(
        ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"],
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return psutil.Process(int(started.stdout))


def test_a_record_of_an_earlier_boot_makes_no_stranger_ours(tmp_path: Path) -> None:
    innocent = stranger()
    try:
        record = tmp_path / "pid"
        record.write_text(str(os.getsid(innocent.pid)))
        os.utime(record, (0, psutil.boot_time() - 60))

        Detached(tmp_path).end(0)

        assert innocent.is_running()
    finally:
        innocent.kill()


def test_it_does_not_run_in_the_callers_directory(tmp_path: Path) -> None:
    process = Detached(tmp_path / "made")
    process.start(SLEEP, os.environ)
    try:
        assert {member.cwd() for member in process.members()} == {str(tmp_path / "made")}
    finally:
        process.stop(0)


def test_it_runs_from_the_moment_start_returns(tmp_path: Path) -> None:
    for number in range(20):
        process = Detached(tmp_path / str(number))
        process.start(SLEEP, os.environ)
        assert process.state().running
        process.stop(0)


def test_its_pid_is_that_of_the_command(tmp_path: Path) -> None:
    process = Detached(tmp_path / "made")
    process.start(SLEEP, os.environ)
    try:
        eventually(lambda: psutil.Process(process.state().pid).name() == "sleep", every=0)
        assert process.state().text == f"pid {process.state().pid}"
    finally:
        process.stop(0)


def test_how_it_ended_is_known(tmp_path: Path) -> None:
    process = Detached(tmp_path / "made")
    process.start(["sh", "-c", "echo last words; exit 7"], os.environ)
    eventually(lambda: not process.state().running, every=0)

    assert (process.state().exit_code, process.last_line()) == (7, "last words")
    process.stop(0)


def test_it_is_known_though_its_starter_was_killed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached, "STARTING_SECONDS", 0.0)  # as if it had long been without a record
    monkeypatch.setattr(Detached, "_await_pid", killed)
    process = Detached(tmp_path / "made")

    with pytest.raises(KeyboardInterrupt):
        process.start(SLEEP, os.environ)

    try:
        eventually(lambda: process.state().pid)
        assert process.state().running
    finally:
        process.stop(0)


def killed(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_what_cannot_write_itself_down_does_not_run(tmp_path: Path) -> None:
    process = Detached(tmp_path / "made")
    (tmp_path / "made" / "pid.new").mkdir(parents=True)

    with pytest.raises(OSError, match="could not write"):
        process.start(["touch", str(tmp_path / "ran")], os.environ)

    assert not (tmp_path / "ran").exists()
