"""Where workers run: each provider implements `scaler.model.ports.WorkerProvider` on its own, none imports another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scaler.config.settings import ScalerSettings
    from scaler.model.ports import WorkerProvider


def provider_from_settings(settings: ScalerSettings) -> WorkerProvider:
    """The provider that WATCHER_PROVIDER names; `auto` is Docker where an engine answers now, else processes."""
    if settings.provider == "docker" or (settings.provider == "auto" and docker_answers()):
        from scaler.providers.docker import DockerProvider

        return DockerProvider.from_settings(settings)
    from scaler.providers.process import ProcessProvider

    return ProcessProvider.from_settings(settings)


def docker_answers() -> bool:
    """Whether a Docker Engine answers here, in at most some seconds."""
    from scaler.providers import engine

    return engine.docker_answers()
