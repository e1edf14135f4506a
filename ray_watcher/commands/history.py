"""history: past actions and held actions, and the size of the pool over time."""

from __future__ import annotations

import re
import shutil
import time
from typing import TYPE_CHECKING, Any

import click

from ray_watcher.commands import completing
from ray_watcher.commands.options import chosen, json_option, url_option
from ray_watcher.errors import NotRunningError
from ray_watcher.fetch import UnreachableError, get_json
from ray_watcher.output import history as output
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.settings import load
from scaler.journal.history import MAX_ENTRIES, RELOAD, Question
from scaler.model.decision import Cause
from scaler.model.workers import ActionKind
from scaler.recording.file import read_history

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ray_watcher.host import Host

UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
WORKER = re.compile(r"(?:worker-)?(\d+)(-[0-9a-f]{6})?")
SCALE_COLUMNS = 14  # the scale, left of the chart
WIDEST_CHART = 100


class Span(click.ParamType[float]):
    """A time span, in seconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds of `90s`, `15m`, `1h` or `2d`."""
        match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smhd])", str(value))
        if match is None or not float(match[1]):
            return self.fail(f"got {value!r}, wanted a time span such as 90s, 15m, 1h or 2d", param, ctx)
        return float(match[1]) * UNIT_SECONDS[match[2]]


class WorkerName(click.ParamType[str]):
    """A worker: its id, `worker-N`, or N."""

    name = "worker"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id, or `worker-N` for all workers that had this number."""
        match = WORKER.fullmatch(str(value))
        if match is None:
            return self.fail(f"got {value!r}, wanted worker-N, N, or a worker's id", param, ctx)
        return f"worker-{match[1]}{match[2] or ''}"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The workers that run."""
        del param
        return completing.workers(ctx, incomplete)


@click.command()
@click.option(
    "--since",
    type=Span(),
    default="1h",
    show_default=True,
    metavar="SPAN",
    help="Time span to show, for example 15m, 1h, 2d.",
)
@click.option(
    "--action",
    type=click.Choice([*(kind.value for kind in ActionKind), RELOAD]),
    help="Show only this kind of action; reload: changes of the configuration.",
)
@click.option(
    "--cause",
    type=click.Choice([cause.value for cause in Cause]),
    metavar="CAUSE",
    help="Show only this cause, for example cooldown.",
)
@click.option("--worker", type=WorkerName(), metavar="worker-N", help="Show only this worker.")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_ENTRIES),
    default=50,
    show_default=True,
    metavar="N",
    help="Maximum number of rows.",
)
@url_option
@json_option
@click.option(
    "--plot/--no-plot", default=None, help="Plot workers and pending requests over time.  [default: on a terminal]"
)
@click.pass_obj
def history(
    host: Host, /, since: float, limit: int, *, as_json: bool, plot: bool | None, url: str | None, **filters: str | None
) -> None:
    """Show past actions with their reasons.

    Lists actions, held actions, infeasible requests and reloads, newest first, then plots workers and pending
    requests over time. Asks the running scaler; if it does not answer, reads its journal.

    \b
    Example:  ray-watcher history --since 2h --action launch
    """  # noqa: D301  # \b is click's
    settings, now = load(OperatorSettings, **chosen({"url": url})), time.time()
    question = Question(now - since, limit, filters["action"], filters["cause"], filters["worker"])
    found = _ask(host, settings, question, now)
    if as_json:
        terminal.document(found)
    else:
        with_plot = terminal.on_terminal() if plot is None else plot
        width = min(WIDEST_CHART, shutil.get_terminal_size().columns - SCALE_COLUMNS)
        output.show(found, with_plot=with_plot, width=max(width, 1))


def _ask(host: Host, settings: OperatorSettings, question: Question, now: float) -> dict[str, Any]:
    """The scaler's answer, or the content of its journal. Raises `NotRunningError`, `JournalError`."""
    asked = {name: str(value) for name, value in vars(question).items() if value is not None}
    try:
        answer: dict[str, Any] = get_json(f"{host.scaler_url(settings)}/api/v1/history", asked)
    except UnreachableError as error:
        if settings.url:
            raise NotRunningError(str(error)) from None
        if not settings.journal_file.exists():
            raise NotRunningError(f"{error}, and there is no journal {settings.journal_file}") from None
        terminal.note(f"scaler not responding, reading {settings.journal_file}")
        return read_history(settings.journal_file, question, now)
    return answer
