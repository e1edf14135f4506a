"""`docker logs ray-watcher` where the watcher runs as processes: a container that prints the scaler's log.

It is made by start-watcher and removed by stop-watcher. Its name is the scaler's under Compose: `ray-watcher` for
cluster `default`, `ray-watcher-CLUSTER` for others.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ray_watcher.errors import AlreadyRunningError, WatcherError
from scaler.model.errors import ProviderError
from scaler.providers import docker_answers
from scaler.providers.container import ContainerSpec

if TYPE_CHECKING:
    from pathlib import Path

LABEL = "ray-watcher.log-of"  # the cluster whose log it prints
MOUNTED = "/run/ray-watcher/log"


def name_of(cluster: str) -> str:
    """The name of the watcher's container, as in docker-compose.yml."""
    return "ray-watcher" if cluster == "default" else f"ray-watcher-{cluster}"


def spec(cluster: str, image: str, log: Path) -> ContainerSpec:
    """The container that prints `log` from its beginning, as the log's owner; it can do nothing else."""
    from scaler.providers.worker_container import CLUSTER_LABEL

    return ContainerSpec(
        name=name_of(cluster),
        image=image,
        command=["tail", "-n", "+1", "-F", f"{MOUNTED}/{log.name}"],
        network="none",
        labels={CLUSTER_LABEL: cluster, LABEL: cluster},
        mounts={str(log.parent): MOUNTED},
        user=f"{os.getuid()}:{os.getgid()}",
        stop_seconds=1,
    )


def show(cluster: str, image: str, log: Path) -> None:
    """Make the container. Raises `WatcherError`."""
    from scaler.providers.engine import Engine

    hide(cluster)
    try:
        Engine().run(spec(cluster, image, log))
    except ProviderError as error:
        raise WatcherError(str(error)) from error


def hide(cluster: str) -> None:
    """Remove the container, if there is one."""
    if not docker_answers():
        return
    from scaler.providers.engine import Engine

    engine = Engine()
    with contextlib.suppress(ProviderError):
        for found in engine.containers([f"{LABEL}={cluster}"]):
            engine.remove(found.id, 0)


def require_name(cluster: str) -> None:
    """Raises `AlreadyRunningError` if a container of others has the name: the guide's, for example, is a watcher."""
    if not docker_answers():
        return
    from scaler.providers.engine import Engine

    name = name_of(cluster)
    with contextlib.suppress(ProviderError):
        found = Engine().named(name)
        if found and LABEL not in found.labels:
            raise AlreadyRunningError(
                f"a container {name} exists ({found.image}, {found.status}), which may be a watcher of this cluster; "
                f"remove it with: docker rm -f {name}"
            )
