"""build-image: the Ray image, where no registry has one."""

from __future__ import annotations

import click

from ray_watcher.output import terminal


@click.command()
@click.option(
    "--tag", metavar="NAME:TAG", show_default="ray-watcher/ray:<version of Ray here>", help="The image's name."
)
def build_image(tag: str | None) -> None:
    """Build the Ray image here.

    Made of this machine's own Debian packages and Ray from PyPI, for head and workers.
    start-ray does this by itself where RAY_IMAGE is not set and no registry has its default.

    \b
    Example:  ray-watcher build-image
    """  # noqa: D301  # \b is click's
    from ray_watcher.images.build import build_ray_image

    terminal.say(build_ray_image(tag, terminal.note))
