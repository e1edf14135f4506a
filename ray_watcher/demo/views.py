"""Views of a demo: a live picture on a terminal, plain lines in a pipe. Both show the same changes.

Reasons and names go to rich as `Text`: in a plain string rich would interpret markup.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ray_watcher.demo.scene import Scene, changes
from ray_watcher.output import terminal
from ray_watcher_common.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

SHOWN_WORKERS = 8
BAR_WIDTH = 30
LABEL_WIDTH = 10


class View(Protocol):
    """A view of the demo."""

    def step(self, text: str) -> None:
        """Show what the demo is doing now."""

    def show(self, scene: Scene) -> None:
        """Show the current state of the loop."""

    def close(self) -> None:
        """End the view."""


class PlainView:
    """One line per change, with the seconds since the start."""

    def __init__(self, write: Callable[[str], None] = terminal.line, *, figures: bool = True) -> None:
        self._write = write
        self._figures = figures
        self._started = time.monotonic()
        self._last = Scene()

    def step(self, text: str) -> None:
        """One line."""
        self._write(f"{time.monotonic() - self._started:6.1f} s  {text}")

    def show(self, scene: Scene) -> None:
        """A line for each change."""
        for line in changes(self._last, scene, figures=self._figures):
            self.step(line)
        self._last = scene

    def close(self) -> None:
        """Nothing to end."""


class LiveView:
    """Changes scroll above a live picture of the loop."""

    def __init__(self, title: str, console: Console | None = None) -> None:
        self._console = console or Console()
        self._title = title
        self._scene = Scene()
        self._started = time.monotonic()
        self._lines = PlainView(self._above, figures=False)  # the picture shows them
        self._live = Live(get_renderable=self._picture, console=self._console, refresh_per_second=4, transient=True)
        self._live.start()

    def step(self, text: str) -> None:
        """One line above the picture."""
        self._lines.step(text)

    def show(self, scene: Scene) -> None:
        """Update the picture, and print the changes above it."""
        self._lines.show(scene)
        self._scene = scene

    def close(self) -> None:
        """Remove the picture; the lines stay."""
        self._live.stop()

    def _above(self, line: str) -> None:
        self._console.print(Text(shown(line), style="bold" if "decision:" in line else ""))

    def _picture(self) -> Panel:
        scene = self._scene
        seconds = time.monotonic() - self._started
        return Panel(
            Group(_gauges(scene), Text(), _words(scene)),
            title=f"{self._title}   {seconds:.0f} s",
            border_style="cyan",
        )


def make_view(title: str) -> View:
    """The view that suits standard output."""
    return LiveView(title) if sys.stdout.isatty() else PlainView()


def _gauges(scene: Scene) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row(
        "pending", _bar(scene.pending or 0, scene.tasks), "?" if scene.pending is None else str(scene.pending)
    )
    table.add_row("CPUs busy", _bar(scene.cpus_used, scene.cpus_total), f"{scene.cpus_used:g} of {scene.cpus_total:g}")
    table.add_row("tasks finished", _bar(scene.finished, scene.tasks), f"{scene.finished} of {scene.tasks}")
    return table


def _bar(value: float, total: float) -> ProgressBar:
    return ProgressBar(total=max(total, value, 1), completed=value, width=BAR_WIDTH)


def _words(scene: Scene) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=LABEL_WIDTH)
    table.add_row("alerts", _states(scene.alerts))
    table.add_row("decision", Text(shown(scene.decision)) if scene.decision else Text("none", style="dim"))
    table.add_row("workers", _states(scene.workers[:SHOWN_WORKERS]))
    return table


def _states(named: tuple[tuple[str, str], ...]) -> Table | Text:
    if not named:
        return Text("none", style="dim")
    table = Table.grid(padding=(0, 2))
    for name, state in named:
        table.add_row(terminal.styled(name), terminal.styled(state))
    return table
