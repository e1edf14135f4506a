"""What commands print: coloured tables on a terminal, aligned plain lines or JSON in a pipe."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

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
    """Whether a person watches standard output."""
    return sys.stdout.isatty()


def say(line: str = "") -> None:
    """One line of result on standard output."""
    click.echo(line)


def warn(message: str) -> None:
    """What the user should know though the command goes on, on standard error."""
    click.echo(f"{click.style('warning:', fg='yellow')} {message}", err=True)


def note(message: str) -> None:
    """What is going on meanwhile, on standard error: results stay clean in a pipe."""
    click.echo(click.style(message, dim=True), err=True)


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Names and values, one a line, aligned."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {value}")


def heading(title: str) -> None:
    """The title of what follows."""
    click.echo(f"\n{click.style(title, bold=True)}")


def document(value: Any) -> None:
    """A value as JSON, for scripts."""
    click.echo(json.dumps(value, indent=2))


def one_line(value: Any) -> str:
    """A value as one line of JSON."""
    return json.dumps(value)


def styled(cell: str) -> Text:
    """A cell, coloured where its word is a state."""
    return Text(cell, style=STYLES.get(cell, ""))


def rich_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """The table as rich draws it; the last column takes what room is left."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for number, header in enumerate(headers, start=1):
        table.add_column(header, no_wrap=number < len(headers), overflow="fold")
    for row in rows:
        table.add_row(*(styled(cell) for cell in row))
    return table


def plain_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as aligned columns, two blanks apart, without trailing blanks."""
    lines = [[header.upper() for header in headers], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table in the form that suits who reads it."""
    if on_terminal():
        Console().print(rich_table(headers, rows))
    else:
        click.echo(plain_table(headers, rows))


def duration(seconds: float) -> str:
    """Seconds as people say them: `4.2 s`, `3 min 10 s`, `2 h 5 min`."""
    if seconds < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def count(number: int, noun: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def amount(value: float, resource: str = "") -> str:
    """An amount of a resource: bytes with their unit, all else as a short number."""
    if "memory" not in resource:
        return f"{value:g}"
    for unit in ("B", "KB", "MB"):
        if value < 1000:  # noqa: PLR2004  # decimal units, as in 1GB
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"
