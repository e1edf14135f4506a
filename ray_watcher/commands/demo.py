"""demo: the whole loop, watched."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import click

from ray_watcher.demo.environment import Ground, forget_settings, make_ground
from ray_watcher.demo.run import run
from ray_watcher.demo.views import View, make_view
from ray_watcher.output import terminal

if TYPE_CHECKING:
    from pathlib import Path

    from ray_watcher.host import Host


@click.command()
@click.option(
    "--provider",
    type=click.Choice(["process", "docker"]),
    default="process",
    show_default=True,
    help="Workers as processes of this machine, or as containers.",
)
@click.option("--keep", is_flag=True, help="Leave everything up at the end, and print where it answers.")
@click.pass_obj
def demo(host: Host, /, provider: str, *, keep: bool) -> None:
    """Show the whole loop, live.

    Pending tasks, alert, new workers, tasks done, workers drained and removed: in under two minutes on 2 cores.
    The demo has its own cluster, directory and ports, so it runs beside whatever else is here; WATCHER_* and RAY_*
    variables do not bend it (only RAY_IMAGE counts, with --provider docker). Nothing is left running, also after a
    failure or Ctrl-C.

    \b
    Example:  ray-watcher demo --provider docker
    """  # noqa: D301  # \b is click's
    forget_settings(os.environ)
    ground = make_ground(provider)
    view = make_view(f"ray-watcher demo ({provider})")
    try:
        ground = _with_image(ground, host, view)
        rows = _watched(ground, host, view, keep=keep)
    except BaseException:
        terminal.note(f"the demo's logs are in {ground.directory}")
        raise
    _tell_end(ground, rows, keep=keep)


def _watched(ground: Ground, host: Host, view: View, *, keep: bool) -> list[list[str]]:
    try:
        return run(ground, host, view, keep=keep)
    finally:
        view.close()


def _with_image(ground: Ground, host: Host, view: View) -> Ground:
    if ground.settings.provider != "docker":
        return ground
    return ground.with_image(host.provide_image(ground.settings, view.step))


def _tell_end(ground: Ground, rows: list[list[str]], *, keep: bool) -> None:
    terminal.heading("Timeline (seconds since the tasks were submitted, by each program's own record)")
    terminal.table(["step", "at s", "after", "by", "what"], rows)
    if not keep:
        ground.clear()
        return
    environment = ground.directory / "environment"
    environment.write_text(ground.environment(), encoding="utf-8")
    terminal.heading("Still up")
    terminal.facts(still_up(ground, environment))


def still_up(ground: Ground, environment: Path) -> list[tuple[str, str]]:
    """Where a demo that was kept answers, and the shell lines to use and to stop it; `environment` is a file."""
    settings, sourced = ground.settings, f". {shlex.quote(str(environment))}"
    return [
        ("Ray dashboard", settings.ray_dashboard_metric_api.removesuffix("/api")),
        ("exporter", f"http://{settings.exporter_listen}"),
        ("Prometheus", f"http://{settings.prometheus_listen}"),
        ("Alertmanager", f"http://{settings.alertmanager_listen}"),
        ("scaler", f"http://{settings.listen}"),
        ("use it", f"{sourced} && ray-watcher load"),
        ("stop it", f"({sourced} && ray-watcher stop-ray) && rm -r {shlex.quote(str(ground.directory))}"),
    ]
