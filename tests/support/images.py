"""Images that several tests need: whoever comes first builds one, and others wait for it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ray_watcher.images.provide import build_with_tools
from ray_watcher_common.host.locks import exclusive
from support.paths import ROOT
from tools.images.base import build_base

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from scaler.providers.engine import Engine

TINY_IMAGE = "ray-watcher/base:test"
BUILD_SECONDS = 280.0


def ray_image() -> str:
    """The image of head and workers; not a pull of two gigabytes, even if a registry can be reached."""
    with one_at_a_time():
        return build_with_tools(ROOT, print)


def tiny_image(engine: Engine) -> str:
    """An image with a shell."""
    with one_at_a_time():
        if engine.image_labels(TINY_IMAGE) is None:
            build_base(engine, TINY_IMAGE, ["dash", "coreutils"], lambda _line: None, essential=False)
    return TINY_IMAGE


def one_at_a_time() -> AbstractContextManager[None]:
    return exclusive(Path(tempfile.gettempdir()) / f"ray-watcher-tests-{os.getuid()}-images.lock", BUILD_SECONDS)
