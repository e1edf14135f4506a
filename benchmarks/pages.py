"""A record as Markdown: the headline table, which README repeats, and the page with everything. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.report import Cell, Headline, Record, Report

BEGIN = "<!-- benchmarks: written by `make bench` from benchmarks/results/latest.json -->"
END = "<!-- end of benchmarks -->"
BETWEEN = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
TIMES = "×"  # noqa: RUF001  # the sign, not a letter
CHARTS = "benchmarks"  # the directory of the plots, beside the page

INTRODUCTION = (
    "Each figure beside a named peer's, on the same work in the same run. A ratio says how many times better ours is;"
    " below 1 the peer is better. `make bench` measures all of them anew and writes this page."
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


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    head = [f"| {' | '.join(columns)} |", f"|---|{'---:|' * (len(columns) - 1)}"]
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
    machine = "\n".join(f"- {name}: {value}" for name, value in record.machine.items())
    parts = [
        "# Benchmarks",
        BEGIN,
        INTRODUCTION,
        machine,
        headline_table(record).rstrip(),
        *(_report(report) for report in record.reports),
    ]
    return "\n\n".join(parts) + "\n"


def _report(report: Report) -> str:
    parts = [f"## {report.title}", f"`python -m benchmarks.{report.name}` repeats this part alone."]
    parts += report.notes
    parts += [f"![{chart.title}]({CHARTS}/{chart.name}.svg)" for chart in report.charts]
    for table in report.tables:
        parts += [f"### {table.title}", _markdown(table.columns, table.rows).rstrip()]
    return "\n\n".join(parts)


def readme_with(readme: str, record: Record) -> str:
    """README with the headline table of `record` between its markers."""
    where = f"Measured {record.machine['date']} on {record.machine['processor']}, {record.machine['memory']}."
    versions = f"{record.machine['versions']}."
    text = f"{BEGIN}\n{headline_table(record)}\n{where} {versions}\n{END}"
    return BETWEEN.sub(lambda _: text, readme)
