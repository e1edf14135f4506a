"""Output of all commands: coloured tables on a terminal, aligned plain lines or JSON in a pipe.

All output passes through this file. Text from alerts, labels, containers and tasks is escaped, so that a terminal
never acts on it; see `ray_watcher_common.shown`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from ray_watcher.output import layout
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


def line(text: str = "") -> None:
    """Print one line of the result to standard output."""
    click.echo(shown(text))


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
    """Print names and values, aligned, one pair a line; long values are wrapped to the width of the terminal."""
    longest, columns = max(len(name) for name, _ in pairs), width()
    for name, value in pairs:
        room = columns and columns - longest - len(layout.GAP)
        first, *more = layout.wrapped(shown(value), room) or [""]
        click.echo(f"{_bold(name.ljust(longest))}{layout.GAP}{first}")
        for line in more:
            click.echo(f"{' ' * longest}{layout.GAP}{line}")


def commands(pairs: Sequence[tuple[str, str]]) -> None:
    """The same for values that are copied, such as shell commands: never wrapped."""
    longest = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{_bold(name.ljust(longest))}{layout.GAP}{shown(value)}")


def heading(title: str) -> None:
    """Print the title of the following section."""
    click.echo(f"\n{_bold(shown(title))}")


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


def clear() -> None:
    """Clear the terminal; nothing in a pipe."""
    if on_terminal():
        click.clear()


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, folded to the width of the terminal; in a pipe, one line per row."""
    safe = [[shown(cell) for cell in row] for row in rows]
    for line in layout.table(headers, safe, width(), _painted, _bold):
        click.echo(line)


def sentence(text: str, indent: str = "") -> None:
    """Print a sentence, wrapped at blanks to the width of the terminal; in a pipe, on one line."""
    for line in layout.paragraph(shown(text), width(), indent):
        click.echo(line)


def width() -> int | None:
    """Columns of the terminal; None in a pipe."""
    return shutil.get_terminal_size().columns if on_terminal() else None


def _bold(text: str) -> str:
    return click.style(text, bold=True)


def _painted(cell: str) -> str:
    style = "" if os.environ.get("NO_COLOR") else STYLES.get(cell, "")
    return click.style(cell, fg=style.split()[-1], bold=style == BAD) if style else cell


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
