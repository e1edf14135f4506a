"""The main job, whole: pending Ray tasks become running workers through a Prometheus alert, and go again."""

from __future__ import annotations

import contextlib
import re
import time

import pytest

from scaler.providers.engine import Engine
from scaler.providers.worker_container import CLUSTER_LABEL
from support.command_blocks import ROOT, block, follow
from support.images import ray_image
from support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(320)]
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
CAUSES = (  # each step of a chain causes the next; the scaler may see a worker join after its first task started
    ("demand", "metric", "alert", "webhook", "launch", "first joined", "all joined", "all removed"),
    ("launch", "first task", "all done", "all removed"),
    ("first joined", "first drained", "all removed"),
)
COMMANDS = {"process": block("README.md", "make demo"), "docker": 'make demo ARGS="--provider docker"'}
BOUND_SECONDS = 240  # two minutes are promised on a machine that does nothing else


def timeline(said: str) -> dict[str, float]:
    """Steps of the timeline with their seconds since the demand."""
    return {name.strip(): float(at) for name, at in re.findall(r"^([a-z ]+?) {2,}([\d.]+) +\+", said, re.MULTILINE)}


def of_demos() -> set[str]:
    """Containers and networks of any demo that the engine has."""
    with contextlib.closing(Engine()) as engine:
        containers = engine.containers([CLUSTER_LABEL])
        networks = engine._api.networks(names=["demo-"])  # noqa: SLF001  # only tests ask
        found = {found.name for found in containers if found.labels[CLUSTER_LABEL].startswith("demo-")}
        return found | {str(network["Name"]) for network in networks}


@pytest.fixture(
    scope="module", params=["process", pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.full])]
)
def provider(request: pytest.FixtureRequest) -> str:
    """Where head and workers run; test_serve.py has the loop with Docker, and test_compose.py with Compose."""
    return str(request.param)


def test_the_first_steps_have_the_demo_with_containers() -> None:
    assert f"`{COMMANDS['docker']}`" in (ROOT / "docs" / "first-steps.md").read_text(encoding="utf-8")


def test_the_demo_runs_the_whole_loop_and_leaves_nothing(provider: str) -> None:
    before = set()
    if provider == "docker":
        ray_image()  # not a pull of two gigabytes, where a registry can be reached
        before = of_demos()
    started = time.monotonic()

    said = follow(COMMANDS[provider])

    steps = timeline(said)
    assert sorted(steps) == sorted(STEPS)
    for order in CAUSES:
        assert [steps[name] for name in order] == sorted(steps[name] for name in order)
    assert re.search(r"decision: launch 4 workers: .*alert .*RayPendingTasks", said)
    assert re.search(r"decision: drain \d workers?: idle for .*alert RayWorkersIdle", said)
    assert "12 of 12" in said
    assert "nothing is left" in said
    assert time.monotonic() - started < BOUND_SECONDS
    if provider == "docker":  # a demo of somebody else's that began meanwhile ends soon
        eventually(
            lambda: of_demos() <= before, "no container or network of a demo is left", within=BOUND_SECONDS, every=1
        )
