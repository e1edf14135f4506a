"""Who holds a port of this machine, for people: a process, or the container that has published it."""

from __future__ import annotations

import contextlib

from ray_watcher_common import installation
from ray_watcher_common.host import processes
from ray_watcher_common.program.settings import SettingsError
from scaler.model.errors import ProviderError

DOCKERS_PROXY = "docker-proxy"  # the engine's process that listens for a container


def holder(host: str, port: int) -> str | None:
    """The holder of `host:port`; None if it is free."""
    found = processes.port_taken(host, port)
    if found and DOCKERS_PROXY in found and installation.has("docker"):
        return _container(port) or found
    return found


def _container(port: int) -> str | None:
    from scaler.providers.engine import Engine

    with contextlib.suppress(ProviderError, SettingsError):
        if published := Engine().publishing(port):
            cluster = published.labels.get("ray-watcher.cluster")
            whose = f", cluster '{cluster}'" if cluster else ""
            return f"container {published.name} ({published.image}{whose})"
    return None
