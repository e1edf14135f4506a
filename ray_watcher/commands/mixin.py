"""mixin: rules and dashboards as files, with names and links of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from ray_watcher.mixin.config import Config, read
from ray_watcher.mixin.files import files
from ray_watcher.output import terminal


@click.command()
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file with names, links and thresholds [default: as shipped].",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default="mixin", show_default=True, help="Directory."
)
def mixin(config_file: Path | None, out: Path) -> None:
    """Write rules and dashboards with your own names.

    They are those of ray-watcher with the cluster label, jobs, links and thresholds of the file: docs/mixin.md.

    \b
    Example:  ray-watcher mixin --config mixin.yml --out mixin
    """  # noqa: D301  # the \b keeps the line breaks of a paragraph in click
    config = read(config_file) if config_file else Config()
    for name, text in files(config).items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        terminal.line(f"wrote {path}")
