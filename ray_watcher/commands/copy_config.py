"""copy-config: the shipped configuration of Prometheus and Alertmanager as files to change."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from ray_watcher.errors import WatcherError
from ray_watcher.output import terminal
from ray_watcher.settings import variable
from ray_watcher.stack.monitoring import SHIPPED_DIRECTORY

PARTS = ("alertmanager.yml", "prometheus.yml", "rules")


@click.command()
@click.argument("directory", metavar="DIRECTORY", type=click.Path(path_type=Path, file_okay=False))
def copy_config(directory: Path) -> None:
    """Copy alert rules and configuration to change them.

    Copies prometheus.yml, alertmanager.yml and rules/ into DIRECTORY, which must be new or empty. start-watcher and
    check-config use them if WATCHER_PROMETHEUS_DIR names the directory. After an upgrade, compare them with a new
    copy.

    \b
    Example:  ray-watcher copy-config ~/ray-alerts
    """  # noqa: D301  # the \b keeps the line breaks of a paragraph in click
    if directory.is_dir() and any(directory.iterdir()):
        raise WatcherError(f"{directory} is not empty; name a new directory")
    directory.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        source = SHIPPED_DIRECTORY / name
        if source.is_dir():
            shutil.copytree(source, directory / name)
        else:
            shutil.copyfile(source, directory / name)
    terminal.line(f"copied to {directory}; use it with: export {variable('prometheus_dir')}={directory.absolute()}")
