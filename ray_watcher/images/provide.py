"""The image of head and workers, obtained before it is needed: the engine has it, a registry has it, or it is built.

On a machine without a registry a checkout can build it: `tools/images` makes a base image from the Debian packages that
are installed here. No wheel has these tools, so they run as a program of their own.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from ray_watcher.errors import MissingError, WatcherError
from ray_watcher.images.build import default_tag
from ray_watcher_common.shipped import checkout
from scaler.model.errors import ProviderError, ProviderUnavailableError
from scaler.providers.engine import Engine, missing_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PULL_TIMEOUT_SECONDS = 300  # between two lines of a pull


def provide_image(named: str, progress: Callable[[str], None], engine: Engine | None = None, *, chosen: bool) -> str:
    """The image to use: `named`, or, unless a user has `chosen` that, one that was or is built here.

    `progress` gets a line at a time. Raises `MissingError`, `WatcherError`.
    """
    engine = engine or Engine(PULL_TIMEOUT_SECONDS)
    try:
        if image := image_here(named, engine, chosen=chosen):
            return image
        progress(f"pulling {named}, which is large")
        for line in engine.pull(named):
            progress(line)
    except ProviderUnavailableError as error:
        raise MissingError(str(error)) from error
    except ProviderError as error:
        if chosen or not (root := checkout_with_tools()):
            raise MissingError(f"{missing_image(named)} ({error})") from error
        progress(f"{error}; building an image instead")
        return build_with_tools(root, progress)
    return named


def image_here(named: str, engine: Engine, *, chosen: bool) -> str | None:
    """The image that the engine has: `named`, or, unless a user has `chosen` that, one that was built here."""
    names = [named] if chosen else [named, default_tag()]
    return next((name for name in names if engine.image_labels(name) is not None), None)


def checkout_with_tools() -> Path | None:
    """The root of the checkout that this program runs from, if it has the tools that build images."""
    root = checkout()
    return root if root and (root / "tools" / "images").is_dir() else None


def build_with_tools(root: Path, progress: Callable[[str], None]) -> str:
    """Build the image with the tools of the checkout `root`; returns its tag. Raises `WatcherError`."""
    command = [sys.executable, "-m", "tools.images", "ray"]
    line = ""
    with subprocess.Popen(  # noqa: S603  # our own program
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as tool:
        try:
            for line in map(str.rstrip, tool.stdout or ()):
                progress(line)
        except BaseException:
            tool.terminate()
            raise
    if tool.returncode:
        raise WatcherError(f"no image was built: {line.removeprefix('error: ')}")
    return line  # the last one is its tag
