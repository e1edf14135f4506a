"""The short form of `make chaos`: one round of faults, the same each time, on the running programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faults.chaos import chosen_faults
from faults.faults import BY_PROVIDER, PROCESS
from faults.schedule import GAP_SECONDS, schedule

HERE = Path(__file__).parent
SECONDS, SEED = 25, 1


def test_a_seed_gives_the_same_schedule_and_another_one_another() -> None:
    names = list(PROCESS)

    assert schedule(7, 60, names) == schedule(7, 60, names)
    assert schedule(7, 60, names) != schedule(8, 60, names)


@pytest.mark.parametrize("provider", BY_PROVIDER)
def test_a_long_run_tries_every_fault_as_often_as_any_other(provider: str) -> None:
    names = list(BY_PROVIDER[provider])
    planned = [fault.fault for fault in schedule(1, GAP_SECONDS[1] * len(names) * 2, names).faults]

    assert {planned.count(name) for name in names} <= {2, 3, 4, 5}


def test_the_head_dies_in_some_rounds_only() -> None:
    having = [seed for seed in range(16) if "kill:head" in chosen_faults("process", (), seed)]

    assert having == [7, 15]


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_nothing_is_violated_while_the_programs_are_broken(tmp_path: Path) -> None:
    record = tmp_path / "record.json"

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "faults.chaos",
            "--rounds=1",
            f"--seconds={SECONDS}",
            f"--seed={SEED}",
            "--record",
            record,
        ],
        env={**os.environ, "PYTHONPATH": f"{HERE.parent}:{HERE.parents[1]}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    told = json.loads(record.read_text(encoding="utf-8"))
    assert told["violations"] == {}
    assert told["totals"]["faults"] > SECONDS / GAP_SECONDS[1]
    assert told["totals"]["finished"] == told["totals"]["tasks"] > 0
    assert told["totals"]["launches"] > 0
    assert told["totals"]["samples"] > SECONDS
