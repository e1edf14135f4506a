"""One function for each kind of panel; each draws into a box of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import dates

from grafana.preview.theme import (
    EDGE,
    GRID,
    MUTED,
    PALETTE,
    PANEL,
    TEXT,
    colour,
    defaults,
    overrides,
    threshold_colour,
    word,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from grafana.panel_data import Moment, Series

MOST_NAMES = 6
NOTHING = 1e-9
FEWEST_ROWS = 3
SMALLEST_SCALE = 1e-3
FIRST_COLUMN = 1.7  # as wide as so many others
SMALL, NORMAL, BIG = 7, 8, 22


@dataclass(frozen=True)
class Box:
    """A panel's place on the page, in inches from the lower left corner."""

    figure: Figure
    left: float
    bottom: float
    width: float
    height: float

    def axes(self, left: float, bottom: float, right: float, top: float) -> Axes:
        """Axes inside the box, with these margins in inches."""
        across, up = self.figure.get_size_inches()
        place = (self.left + left) / across, (self.bottom + bottom) / up
        size = (self.width - left - right) / across, (self.height - bottom - top) / up
        axes = self.figure.add_axes((*place, *size))
        axes.set_facecolor(PANEL)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.tick_params(colors=MUTED, labelsize=SMALL, length=0)
        return axes

    def blank(self) -> Axes:
        """Axes over the whole box below its title, without any scale."""
        axes = self.axes(0.12, 0.08, 0.12, 0.36)
        axes.set_axis_off()
        return axes


@dataclass(frozen=True)
class Answered:
    """A panel with the answers to its queries by `refId`, when it was asked, and events as (time, colour)."""

    panel: dict[str, Any]
    answers: dict[str, list[Series]]
    moment: Moment
    events: Sequence[tuple[float, str]] = ()

    @property
    def series(self) -> list[Series]:
        """All series of all queries."""
        return [one for found in self.answers.values() for one in found]

    def grid(self, one: Series) -> NDArray[np.float64]:
        """A series' values at each step, NaN where it has none."""
        at = np.array([round((when - self.moment.start) / self.moment.step) for when, _ in one.points], dtype=int)
        values = np.full(self.steps.size, np.nan)
        values[at] = [value for _, value in one.points]
        return values

    @property
    def steps(self) -> NDArray[np.float64]:
        """Every time that was asked for, in Matplotlib's days."""
        count = int((self.moment.end - self.moment.start) / self.moment.step) + 1
        return np.asarray((self.moment.start + self.moment.step * np.arange(count)) / 86400)


def draw(box: Box, shown: Answered) -> None:
    """The panel by its kind."""
    kinds = {
        "stat": _stat,
        "timeseries": _timeseries,
        "state-timeline": _timeline,
        "heatmap": _heatmap,
        "table": _table,
        "bargauge": _gauges,
    }
    kinds[shown.panel["type"]](box, shown)


def _nothing(box: Box, text: str = "none") -> None:
    box.blank().text(0.5, 0.55, text, color=MUTED, fontsize=10, ha="center", va="center")


def _stat(box: Box, shown: Answered) -> None:
    latest = [(one, one.points[-1][1]) for one in shown.series if not np.isnan(one.points[-1][1])]
    if not latest:
        _nothing(box)
        return
    look = defaults(shown.panel)
    if shown.panel["options"]["graphMode"] == "area":
        _sparkline(box, shown, latest[0][0])
    axes = box.blank()
    for number, (one, value) in enumerate(latest):
        text, tint = word(shown.panel, value) or (
            written(value, look["unit"], look.get("decimals")),
            threshold_colour(look["thresholds"]["steps"], value),
        )
        middle = (number + 0.5) / len(latest)
        named = shown.panel["options"]["textMode"] == "value_and_name"
        size = BIG - 3 * len(text) // 2 + 2 - 4 * (len(latest) - 1)
        axes.text(middle, 0.58, text, color=tint, fontsize=size, weight="bold", ha="center", va="center")
        if named:
            axes.text(middle, 0.12, one.name, color=TEXT, fontsize=NORMAL, ha="center", va="center")


def _sparkline(box: Box, shown: Answered, one: Series) -> None:
    if word(shown.panel, one.points[-1][1]):
        return
    axes = box.axes(0.02, 0.02, 0.02, box.height * 0.62)
    axes.set_axis_off()
    tint = threshold_colour(defaults(shown.panel)["thresholds"]["steps"], one.points[-1][1])
    values = np.nan_to_num(shown.grid(one))
    axes.fill_between(shown.steps, values, color=tint, alpha=0.25, lw=0, step="post")
    axes.plot(shown.steps, values, color=tint, lw=1, drawstyle="steps-post")
    axes.set_xlim(shown.steps[0], shown.steps[-1])
    axes.set_ylim(0, max(float(values.max()), NOTHING) * 1.1)


def moments() -> dates.AutoDateLocator:
    """Three to six of the times that an axis shows."""
    locator = dates.AutoDateLocator(minticks=3, maxticks=6)
    locator.intervald[dates.MINUTELY] = [1, 2, 5, 10, 15, 30]  # its own have no 2, and leave one label for 7 minutes
    return locator


def _time_axes(box: Box, shown: Answered, left: float = 0.48) -> Axes:
    axes = box.axes(left, 0.46, 0.14, 0.4)
    axes.set_xlim(shown.steps[0], shown.steps[-1])
    axes.xaxis.set_major_locator(moments())
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))
    return axes


def _timeseries(box: Box, shown: Answered) -> None:
    look, named = defaults(shown.panel), overrides(shown.panel)
    series = [one for one in shown.series if any(not np.isnan(value) for _, value in one.points)]
    if not series:
        _nothing(box)
        return
    axes = _time_axes(box, shown)
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    for when, tint in shown.events:
        axes.axvline(when / 86400, color=colour(tint), lw=0.8, ls=(0, (2, 2)), alpha=0.8)
    base: NDArray[np.float64] = np.zeros(shown.steps.size)
    handles: dict[str, str] = {}
    for number, one in enumerate(series):
        override = named.get(one.name, {})
        tint = colour(override["color"]["fixedColor"]) if "color" in override else PALETTE[number % len(PALETTE)]
        handles[one.name] = tint
        dashed = "custom.lineStyle" in override
        base = _line(axes, shown, shown.grid(one), base, tint, look["custom"] | {"dashed": dashed})
    _scale(axes, look)
    _legend(axes, handles)


def _line(
    axes: Axes, shown: Answered, values: NDArray[np.float64], base: NDArray[np.float64], tint: str, how: dict[str, Any]
) -> NDArray[np.float64]:
    """Draw one series; the new base to stack the next one on."""
    stacked = how.get("stacking", {}).get("mode") == "normal" and not how["dashed"]
    if how.get("drawStyle") == "bars" and not how["dashed"]:
        width = shown.moment.step / 86400 * 0.85
        axes.bar(shown.steps, np.nan_to_num(values), width, bottom=base, color=tint, alpha=0.85, lw=0)
        return np.asarray(base + np.nan_to_num(values))
    if stacked:
        top = base + np.nan_to_num(values)
        axes.fill_between(shown.steps, base, top, color=tint, alpha=0.5, lw=0, step="post")
        axes.plot(shown.steps, np.where(top > base, top, np.nan), color=tint, lw=1, drawstyle="steps-post")
        return np.asarray(top)
    style = (0, (5, 4)) if how["dashed"] else "-"
    axes.plot(shown.steps, values, color=tint, lw=1.4, ls=style, drawstyle="steps-post")
    if not how["dashed"]:
        axes.fill_between(shown.steps, values, color=tint, alpha=0.08, lw=0, step="post")
    return base


def _scale(axes: Axes, look: dict[str, Any]) -> None:
    least = look["custom"].get("axisSoftMax") or SMALLEST_SCALE
    top = look.get("max") or max(axes.get_ylim()[1], least)
    axes.set_ylim(0, top * 1.04)
    axes.yaxis.set_major_locator(_ticks(look["unit"]))
    axes.yaxis.set_major_formatter(lambda value, _: written(value, look["unit"]))


def _ticks(unit: str) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4, integer=unit == "short")


def _legend(axes: Axes, handles: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    names, shown, length = list(handles), 0, 0
    while shown < len(names) and shown < MOST_NAMES and (length := length + len(names[shown]) + 5) < _room(axes):
        shown += 1
    lines = [Line2D([], [], color=handles[name], lw=3) for name in names[:shown]]
    labels = names[:shown]
    if len(names) > shown:
        labels[-1] += f"   +{len(names) - shown}"
    axes.legend(
        lines, labels, loc="upper left", bbox_to_anchor=(-0.02, -0.09), ncol=max(1, shown), frameon=False,
        fontsize=SMALL, labelcolor=TEXT, handlelength=1.2, columnspacing=1.2, handletextpad=0.5, borderpad=0.2,
    )  # fmt: skip


def _room(axes: Axes) -> float:
    """Characters of a legend that fit below the axes."""
    return float(axes.get_position().width * axes.figure.get_size_inches()[0]) * 16  # type: ignore[union-attr]


def _timeline(box: Box, shown: Answered) -> None:
    if not shown.series:
        _nothing(box)
        return
    axes = _time_axes(box, shown, left=1.75)
    step = shown.moment.step / 86400
    for row, one in enumerate(reversed(shown.series)):
        for when, value in one.points:
            tint = (word(shown.panel, value) or ("", GRID))[1]
            axes.broken_barh([(when / 86400, step * 1.02)], (row + 0.1, 0.8), facecolor=tint, lw=0)
    axes.set_yticks([row + 0.5 for row in range(len(shown.series))], [one.name for one in reversed(shown.series)])
    rows = max(len(shown.series), FEWEST_ROWS)
    axes.set_ylim((len(shown.series) - rows) / 2, (len(shown.series) + rows) / 2)
    legend = {text: tint for one in shown.series for _, value in one.points for text, tint in [_text_of(shown, value)]}
    _legend(axes, legend)


def _text_of(shown: Answered, value: float) -> tuple[str, str]:
    return word(shown.panel, value) or (f"{value:g}", MUTED)


def _heatmap(box: Box, shown: Answered) -> None:
    buckets = sorted((float(one.labels["le"]), shown.grid(one)) for one in shown.series)
    if not buckets:
        _nothing(box)
        return
    counts = np.diff([np.nan_to_num(values) for _, values in buckets], axis=0, prepend=0)
    used = np.flatnonzero(counts.sum(axis=1) > NOTHING)
    if not used.size:
        _nothing(box)
        return
    low, high = max(0, used[0] - 1), min(len(buckets) - 1, used[-1] + 1)
    counts = np.where(counts > NOTHING, counts, np.nan)[low : high + 1]
    axes = _time_axes(box, shown, left=0.62)
    axes.pcolormesh(shown.steps, np.arange(high - low + 1), counts, cmap="Oranges", vmin=0, shading="nearest")
    names = [written(limit, "s") if np.isfinite(limit) else "more" for limit, _ in buckets[low : high + 1]]
    axes.set_yticks(np.arange(high - low + 1), names)


def _table(box: Box, shown: Answered) -> None:
    changes = {one["id"]: one["options"] for one in shown.panel["transformations"]}
    join, arranged = changes.get("joinByField", {}).get("byField"), changes["organize"]
    rows: dict[Any, dict[str, Any]] = {}
    for ref_id, found in shown.answers.items():
        for one in found:
            key = one.labels.get(join, "") if join else tuple(sorted(one.labels.items()))
            rows.setdefault(key, {}).update(one.labels | {f"Value #{ref_id}": one.points[-1][1]})
    axes = box.blank()
    columns = sorted(arranged["indexByName"], key=arranged["indexByName"].__getitem__)
    line = 0.24 / (box.height - 0.44)
    for number, column in enumerate(columns):
        heading = arranged["renameByName"][column]
        across = 0 if number == 0 else (number + FIRST_COLUMN - 1) / (len(columns) + FIRST_COLUMN - 1)
        axes.text(across, 1 - line / 2, heading, color="#6e9fff", fontsize=NORMAL, va="center", weight="bold")
        for row, values in enumerate(list(rows.values())[: int(1 / line) - 1], start=1):
            text, tint = _cell(shown.panel, heading, values.get(column, ""))
            axes.text(across, 1 - line * (row + 0.5), text, color=tint, fontsize=NORMAL, va="center")
            axes.axhline(1 - line * row, color=EDGE, lw=0.7)
    if not rows:
        axes.text(0.5, 0.5, "none", color=MUTED, fontsize=10, ha="center", va="center")


def _cell(panel: dict[str, Any], heading: str, value: Any) -> tuple[str, str]:
    if isinstance(value, str):
        return value, TEXT
    override = overrides(panel).get(heading, {})
    coloured = "custom.cellOptions" in override
    tint = threshold_colour(override["thresholds"]["steps"], value) if coloured else TEXT
    return written(value, override.get("unit", "short"), override.get("decimals")), tint


def _gauges(box: Box, shown: Answered) -> None:
    series = [one for one in shown.series if not np.isnan(one.points[-1][1])]
    if not series:
        _nothing(box)
        return
    look = defaults(shown.panel)
    axes = box.axes(0.8, 0.2, 0.8, 0.45)
    axes.set_xticks([])
    most = max(one.points[-1][1] for one in series)
    for row, one in enumerate(reversed(series)):
        value = one.points[-1][1]
        tint = threshold_colour(look["thresholds"]["steps"], value)
        axes.barh(row, most, color=GRID, height=0.6)
        axes.barh(row, value, color=tint, height=0.6, alpha=0.85)
        axes.text(most * 1.03, row, written(value, look["unit"]), color=tint, fontsize=10, va="center", weight="bold")
    axes.set_yticks(range(len(series)), [one.name for one in reversed(series)], color=TEXT, fontsize=NORMAL)
