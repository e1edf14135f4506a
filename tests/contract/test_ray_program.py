"""The installed Ray is inside as `ray_program` takes it to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import ray

from scaler.providers import ray_start
from scaler.providers.ray_program import AGENT_NEEDS, OTHER_COMMANDS


def imported_by(*arguments: str) -> tuple[str, set[str]]:
    """What `ray` with these arguments prints, and the modules that it imports on the way."""
    command = [sys.executable, "-X", "importtime", str(ray_start.PROGRAM), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_ray_start_is_there_without_what_it_does_not_need() -> None:
    told, modules = imported_by("start", "--help")
    assert "--address" in told
    assert "ray.scripts.scripts" in modules
    assert not modules & {"ray.serve", "fastapi", "numpy", "aiohttp"}


@pytest.mark.parametrize("module", [*OTHER_COMMANDS, AGENT_NEEDS])
def test_ray_has_what_is_left_out(module: str) -> None:
    path = Path(ray.__file__).parent.joinpath(*module.split(".")[1:])
    assert path.with_suffix(".py").exists()


def test_ray_drains_a_node_in_the_step_that_is_replaced_and_the_node_knows_its_head() -> None:
    from ray._private.node import Node

    assert "drain_node" in Node._drain_node_before_shutdown.__code__.co_names  # noqa: SLF001  # as ray_program does
    assert isinstance(Node.gcs_address, property)


def test_ray_starts_its_raylet_by_the_function_that_is_replaced() -> None:
    from ray._private import services

    assert "start_ray_process" in services.start_raylet.__code__.co_names
