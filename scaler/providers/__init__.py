"""Where workers run: each provider implements `scaler.model.ports.WorkerProvider` on its own, none imports another."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ray_watcher_common import installation
from ray_watcher_common.urls import shown_url
from scaler.model.errors import ProviderError, ProviderUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaler.config.settings import ScalerSettings
    from scaler.model.ports import WorkerProvider


def provider_from_settings(settings: ScalerSettings) -> WorkerProvider:
    """The provider that WATCHER_PROVIDER names; `auto` is as `docker_is_chosen` says.

    Raises `ProviderUnavailableError`.
    """
    if settings.provider == "docker" or (settings.provider == "auto" and docker_is_chosen()):
        require_docker_client()
        from scaler.providers.docker import DockerProvider

        return DockerProvider.from_settings(settings)
    if settings.provider == "swarm":
        require_docker_client()
        from scaler.providers.swarm import SwarmProvider

        return SwarmProvider.from_settings(settings)
    from scaler.providers.process import ProcessProvider

    return ProcessProvider.from_settings(settings)


def host_capacity(provider: str) -> tuple[int, int] | None:
    """CPUs and bytes of memory of the host that runs the workers of `provider`.

    None if its engine does not answer, or if there are several hosts.
    """
    if provider == "swarm":
        return None
    if provider != "docker":
        from scaler.providers.local_node import capacity

        return capacity()
    from scaler.providers.engine import Engine

    with contextlib.suppress(ProviderError):
        return Engine().capacity
    return None


def require_docker_client() -> None:
    """Raises `ProviderUnavailableError` if there is no Docker client; a plain installation has none."""
    if not installation.has("docker"):
        raise ProviderUnavailableError(f"this installation has no Docker client; {installation.how_to_add('scaler')}")


def docker_is_chosen(answers: Callable[[], bool] | None = None) -> bool:
    """What `auto` means: Docker if an engine answers now, else processes.

    Raises `ProviderUnavailableError` if DOCKER_HOST names an engine that does not answer: its user wants no processes.
    """
    if (answers or docker_answers)():
        return True
    if named := os.environ.get("DOCKER_HOST"):
        raise ProviderUnavailableError(
            f"the Docker Engine of DOCKER_HOST ({shown_url(named)}) does not answer; start it, unset DOCKER_HOST, "
            "or use processes with `--provider process` (WATCHER_PROVIDER=process)"
        )
    return False


def docker_answers() -> bool:
    """Whether a Docker Engine answers here, in at most some seconds; without a client for it, none does."""
    if not installation.has("docker"):
        return False
    from scaler.providers import engine

    return engine.docker_answers()
