"""The shipped command, called as a user calls it; everything behind it is real."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.images import ray_image
from support.operating import PROGRAM, Operator
from support.own import own_environment, own_name

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def provider(request: pytest.FixtureRequest) -> str:
    """Where head and workers run."""
    return str(request.param)


@pytest.fixture(scope="module")
def operator(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """An operator with a cluster name, directory and ports of their own; whatever they start is stopped."""
    environment = own_environment(
        own_name(f"e2e-{provider}"),
        tmp_path_factory.mktemp("state"),
        provider,
        WATCHER_OBJECT_STORE_MEMORY="100MB",
        WATCHER_CHECK_INTERVAL="2",
        WATCHER_COOLDOWN="3",
        WATCHER_IDLE_TIMEOUT="4",
        WATCHER_SCALE_DOWN_COOLDOWN="1",
    )
    someone = Operator(environment)
    if provider == "docker":
        ray_image()
    yield someone
    subprocess.run(
        [PROGRAM, "stop-ray"], env={**os.environ, **environment}, capture_output=True, timeout=120, check=False
    )
