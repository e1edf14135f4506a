"""The Ray image on a base made from this machine's Debian packages: its Python is Debian's `python3`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray_watcher.images.build import build_ray_image, default_tag, is_built
from tools.images.base import BASE_IMAGE, BASE_PACKAGES, build_base

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaler.providers.engine import Engine


def build_ray(engine: Engine, progress: Callable[[str], None]) -> str:
    """Build the Ray image unless the engine has it; returns its tag.

    Raises `MissingError` (not Debian, a package is not installed, no engine), `ProviderError`, `WatcherError`.
    """
    if is_built(engine, default_tag()):
        return default_tag()
    build_base(engine, BASE_IMAGE, BASE_PACKAGES, progress)
    return build_ray_image(engine, progress, base=BASE_IMAGE)
