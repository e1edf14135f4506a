"""build-image: the image of head and workers, built here."""

from __future__ import annotations

import click

from ray_watcher.output import terminal
from scaler.providers import require_docker_client


@click.command()
@click.option(
    "--base",
    metavar="IMAGE",
    show_default="python:3.11-slim",
    help="Image to build on: it needs Python 3, its venv module and CA certificates.",
)
@click.option(
    "--tag",
    metavar="NAME:TAG",
    show_default="ray-watcher/ray:<version of Ray>",
    help="Name of the image; another name than the default has to be set as RAY_IMAGE.",
)
def build_image(base: str | None, tag: str | None) -> None:
    """Build the Ray image.

    Builds the Dockerfile that ships with ray-watcher: Ray from PyPI on a base image, for head and workers. start-ray
    uses the image if RAY_IMAGE is not set and the engine does not have the default of that.
    On a Debian machine without a registry, `make ray-image` in a checkout makes the base image too.

    \b
    Example:  ray-watcher build-image --base python:3.12-slim
    """  # noqa: D301  # \b is click's
    require_docker_client()
    from ray_watcher.images.build import BUILD_TIMEOUT_SECONDS, build_ray_image
    from scaler.providers.engine import Engine

    terminal.line(build_ray_image(Engine(BUILD_TIMEOUT_SECONDS), terminal.note, tag=tag, base=base))
