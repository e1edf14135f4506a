"""`python -m tools.images ray` (`make ray-image`) and `python -m tools.images compose` (`make images`).

Progress goes to standard error. Standard output is the Ray image's tag, or the lines for `.env`.
"""

from __future__ import annotations

import sys

import click

from ray_watcher.errors import WatcherError
from ray_watcher_common.program.settings import SettingsError
from scaler.model.errors import ProviderError
from scaler.providers.engine import Engine
from tools.images.base import IMPORT_TIMEOUT_SECONDS
from tools.images.compose import build_all
from tools.images.ray import build_ray


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.command()
@click.argument("which", type=click.Choice(["ray", "compose"]))
def main(which: str) -> None:
    """Build the Ray image, or all images that docker-compose.yml names but Grafana's."""
    engine = Engine(IMPORT_TIMEOUT_SECONDS)
    try:
        if which == "ray":
            click.echo(build_ray(engine, _say))
        else:
            for variable, image in build_all(engine, _say).items():
                click.echo(f"{variable}={image}")
    except (WatcherError, ProviderError, SettingsError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
