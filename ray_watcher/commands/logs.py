"""logs-ray: the logs of all parts of the system."""

from __future__ import annotations

import contextlib
import math
import queue
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import click

from ray_watcher.commands import completing
from ray_watcher.commands.options import chosen, provider_option
from ray_watcher.errors import NotRunningError, WatcherError
from ray_watcher.operations import inventory
from ray_watcher.output import terminal
from ray_watcher.output.merging import Merger
from ray_watcher.settings import OperatorSettings
from ray_watcher.stack.stack import stack_of
from ray_watcher.tail import tail_file
from ray_watcher_common.program.settings import load
from scaler.model.errors import ScalerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from click.shell_completion import CompletionItem

    from ray_watcher.host import Host

BATCH_SECONDS = 0.2  # lines that arrive closer together are put in the order of their times
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
@click.option("--service", type=Service(), metavar=SERVICES, help="Component whose log to print.  [default: all]")
@click.option(
    "--tail", type=click.IntRange(min=0), default=100, show_default=True, help="Number of last lines per log."
)
@click.option("--follow", "-f", is_flag=True, help="Print new lines until Ctrl-C.")
@provider_option
@click.pass_obj
def logs_ray(host: Host, /, service: str | None, tail: int, *, follow: bool, **given: Any) -> None:
    """Print the log of one component, or of all.

    The logs of all components are merged by time, each line with its component. On a terminal, colours in the log
    are kept; other control sequences are shown as text.

    \b
    Example:  ray-watcher logs-ray --service worker-1 --follow
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    if service:
        for line in _lines(host, settings, service, tail, follow=follow):
            terminal.log_line(line)
        return
    logs = _all(host, settings, tail, follow=follow)
    width = max(map(len, logs))
    for batch in _batches(logs, BATCH_SECONDS if follow else None):
        for part, line in batch:
            terminal.log_line(f"{part.ljust(width)} | {line}")


def _all(host: Host, settings: OperatorSettings, tail: int, *, follow: bool) -> dict[str, Iterator[str]]:
    """The log of each component that has one. Raises `NotRunningError` if there is none."""
    logs = {}
    for program in PROGRAMS:
        with contextlib.suppress(NotRunningError):
            logs[program] = _program_lines(host, settings, program, tail, follow=follow)
    try:
        cluster = host.running_cluster(settings)
    except NotRunningError:
        if not logs:
            raise
        return logs
    with contextlib.suppress(NotRunningError):
        logs["head"] = cluster.head_logs(tail=tail, follow=follow)
    for worker in cluster.provider.list():
        logs[worker.worker_id] = cluster.provider.logs(worker.worker_id, tail=tail, follow=follow)
    return logs


def _batches(logs: Mapping[str, Iterator[str]], seconds: float | None) -> Iterator[list[tuple[str, str]]]:
    """The lines of all logs, ordered by time within every `seconds`; None: all lines at once."""
    found: queue.SimpleQueue[tuple[str, str | None]] = queue.SimpleQueue()
    for part, lines in logs.items():
        threading.Thread(target=_read, args=(part, lines, found), daemon=True).start()
    merger, running = Merger(), len(logs)
    while running:
        batch, ended = _batch(found, running, seconds)
        running -= ended
        yield merger.merged(batch)


def _batch(
    found: queue.SimpleQueue[tuple[str, str | None]], running: int, seconds: float | None
) -> tuple[list[tuple[str, str]], int]:
    """The lines of the next `seconds`, or until `running` logs have ended; and how many have."""
    batch: list[tuple[str, str]] = []
    ended, deadline = 0, math.inf if seconds is None else time.monotonic() + seconds
    with contextlib.suppress(queue.Empty):
        while ended < running and (left := deadline - time.monotonic()) > 0:
            part, line = found.get(timeout=None if seconds is None else left)
            if line is None:
                ended += 1
            else:
                batch.append((part, line))
    return batch, ended


def _read(part: str, lines: Iterator[str], found: queue.SimpleQueue[tuple[str, str | None]]) -> None:
    """Put each line into the queue, then None; a log that breaks off ends with the reason."""
    try:
        for line in lines:
            found.put((part, line))
    except (WatcherError, ScalerError, OSError) as error:
        found.put((part, f"log not readable: {error}"))
    finally:
        found.put((part, None))


def _lines(host: Host, settings: OperatorSettings, service: str, tail: int, *, follow: bool) -> Iterator[str]:
    if service in PROGRAMS:
        return _program_lines(host, settings, service, tail, follow=follow)
    cluster = host.running_cluster(settings)
    if service == "head":
        return cluster.head_logs(tail=tail, follow=follow)
    worker = inventory.look(host, cluster, settings).named(service)
    return cluster.provider.logs(worker.worker_id, tail=tail, follow=follow)


def _program_lines(host: Host, settings: OperatorSettings, program: str, tail: int, *, follow: bool) -> Iterator[str]:
    """The log of what runs: a container of Compose comes before the file that an earlier process left."""
    stack = stack_of(settings)
    log = stack.log(program)
    if not (log.exists() and stack.supervisor.state().running):
        for found in host.program_containers(settings.cluster):
            if found.name == program:
                return found.lines(tail=tail, follow=follow)
    if log.exists():
        return tail_file(log, tail, follow=follow)
    if program not in stack.listens:
        raise NotRunningError(
            f"{program} runs only under Docker Compose, and cluster '{settings.cluster}' has no such container"
        )
    raise NotRunningError(
        f"{program} has no log in {stack.directory}: the watcher has not been started with this state directory"
    )
