"""The main job, whole: pending Ray tasks become running workers through a Prometheus alert, and go again."""

from __future__ import annotations

import re
import subprocess
import time

import pytest
from operating import Operator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
STEPS = [
    "demand",
    "metric",
    "alert",
    "webhook",
    "launch",
    "first joined",
    "first task",
    "all joined",
    "all done",
    "first drained",
    "all removed",
]
BOUND_SECONDS = {"process": 120, "docker": 240}  # the promise is two minutes; the image may have to be built


def timeline(said: str) -> dict[str, float]:
    """Steps of the timeline with their seconds since the demand."""
    return {name.strip(): float(at) for name, at in re.findall(r"^([a-z ]+?) {2,}([\d.]+) +\+", said, re.MULTILINE)}


def test_the_demo_runs_the_whole_loop_and_leaves_nothing(provider: str) -> None:
    started = time.monotonic()

    said = Operator().says("demo", "--provider", provider)

    steps = timeline(said)
    assert sorted(steps) == sorted(STEPS)
    order = ["demand", "metric", "alert", "webhook", "launch", "first joined", "first task", "all done", "all removed"]
    assert [steps[name] for name in order] == sorted(steps[name] for name in order)
    assert re.search(r"decision: launch 4 workers: .* permitted by .*RayPendingTasks", said)
    assert re.search(r"decision: drain \d workers?: idle for .* permitted by RayWorkersIdle", said)
    assert "12 of 12" in said
    assert "everything is stopped" in said
    assert time.monotonic() - started < BOUND_SECONDS[provider]


@pytest.mark.docker
def test_the_docker_demo_leaves_no_container_and_no_network() -> None:
    for kind in (["ps", "--all", "--format", "{{.Names}}"], ["network", "ls", "--format", "{{.Name}}"]):
        listed = subprocess.run(["docker", *kind], capture_output=True, text=True, timeout=30, check=True).stdout

        assert "demo-" not in listed
