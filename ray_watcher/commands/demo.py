"""demo: run the whole loop and show it."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import click

from ray_watcher.demo.environment import Environment, forget_settings, make_environment
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
    help="Run workers as processes of this machine or as containers.",
)
@click.option("--keep", is_flag=True, help="Leave everything running at the end and print the addresses.")
@click.pass_obj
def demo(host: Host, /, provider: str, *, keep: bool) -> None:
    """Run the whole loop once and show it live.

    Pending tasks, alert, new workers, finished tasks, drained and removed workers: in under two minutes on 2 cores.
    The demo uses its own cluster, directory and ports and does not affect other clusters. It ignores WATCHER_* and
    RAY_* variables, except RAY_IMAGE with --provider docker. It stops everything that it started, also after a
    failure or Ctrl-C.

    \b
    Example:  ray-watcher demo --provider docker
    """  # noqa: D301  # \b is click's
    forget_settings(os.environ)
    environment = make_environment(provider)
    view = make_view(f"ray-watcher demo ({provider})")
    try:
        environment = _with_image(environment, host, view)
        rows = _watched(environment, host, view, keep=keep)
    except BaseException:
        terminal.note(f"logs of the demo: {environment.directory}")
        raise
    _show_end(environment, rows, keep=keep)


def _watched(environment: Environment, host: Host, view: View, *, keep: bool) -> list[list[str]]:
    try:
        return run(environment, host, view, keep=keep)
    finally:
        view.close()


def _with_image(environment: Environment, host: Host, view: View) -> Environment:
    if environment.settings.provider != "docker":
        return environment
    return environment.with_image(host.provide_image(environment.settings, view.step))


def _show_end(environment: Environment, rows: list[list[str]], *, keep: bool) -> None:
    terminal.heading("Timeline (seconds since the tasks were submitted, as recorded by each program)")
    terminal.table(["step", "at s", "after s", "recorded by", "detail"], rows)
    if not keep:
        environment.clear()
        return
    file = environment.directory / "environment"
    file.write_text(environment.exports(), encoding="utf-8")
    terminal.heading("Still running")
    terminal.commands(still_up(environment, file))


def still_up(environment: Environment, file: Path) -> list[tuple[str, str]]:
    """Addresses of a kept demo, and shell lines to use and to stop it; `file` holds its settings."""
    settings, sourced = environment.settings, f". {shlex.quote(str(file))}"
    return [
        ("Ray dashboard", settings.ray_dashboard_metric_api.removesuffix("/api")),
        ("exporter", f"http://{settings.exporter_listen}"),
        ("Prometheus", f"http://{settings.prometheus_listen}"),
        ("Alertmanager", f"http://{settings.alertmanager_listen}"),
        ("scaler", f"http://{settings.listen}"),
        ("use it", f"{sourced} && ray-watcher load"),
        ("stop it", f"({sourced} && ray-watcher stop-ray) && rm -r {shlex.quote(str(environment.directory))}"),
    ]
