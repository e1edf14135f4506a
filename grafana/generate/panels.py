"""The kinds of panels: what they show is an argument, how they look is decided here, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as how
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from grafana.generate.config import COUNTER_STEP, MIN_STEP
from grafana.generate.links import runbook_link
from grafana.generate.query import DATASOURCE, RANGE, Query, targets

if TYPE_CHECKING:
    from collections.abc import Mapping

P = TypeVar("P", bargauge.Panel, heatmap.Panel, stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)

GREEN, YELLOW, ORANGE, RED, BLUE, PURPLE, GREY = "green", "yellow", "orange", "red", "blue", "purple", "#8e8e8e"
STAT_HEIGHT, HEIGHT = 4, 8
WIDE = 12  # from this span on, a legend has room on the right
COUNT = "short"
Steps = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class About:
    """What every panel has: title, description, and the alert whose runbook belongs to it."""

    title: str
    description: str
    runbook: str = ""


@dataclass(frozen=True)
class Look:
    """How values are shown: unit, colour from a value on, words for values, colour by series name, dashed limits."""

    unit: str = COUNT
    base: str = GREEN
    steps: Steps = ()
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    maximum: float | None = None
    decimals: int | None = None


def thresholds(look: Look) -> dashboard.ThresholdsConfig:
    """The base colour, and others from a value on."""
    steps = [Threshold(value=None, color=look.base), *(Threshold(value=at, color=colour) for at, colour in look.steps)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def warning(orange: float, red: float) -> Steps:
    """Orange from the first value on, red from the second."""
    return ((orange, ORANGE), (red, RED))


def stats(about: About, *queries: Query, look: Look, span: int = 3, named: bool = False) -> stat.Panel:
    """Big figures for a wall: the latest values, coloured, over their history.

    `named` shows the series' names; otherwise Grafana does so when there are several, one for each chosen cluster.
    """
    panel = stat.Panel().targets([*targets(queries)]).color_mode(how.BigValueColorMode.VALUE)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    has_history = not named and not any(RANGE in query.expression for query in queries)
    panel = panel.graph_mode(how.BigValueGraphMode.AREA if has_history else how.BigValueGraphMode.NONE)
    panel = panel.text_mode(how.BigValueTextMode.VALUE_AND_NAME if named else how.BigValueTextMode.AUTO)
    return _finished(panel, about, look, span, STAT_HEIGHT)


def graph(about: About, *queries: Query, look: Look, span: int = 8, stacked: bool = False) -> timeseries.Panel:
    """Lines over time, or filled areas on top of each other; `look.limits` are dashed lines of their own."""
    panel = _over_time(queries, span, stacked=stacked).line_width(1 if stacked else 2)
    panel = panel.fill_opacity(45 if stacked else 10).line_interpolation(how.LineInterpolation.STEP_AFTER)
    if look.unit == COUNT:
        panel = panel.axis_soft_max(1)  # zero is a line at the bottom, not in the middle of nothing
    return _finished(panel, about, look, span)


def bars(about: About, *queries: Query, look: Look, span: int = 8) -> timeseries.Panel:
    """How often something happened, in each interval; queries are made by `increase`."""
    panel = _over_time(queries, span, stacked=True).draw_style(how.GraphDrawStyle.BARS).line_width(0).fill_opacity(80)
    return _finished(panel.axis_soft_max(1), about, look, span, step=COUNTER_STEP)


def timeline(about: About, *queries: Query, look: Look, span: int = 8) -> statetimeline.Panel:
    """States over time, one line for each series."""
    panel = statetimeline.Panel().targets([*targets(queries)]).show_value(how.VisibilityMode.AUTO)
    panel = panel.legend(common.VizLegendOptions().show_legend(show_legend=False)).row_height(0.8).line_width(0)
    return _finished(panel.fill_opacity(75), about, look, span)


def heat(about: About, query: Query, *, look: Look, span: int = 8) -> heatmap.Panel:
    """Buckets of a histogram over time; the query is made by `increase`."""
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(32)
    panel = heatmap.Panel().targets([*targets((query,), "heatmap")]).color(colour).cell_gap(1)
    panel = panel.y_axis(heatmap.YAxisConfig().unit(look.unit)).show_legend()
    return _finished(panel, about, look, span, step=COUNTER_STEP)


def gauges(about: About, *queries: Query, look: Look, span: int = 8) -> bargauge.Panel:
    """One bar for each series' latest value."""
    panel = bargauge.Panel().targets([*targets(queries, "last")]).orientation(how.VizOrientation.HORIZONTAL)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    return _finished(panel.display_mode(how.BarGaugeDisplayMode.GRADIENT), about, look, span)


@dataclass(frozen=True)
class Column:
    """A column of a table by the label or query that fills it, its heading, and how its values look."""

    source: str
    heading: str
    look: Look = field(default_factory=Look)


def rows(
    about: About, *queries: Query, columns: tuple[Column, ...], join: str = "", span: int = 8, height: int = HEIGHT
) -> table.Panel:
    """A table of the latest values: one row for each value of the label `join`, or for each series."""
    by_join = DataTransformerConfig("joinByField", options={"byField": join, "mode": "outer"})
    order = {column.source: place for place, column in enumerate(columns)}
    names = {column.source: column.heading for column in columns}
    wanted = DataTransformerConfig("filterFieldsByName", options={"include": {"names": list(order)}})
    arranged = DataTransformerConfig("organize", options={"indexByName": order, "renameByName": names})
    steps = [by_join if join else DataTransformerConfig("merge", options={}), wanted, arranged]
    panel = table.Panel().targets([*targets(queries, "table")]).transformations(steps)
    for column in columns:
        if properties := _column_look(column.look):
            panel = panel.override_by_name(column.heading, properties)
    return _finished(panel, about, Look(), span, height)


def _column_look(look: Look) -> list[DynamicConfigValue]:
    coloured = DynamicConfigValue("custom.cellOptions", {"type": "color-text"})
    values = [DynamicConfigValue("unit", look.unit), DynamicConfigValue("thresholds", thresholds(look).build())]
    if look.decimals is not None:
        values.insert(1, DynamicConfigValue("decimals", look.decimals))
    return [*values, coloured] if look.steps else [value for value in values[:-1] if value.value != COUNT]


def _legend(span: int) -> common.VizLegendOptions:
    """Names below the panel; next to a wide one, with the latest and the highest value."""
    legend = common.VizLegendOptions().show_legend(show_legend=True)
    if span < WIDE:
        return legend.display_mode(how.LegendDisplayMode.LIST).placement(how.LegendPlacement.BOTTOM)
    legend = legend.display_mode(how.LegendDisplayMode.TABLE).placement(how.LegendPlacement.RIGHT)
    return legend.calcs(["lastNotNull", "max"])


def _over_time(queries: tuple[Query, ...], span: int, *, stacked: bool) -> timeseries.Panel:
    panel = timeseries.Panel().targets([*targets(queries)]).legend(_legend(span))
    tooltip = common.VizTooltipOptions().mode(how.TooltipDisplayMode.MULTI).sort(how.SortOrder.DESCENDING)
    mode = how.StackingMode.NORMAL if stacked else how.StackingMode.NONE
    panel = panel.tooltip(tooltip).stacking(common.StackingConfig().mode(mode)).show_points(how.VisibilityMode.NEVER)
    return panel.min(0)


def _finished(panel: P, about: About, look: Look, span: int, height: int = HEIGHT, step: str = MIN_STEP) -> P:
    """What all kinds share."""
    panel = panel.title(about.title).description(about.description).datasource(DATASOURCE).span(span).height(height)
    panel = panel.unit(look.unit).thresholds(thresholds(look)).no_value("none").interval(step)
    if about.runbook:
        panel = panel.links([runbook_link(about.runbook)])
    if look.words:
        results = {value: ValueMappingResult(text=text, color=colour) for value, (text, colour) in look.words.items()}
        panel = panel.mappings([ValueMap(options=results)])
    if look.maximum is not None:
        panel = panel.max(look.maximum)
    if look.decimals is not None:
        panel = panel.decimals(look.decimals)
    return _series_looks(panel, look)


def _series_looks(panel: P, look: Look) -> P:
    for name, colour in look.colours.items():
        fixed = {"mode": FieldColorModeId.FIXED, "fixedColor": colour}
        panel = panel.override_by_name(name, [DynamicConfigValue("color", fixed)])
    for name in look.limits:
        panel = panel.override_by_name(name, LIMIT)
    return panel


LIMIT = [
    DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
    DynamicConfigValue("custom.drawStyle", "line"),
    DynamicConfigValue("custom.fillOpacity", 0),
    DynamicConfigValue("custom.lineWidth", 2),
    DynamicConfigValue("custom.stacking", {"mode": "none"}),
]
