"""The floor of any scaler on Docker: `docker run` at the moment of the demand.

With the provider's own start of Ray the difference is the cost of seeing, deciding and launching. With a plain
`ray start` it is the time of somebody who starts workers by hand.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.demand_trials import await_rest, run_trial
from ray_watcher_common.ray_auth import MODE_VARIABLE
from scaler.model.cluster import LaunchRequest, WorkerType
from scaler.providers import ray_start
from scaler.providers.engine import docker_answers
from scaler.providers.worker_container import GCS_PORT, PROGRAM_PATH, container_name, ray_command, shm_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.demand_trials import Trial
    from benchmarks.product import Product

OBJECT_STORE_BYTES = 100_000_000
START_SECONDS, STOP_SECONDS = 30.0, 60.0


def docker_is_here() -> bool:
    """Whether there are an engine and the command `docker`."""
    return shutil.which("docker") is not None and docker_answers()


def floor_trial(product: Product, image: str, *, plain: bool = False) -> Trial:
    """One task while the scaler is `paused`; its worker is run by hand, at the same moment, `plain` by `ray start`."""
    await_rest([product])
    name = container_name(product.cluster, "floor")
    try:
        return run_trial(product, help_it=lambda: _docker_run(product, name, image, plain=plain))
    finally:
        _docker("stop", name, seconds=STOP_SECONDS)


@contextlib.contextmanager
def paused(product: Product) -> Iterator[None]:
    """Nothing is launched meanwhile."""
    product.command("pause", "up", "--reason", "benchmark of the floor")
    try:
        yield
    finally:
        product.command("resume", "up")


def _docker_run(product: Product, name: str, image: str, *, plain: bool) -> None:
    """The container that the provider would start; the token is a variable: a file would have to be copied."""
    environment = product.environment
    token = (Path(environment["WATCHER_STATE_DIR"]) / "ray-token" / product.cluster).read_text(encoding="utf-8")
    network, head = environment["WATCHER_NETWORK"], f"{container_name(product.cluster, 'head')}:{GCS_PORT}"
    request = LaunchRequest(name, 0, WorkerType("floor", object_store_memory=OBJECT_STORE_BYTES))
    command = ["ray", *ray_start.arguments(request, head)] if plain else ray_command(head, network)(request)
    _docker(
        *("run", "--detach", "--rm", "--init", "--cpus", "1", "--name", name, "--network", network),
        *("--shm-size", str(shm_bytes(OBJECT_STORE_BYTES, 0))),
        *("--env", f"{MODE_VARIABLE}=token", "--env", f"RAY_AUTH_TOKEN={token.strip()}"),
        *("--volume", f"{ray_start.PROGRAM}:{PROGRAM_PATH}:ro"),
        image,
        *command,
        seconds=START_SECONDS,
    )


def _docker(*arguments: str, seconds: float) -> None:
    subprocess.run(["docker", *arguments], stdout=sys.stderr, timeout=seconds, check=True)  # noqa: S603, S607  # as a user
