"""Where workers run: each provider implements `scaler.model.ports.WorkerProvider` on its own, none imports another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray_watcher_common import installation
from scaler.model.errors import ProviderUnavailableError

if TYPE_CHECKING:
    from scaler.config.settings import ScalerSettings
    from scaler.model.ports import WorkerProvider


def provider_from_settings(settings: ScalerSettings) -> WorkerProvider:
    """The provider that WATCHER_PROVIDER names; `auto` is Docker if an engine answers now, else processes.

    Raises `ProviderUnavailableError`.
    """
    if settings.provider == "docker" or (settings.provider == "auto" and docker_answers()):
        require_docker_client()
        from scaler.providers.docker import DockerProvider

        return DockerProvider.from_settings(settings)
    from scaler.providers.process import ProcessProvider

    return ProcessProvider.from_settings(settings)


def require_docker_client() -> None:
    """Raises `ProviderUnavailableError` if there is no Docker client; a plain installation has none."""
    if not installation.has("docker"):
        raise ProviderUnavailableError(f"this installation has no Docker client; {installation.how_to_add('scaler')}")


def docker_answers() -> bool:
    """Whether a Docker Engine answers here, in at most some seconds; without a client for it, none does."""
    if not installation.has("docker"):
        return False
    from scaler.providers import engine

    return engine.docker_answers()
