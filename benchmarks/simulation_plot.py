"""The simulated day as one picture: workers and demand over the day, and how long tasks waited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.simulation_day import Result

COLOURS = ("#0b6e4f", "#4caf7d", "#a5d6b7", "#c1440e", "#e9a178", "#3f5aa9", "#9a9a9a")
LEAST_WAIT_SECONDS = 0.1  # where the axis of waits begins: below, nobody notices
POINTS = 400  # of a wait curve: more would not be seen


def draw(title: str, runs: Sequence[tuple[str, Result, bool]], path: Path, cpus: int) -> None:
    """Write the picture to `path`; `cpus` is what a worker has.

    A run is its name, its result, and whether its workers are drawn over the day.
    """
    coloured = [(name, result, COLOURS[i % len(COLOURS)]) for i, (name, result, _) in enumerate(runs)]
    figure, (day, waits) = plt.subplots(2, 1, figsize=(10, 8.5), height_ratios=(3, 2), layout="constrained")
    _draw_day(day, [one for one, (*_, drawn) in zip(coloured, runs, strict=True) if drawn], cpus)
    _draw_waits(waits, coloured)
    for axes in (day, waits):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#000000", alpha=0.08)
    figure.suptitle(title, fontsize=10, color="#444444")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_day(axes: Axes, runs: Sequence[tuple[str, Result, str]], cpus: int) -> None:
    """Workers of each above what runs and waits with the first of them, in workers."""
    for name, result, _ in runs[:1]:
        hours = [sample.at / 3600 for sample in result.samples]
        needed = [(sample.busy_cpus + sample.waiting_cpus) / cpus for sample in result.samples]
        label = f"needed for what runs and waits ({name})"
        axes.fill_between(hours, needed, color="#000000", alpha=0.13, lw=0, label=label)
        axes.set_ylim(0, 1.2 * max(one.most_workers for _, one, _ in runs))
        axes.set_xlim(0, hours[-1])
        axes.xaxis.set_major_locator(MaxNLocator(12, steps=[1, 2, 4, 10]))
    for depth, (name, result, colour) in enumerate(runs):  # the first on top
        hours = [sample.at / 3600 for sample in result.samples]
        workers = [sample.workers for sample in result.samples]
        axes.plot(hours, workers, color=colour, lw=1.0, label=name, zorder=9 - depth)
    axes.set(ylabel="workers", xlabel="hour of the day")
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper left")


def _draw_waits(axes: Axes, runs: Sequence[tuple[str, Result, str]]) -> None:
    """The share of tasks that waited longer than so many seconds, both on log axes."""
    for name, result, colour in runs:
        most = max(LEAST_WAIT_SECONDS * 2, result.wait(1.0))
        at = [LEAST_WAIT_SECONDS * (most / LEAST_WAIT_SECONDS) ** (i / POINTS) for i in range(POINTS)]
        longer = [result.share_over(seconds) * 100 or float("nan") for seconds in at]
        axes.plot(at, longer, color=colour, lw=1.6, label=name)
    axes.set(xscale="log", yscale="log", xlabel="seconds", ylabel="% of tasks that waited longer")
    axes.set_xlim(left=LEAST_WAIT_SECONDS)
    axes.set_ylim(0.001, 100)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
