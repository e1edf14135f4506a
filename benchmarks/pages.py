"""A record as Markdown: the page with everything, and the five figures of README. Pure."""

from __future__ import annotations

import functools
import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.report import Cell, Headline, Record, Report

BEGIN = "<!-- benchmarks: written by `make bench` from benchmarks/results/latest.json -->"
END = "<!-- end of benchmarks -->"
BETWEEN = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
WIDTH = 116  # of lines, as in documents that people write
TIMES = "×"  # noqa: RUF001  # the sign, not a letter
CHARTS = "benchmarks"  # the directory of the plots, next to the page

SUMMARY = (
    "From demand to running work",
    "From demand to running work in Docker",
    "A scrape with 100,000 pending tasks",
    "Memory, idle",
    "CPU, idle",
)
"""README's figures: each is the part of a headline before its colon; the best and the worst of them are shown."""

INTRODUCTION = (
    "Each figure next to that of a named peer, for the same work in the same run. A ratio above 1 means that ours is"
    " better. `make bench` measures all of them and writes this page."
)


def number(value: Cell) -> str:
    """Three figures that count; thousands apart."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if value == int(value) or abs(value) >= 100:  # noqa: PLR2004  from here on all digits before the point
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[Cell]], align: str = "---:") -> str:
    head = [f"| {' | '.join(columns)} |", f"|---|{f'{align}|' * (len(columns) - 1)}"]
    return "\n".join([*head, *(f"| {' | '.join(map(number, row))} |" for row in rows)]) + "\n"


def headline_table(record: Record) -> str:
    """Ratios first."""
    columns = ("What", "Ratio", "Ours", "Theirs", "Peer", "Goal", "Reached")
    return _markdown(columns, (_headline(one) for report in record.reports for one in report.headlines))


def _headline(one: Headline) -> tuple[Cell, ...]:
    ratio = "-" if one.ratio is None else f"**{number(one.ratio)} {TIMES}**"
    theirs = "-" if one.theirs is None else f"{number(one.theirs)} {one.unit}"
    reached = {True: "yes", False: "no", None: "-"}[one.met]
    return (
        one.what,
        ratio,
        f"{number(one.ours)} {one.unit}".strip(),
        theirs.strip(),
        one.peer or "-",
        _goal(one),
        reached,
    )


def _goal(one: Headline) -> str:
    bounds = [f"≤ {number(one.most)} {one.unit}".strip()] if one.most is not None else []
    bounds += [f"≥ {number(one.least)} {one.unit}".strip()] if one.least is not None else []
    bounds += [f"≥ {number(one.least_ratio)} {TIMES}"] if one.least_ratio is not None else []
    return ", ".join(bounds) or "-"


def page(record: Record) -> str:
    """docs/benchmarks.md."""
    machine = "\n".join(_wrapped(f"- {name}: {value}", indent="  ") for name, value in record.machine.items())
    parts = [
        "# Benchmarks",
        BEGIN,
        _wrapped(INTRODUCTION),
        machine,
        headline_table(record).rstrip(),
        *(_report(report) for report in record.reports),
    ]
    return "\n\n".join(parts) + "\n"


def _report(report: Report) -> str:
    parts = [f"## {report.title}", f"`python -m benchmarks.{report.name}` repeats this part alone."]
    parts += map(_wrapped, report.notes)
    parts += [f"![{chart.title}]({CHARTS}/{chart.name}.svg)" for chart in report.charts]
    for table in report.tables:
        parts += [f"### {table.title}", _markdown(table.columns, table.rows).rstrip()]
    return "\n\n".join(parts)


def _wrapped(text: str, indent: str = "") -> str:
    """Every paragraph of a text, in lines."""
    fill = functools.partial(
        textwrap.fill, width=WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n\n".join(map(fill, text.split("\n\n")))


def summary_table(record: Record) -> str:
    """The best and the worst comparison of each figure in SUMMARY; figures without a comparison are left out."""
    compared = [one for report in record.reports for one in report.headlines if one.ratio is not None]
    groups = {figure: [one for one in compared if _figure(one) == figure] for figure in SUMMARY}
    rows = [
        (figure, _comparison(max(found, key=_ratio)), _comparison(min(found, key=_ratio)))
        for figure, found in groups.items()
        if found
    ]
    return _markdown(("What", "Best", "Worst"), rows, align="---")


def _figure(one: Headline) -> str:
    return one.what.partition(": ")[0]


def _ratio(one: Headline) -> float:
    return one.ratio or 0.0


def _comparison(one: Headline) -> str:
    ours, theirs = (f"{number(value)} {one.unit}".strip() for value in (one.ours, one.theirs))
    subject = one.what.partition(": ")[2]
    return f"**{number(one.ratio)} {TIMES}** {f'{subject} ' if subject else ''}{ours} ({one.peer}: {theirs})"


def readme_with(readme: str, record: Record) -> str:
    """README with the figures of `record` between its markers."""
    where = f"Measured {record.machine['date']} on {record.machine['processor']}, {record.machine['memory']}."
    text = f"{BEGIN}\n{summary_table(record)}\n{where}\n{END}"
    return BETWEEN.sub(lambda _: text, readme)
