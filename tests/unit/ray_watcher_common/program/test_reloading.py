"""When a program reads its files again."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from ray_watcher_common.program.reloading import FILE, SIGNAL, ReloadTriggers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT_ONCE = 1e-6


@pytest.fixture(autouse=True)
def own_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_signals_that_arrive_together_are_one_reload() -> None:
    reloads: list[str] = []
    triggers = ReloadTriggers(reloads.append, [], 0)
    signal.signal(signal.SIGHUP, triggers.note)
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGHUP)

    triggers.turn()

    assert reloads == [SIGNAL]


def test_a_watched_file_is_read_again_when_its_content_changed_and_only_then(tmp_path: Path) -> None:
    reloads: list[str] = []
    file = tmp_path / "policy.yml"
    file.write_text("a")
    triggers = ReloadTriggers(reloads.append, [file, None], AT_ONCE)

    triggers.turn()
    os.utime(file, (1, 1))
    triggers.turn()
    assert reloads == []

    other = tmp_path / "other"
    other.write_text("b")
    other.rename(file)  # as editors and Kubernetes replace a file
    triggers.turn()
    triggers.turn()
    assert reloads == [FILE]


def test_a_file_that_goes_and_comes_back_is_read_again(tmp_path: Path) -> None:
    reloads: list[str] = []
    file = tmp_path / "policy.yml"
    triggers = ReloadTriggers(reloads.append, [file], AT_ONCE)

    file.write_text("a")
    triggers.turn()
    file.unlink()
    triggers.turn()
    assert reloads == [FILE, FILE]


def test_what_a_signal_reloaded_is_no_change_of_the_file(tmp_path: Path) -> None:
    reloads: list[str] = []
    file = tmp_path / "policy.yml"
    file.write_text("a")
    triggers = ReloadTriggers(reloads.append, [file], AT_ONCE)
    file.write_text("b")
    triggers.note(signal.SIGHUP, None)

    triggers.turn()
    triggers.turn()
    assert reloads == [SIGNAL]
