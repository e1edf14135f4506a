"""demo: the whole loop, watched."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

import click

from watcher import output
from watcher.demo.ground import Ground, forget_settings, make_ground
from watcher.demo.run import run, table
from watcher.demo.views import View, make_view
from watcher.host import Host, local_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from watcher.demo.timeline import Record


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
    with _terminated_like_interrupted():
        _demo(host, provider, keep=keep)


def _demo(host: Host, provider: str, *, keep: bool) -> None:
    ground = make_ground(provider)
    view = make_view(f"ray-watcher demo ({provider})")
    try:
        ground = _with_image(ground, view)
        record = _watched(ground, host, view, keep=keep)
        rows = table(record)
    except BaseException:
        output.note(f"the demo's logs are in {ground.directory}")
        raise
    _tell_end(ground, rows, keep=keep)


def _watched(ground: Ground, host: Host, view: View, *, keep: bool) -> Record:
    try:
        return run(ground, host, view, keep=keep)
    finally:
        view.close()


def _with_image(ground: Ground, view: View) -> Ground:
    if ground.settings.provider != "docker":
        return ground
    from watcher.images import build_ray_image

    image = local_image(ground.settings)
    if image is None:
        view.step(f"no image {ground.settings.image} here; building one from this machine's own packages")
        image = build_ray_image(None, view.step)
    return ground.with_image(image)


def _tell_end(ground: Ground, rows: list[list[str]], *, keep: bool) -> None:
    output.heading("Timeline (seconds since the tasks were submitted, by each program's own record)")
    output.table(["step", "at s", "after", "by", "what"], rows)
    if not keep:
        ground.clear()
        return
    settings = ground.settings
    environment = ground.directory / "environment"
    environment.write_text(ground.environment(), encoding="utf-8")
    output.heading("Still up")
    output.facts(
        [
            ("Ray dashboard", settings.ray_dashboard_metric_api.removesuffix("/api")),
            ("exporter", f"http://{settings.exporter_listen}"),
            ("Prometheus", f"http://{settings.prometheus_listen}"),
            ("Alertmanager", f"http://{settings.alertmanager_listen}"),
            ("scaler", f"http://{settings.listen}"),
            ("use it", f". {environment} && ray-watcher load"),
            ("stop it", f"(. {environment} && ray-watcher stop-ray) && rm -r {ground.directory}"),
        ]
    )


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM cleans up as Ctrl-C does."""

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
