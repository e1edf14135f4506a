"""`python -m tools.images ray` (`make ray-image`) and `python -m tools.images compose` (`make images`).

Progress goes to standard error. Standard output is the Ray image's tag; the names of the images for
docker-compose.yml go into the file of variables that Compose reads.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ray_watcher.errors import WatcherError
from ray_watcher_common.program.settings import SettingsError
from scaler.model.errors import ProviderError
from scaler.providers.engine import Engine
from tools.images import env_file as variables
from tools.images.base import IMPORT_TIMEOUT_SECONDS
from tools.images.compose import build_all, profiles
from tools.images.ray import build_ray


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.command()
@click.argument("which", type=click.Choice(["ray", "compose"]))
@click.option("--env-file", type=click.Path(path_type=Path), default=".env", help="File to write the names to.")
def main(which: str, env_file: Path) -> None:
    """Build the Ray image, or all images that docker-compose.yml names but Grafana's."""
    engine = Engine(IMPORT_TIMEOUT_SECONDS)
    try:
        if which == "ray":
            click.echo(build_ray(engine, _say))
        else:
            _build_compose(engine, env_file)
    except (WatcherError, ProviderError, SettingsError) as error:
        sys.exit(f"error: {error}")


def _build_compose(engine: Engine, path: Path) -> None:
    """Build all, and set their variables in the file. Raises as `build_all`."""
    images = build_all(engine, _say)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    chosen = profiles(engine, text)
    path.write_text(variables.with_values(text, images | {"COMPOSE_PROFILES": chosen}), encoding="utf-8")
    _say(f"set {len(images)} images in {path}" + ("" if chosen else "; Grafana is left out, its image cannot be made"))


if __name__ == "__main__":
    main()
