"""logs-ray: the logs of all parts of the system."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from ray_watcher.commands import completing
from ray_watcher.commands.options import chosen, provider_option
from ray_watcher.errors import NotRunningError
from ray_watcher.operations import inventory
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher.stack.stack import stack_of
from ray_watcher.tail import tail_file
from ray_watcher_common.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.shell_completion import CompletionItem

    from ray_watcher.host import Host

PROGRAMS = ("exporter", "scaler", "prometheus", "alertmanager", "grafana")
SERVICES = "head|worker-N|exporter|scaler|prometheus|alertmanager|grafana"


class Service(click.ParamType[str]):
    """A part of the system that has a log."""

    name = "service"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The service's name, checked."""
        if value == "head" or value in PROGRAMS or re.fullmatch(r"worker-\d+(-[0-9a-f]{6})?", value):
            return str(value)
        return self.fail(f"got {value!r}, wanted {SERVICES}", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The head, the workers that run, and the watcher's programs."""
        del param
        return completing.beginning(("head", *PROGRAMS), incomplete) + completing.workers(ctx, incomplete)


@click.command()
@click.option(
    "--service",
    type=Service(),
    default="head",
    show_default=True,
    metavar=SERVICES,
    help="Component whose log to print.",
)
@click.option(
    "--tail",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Number of lines, from the end of the log.",
)
@click.option("--follow", "-f", is_flag=True, help="Print new lines until Ctrl-C.")
@provider_option
@click.pass_obj
def logs_ray(host: Host, /, service: str, tail: int, *, follow: bool, **given: Any) -> None:
    """Print the log of a component.

    On a terminal, colours in the log are kept; other control sequences are shown as text.

    \b
    Example:  ray-watcher logs-ray --service worker-1 --follow
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    for line in _lines(host, settings, service, tail, follow=follow):
        terminal.log_line(line)


def _lines(host: Host, settings: OperatorSettings, service: str, tail: int, *, follow: bool) -> Iterator[str]:
    if service in PROGRAMS:
        return _program_lines(host, settings, service, tail, follow=follow)
    cluster = host.running_cluster(settings)
    if service == "head":
        return cluster.head_logs(tail=tail, follow=follow)
    worker = inventory.look(host, cluster, settings).named(service)
    return cluster.provider.logs(worker.worker_id, tail=tail, follow=follow)


def _program_lines(host: Host, settings: OperatorSettings, program: str, tail: int, *, follow: bool) -> Iterator[str]:
    stack = stack_of(settings)
    log = stack.log(program)
    if not log.exists():
        for found in host.program_containers(settings.cluster):
            if found.name == program:
                return found.lines(tail=tail, follow=follow)
        if program not in stack.listens:
            raise NotRunningError(
                f"{program} runs only under Docker Compose, and cluster '{settings.cluster}' has no such container"
            )
        raise NotRunningError(
            f"{program} has no log in {stack.directory}: the watcher has not been started with this state directory"
        )
    return tail_file(log, tail, follow=follow)
