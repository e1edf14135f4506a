"""Nothing of a run of the tests outlives it: what it started ends with it, or with the next run if it was killed."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from ray_watcher_common.host.processes import marked_below
from support import leftovers
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLEEP = ["sleep", "300"]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for runs of our own: none of the real ones is swept."""
    monkeypatch.setattr(leftovers, "directory", lambda: tmp_path)
    monkeypatch.setattr(leftovers, "docker_answers", lambda: False)
    return tmp_path


@contextlib.contextmanager
def started_by(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that the run with this environment has started."""
    with subprocess.Popen(SLEEP, env=environment) as process:
        eventually(lambda: marked_below(leftovers.RUN, environment[leftovers.RUN]))
        try:
            yield process
        finally:
            process.kill()


def test_what_a_run_has_left_is_ended_with_it_and_named(runs: Path) -> None:
    environment: dict[str, str] = {}
    with leftovers.run(environment) as left:
        process = subprocess.Popen(SLEEP, env=environment)

    assert left == [f"process {process.pid} sleep 300"]
    assert process.wait(5) != 0
    assert (list(runs.iterdir()), environment) == ([], {})


def test_what_a_killed_run_has_left_is_ended_by_the_next_one(runs: Path) -> None:
    dead = runs / "dead.run"
    dead.touch()
    with started_by({leftovers.RUN: str(dead)}) as process, leftovers.run({}) as left:
        assert left == [f"process {process.pid} sleep 300"]
        assert process.wait(5) != 0
        assert not dead.exists()


def test_what_a_living_run_has_is_left_alone(runs: Path) -> None:
    del runs
    environment: dict[str, str] = {}
    with leftovers.run(environment), started_by(environment) as process:
        with leftovers.run({}) as left:
            assert left == []
        assert process.poll() is None


def test_what_a_run_starts_to_run_tests_is_no_run_of_its_own(runs: Path) -> None:
    environment: dict[str, str] = {}
    with leftovers.run(environment), started_by(environment) as process:
        with leftovers.run(environment) as left:
            assert left == []
        assert process.poll() is None
        assert len(list(runs.iterdir())) == 1


def test_names_are_noted_in_the_file_of_their_run(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = runs / "own.run"
    monkeypatch.setenv(leftovers.RUN, str(path))
    for name in ("one-abc", "two-abc"):
        leftovers.record(name)

    assert path.read_text(encoding="utf-8").split() == ["one-abc", "two-abc"]
