"""The same demands, worker types and limits to our bin packing and to Ray's own scheduler."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
RANDOM_CASES = 300


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Both outcomes of every case; in a process of its own, for importing Ray warns."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.packing", "--random", str(RANDOM_CASES), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=True)
    compared = [row for row in json.loads(done.stdout.splitlines()[-1]) if row["ray"]]
    assert len(compared) > RANDOM_CASES
    return compared


def test_never_worse_than_rays_scheduler(rows: list[dict[str, Any]]) -> None:
    """Of what is compared, the most important first: requests served, GPUs spared, few workers."""
    for row in rows:
        ours, rays = ((row[side]["unserved"], row[side]["gpus"], row[side]["workers"]) for side in ("ours", "ray"))
        assert ours <= rays, row


def test_what_rays_scheduler_serves_whole_so_do_we(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert row["ray"]["unserved"] or not row["ours"]["unserved"], row


def test_where_rays_greedy_choice_wastes_fewer_workers_do(rows: list[dict[str, Any]]) -> None:
    equal = [row for row in rows if all(row["ours"][name] == row["ray"][name] for name in ("unserved", "gpus"))]

    assert any(row["ours"]["workers"] < row["ray"]["workers"] for row in equal)
