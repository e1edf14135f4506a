"""`kill -9` of the scaler at any step of a launch, a drain or a replacement leaves no lost or doubled worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults.killing import SCENARIOS
from faults.lives import Told, judge, live
from faults.places import ProcessPlace
from scaler.model.cluster import Direction, LaunchRequest
from support.builders import NOW, worker_type

if TYPE_CHECKING:
    from collections.abc import Iterator

FAULTS = Path(__file__).parent
FEWEST_STEPS = 40  # fewer would mean that Python no longer tells of them


@pytest.fixture
def place(tmp_path: Path) -> Iterator[ProcessPlace]:
    place = ProcessPlace(tmp_path)
    yield place
    place.kill()


@pytest.mark.e2e
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(
    ("provider", "every"),
    [
        ("process", 10),
        pytest.param("docker", 20, marks=pytest.mark.docker),
        pytest.param("process", 1, marks=pytest.mark.full),
        pytest.param("docker", 6, marks=[pytest.mark.docker, pytest.mark.full]),
    ],
)
def test_no_step_is_a_bad_one_to_be_killed_at(scenario: str, provider: str, every: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "faults.killing", scenario, provider, str(every)],
        env={**os.environ, "PYTHONPATH": f"{FAULTS.parent}:{FAULTS.parents[1]}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["wrong"] == {}
    assert told["steps"] >= FEWEST_STEPS


def test_a_life_without_a_kill_brings_the_workers(place: ProcessPlace) -> None:
    told = live(place, Direction.UP, 2, 2, begin=NOW)

    assert judge(place, 2, told) == []


def test_a_worker_that_the_journal_does_not_know_is_told(place: ProcessPlace) -> None:
    live(place, Direction.UP, 0, 1, begin=NOW)
    place.provider().launch(LaunchRequest("worker-7-777777", 7, worker_type()))

    assert judge(place, 1, Told()) == ["not in the journal: ['worker-7-777777']"]


def test_a_worker_that_lives_unlisted_is_told(place: ProcessPlace) -> None:
    live(place, Direction.UP, 1, 2, begin=NOW)
    (worker_id,) = place.living()
    (place.workers / worker_id / "record.json").rename(place.directory / "kept")

    wrong = judge(place, 1, Told())

    assert [sentence for sentence in wrong if "are listed" in sentence]


def test_a_lost_worker_is_told(place: ProcessPlace) -> None:
    live(place, Direction.UP, 1, 2, begin=NOW)
    place.kill()

    assert "0 workers live, wanted 1" in judge(place, 1, Told())
