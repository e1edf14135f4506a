"""Charts as SVG files, on logarithmic axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.report import Chart

SIZE_INCHES = (7.2, 4.2)
COLOURS = ("#0b62a8", "#c62828", "#2e7d32", "#8a5300", "#6a1b9a", "#5b6b7b")


def draw(chart: Chart, path: Path) -> None:
    """Write `chart` to `path`; the same chart gives the same file."""
    import matplotlib as mpl  # slow to import, and only a whole run draws
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": chart.name, "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=SIZE_INCHES, layout="constrained")
        axes = figure.subplots()
        for (name, points), colour in zip(chart.curves.items(), COLOURS * len(chart.curves), strict=False):
            axes.plot(
                [x for x, _ in points], [y for _, y in points], marker="o", markersize=4, color=colour, label=name
            )
        axes.set(xscale="log", yscale="log", xlabel=chart.x, ylabel=chart.y, title=chart.title)
        axes.grid(visible=True, which="major", color="#d9e0e6")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
