"""The image of head and workers, built from the Dockerfile that ships with the program."""

from __future__ import annotations

from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING

from scaler.config.settings import ScalerSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaler.providers.engine import Engine

INSTALLED_LABEL = "ray-watcher.installed"  # an image of another Ray, or of other extras, is built again
BUILD_TIMEOUT_SECONDS = 300
DOCKERFILE_DIRECTORY = Path(str(resources.files("ray_watcher.images") / "context"))


def ray_version() -> str:
    """The version of the Ray that is installed here; without one, that of the image that RAY_IMAGE names by default."""
    try:
        return metadata.version("ray")
    except metadata.PackageNotFoundError:
        default: str = ScalerSettings.model_fields["image"].default
        return default.rpartition(":")[2].partition("-")[0]


def default_tag() -> str:
    """`ray-watcher/ray:<version>`."""
    return f"ray-watcher/ray:{ray_version()}"


def is_built(engine: Engine, tag: str) -> bool:
    """Whether the engine has `tag`, built here with this version of Ray. Raises `ProviderError`."""
    return (engine.image_labels(tag) or {}).get(INSTALLED_LABEL) == _installed()


def build_ray_image(
    engine: Engine, progress: Callable[[str], None], *, tag: str | None = None, base: str | None = None
) -> str:
    """Build the Ray image unless the engine has it; returns its tag. With `base`, an image's name, it is always built.

    `progress` gets a line at a time. Raises `ProviderError`.
    """
    tag = tag or default_tag()
    if base is None and is_built(engine, tag):
        progress(f"the engine has {tag} already")
        return tag
    progress(f"building {tag}; pip downloads some hundred MB")
    arguments = {"RAY_VERSION": ray_version()} | ({"BASE": base} if base else {})
    for line in engine.build(DOCKERFILE_DIRECTORY, tag, arguments=arguments, labels={INSTALLED_LABEL: _installed()}):
        progress(line)
    return tag


def _installed() -> str:
    return f"ray[serve]=={ray_version()}"
