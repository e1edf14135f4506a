"""Output of all commands: coloured tables on a terminal, aligned plain lines or JSON in a pipe.

All output passes through this file. Text from alerts, labels, containers and tasks is escaped, so that a terminal
never acts on it; see `ray_watcher_common.shown`.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ray_watcher_common.shown import shown, shown_in_colour, without_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

GOOD, BUSY, BAD = "green", "yellow", "bold red"
STYLES = {
    **dict.fromkeys(("RUNNING", "IDLE", "running", "up", "done", "inactive"), GOOD),
    **dict.fromkeys(("REQUESTED", "ALLOCATED", "DRAINING", "TERMINATING", "STARTING", "pending", "held"), BUSY),
    **dict.fromkeys(("LAUNCH_FAILED", "JOIN_TIMED_OUT", "FATAL", "BACKOFF", "EXITED", "DEAD"), BAD),
    **dict.fromkeys(("firing", "failed", "down", "exited"), BAD),
}


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def say(line: str = "") -> None:
    """Print one line of the result to standard output."""
    click.echo(shown(line))


def log_line(line: str) -> None:
    """Print one line of a log: on a terminal with its colours, in a pipe without."""
    click.echo(shown_in_colour(line) if on_terminal() else without_colour(line))


def error(message: str) -> None:
    """Print why the command failed to standard error."""
    click.echo(f"{click.style('error:', fg='red')} {_block(message)}", err=True)


def warn(message: str) -> None:
    """Print what the user should know, although the command continues, to standard error."""
    click.echo(f"{click.style('warning:', fg='yellow')} {_block(message)}", err=True)


def note(message: str) -> None:
    """Print progress to standard error, so that a pipe receives results only."""
    click.echo(click.style(_block(message), dim=True), err=True)


def _block(message: str) -> str:
    """Lines after the first are indented: none of them can pass for a message of its own."""
    return "\n  ".join(shown(line) for line in message.split("\n"))


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values, aligned, one pair a line."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {shown(value)}")


def heading(title: str) -> None:
    """Print the title of the following section."""
    click.echo(f"\n{click.style(shown(title), bold=True)}")


def document(value: Any) -> None:
    """Print a value as JSON, for scripts."""
    click.echo(_json(value, indent=2))


def one_line(value: Any) -> None:
    """Print a value as one line of JSON."""
    click.echo(_json(value))


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")  # the one control character that JSON keeps


def styled(cell: str) -> Text:
    """A cell, coloured if it names a state."""
    return Text(shown(cell), style=STYLES.get(cell, ""))


def rich_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """The table as rich draws it; the last column takes the remaining width."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for number, header in enumerate(headers, start=1):
        table.add_column(header, no_wrap=number < len(headers), overflow="fold")
    for row in rows:
        table.add_row(*(styled(cell) for cell in row))
    return table


def plain_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as aligned columns, two blanks apart, without trailing blanks."""
    lines = [[header.upper() for header in headers], *([shown(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table for a terminal or for a pipe."""
    if on_terminal():
        Console().print(rich_table(headers, rows))
    else:
        click.echo(plain_table(headers, rows))


def duration(seconds: float) -> str:
    """Seconds for people: `4.2 s`, `3 min 10 s`, `2 h 5 min`."""
    if seconds < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def count(number: int, noun: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def amount(value: float, resource: str = "") -> str:
    """An amount of a resource: bytes with a unit, anything else as a short number."""
    if "memory" not in resource:
        return f"{value:g}"
    for unit in ("B", "KB", "MB"):
        if value < 1000:  # noqa: PLR2004  # decimal units, as in 1GB
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"
