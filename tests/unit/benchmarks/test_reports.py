"""What the figures in the documents say is what the record says."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from benchmarks import __main__ as whole
from benchmarks import plots
from benchmarks.pages import CHARTS, SUMMARY, number, readme_with, summary_table
from benchmarks.report import Chart, Headline, Record, Report, Table, record_from_json, to_json

if TYPE_CHECKING:
    from pathlib import Path

CHART = Chart("some-chart", "A chart", "tasks", "ms", {"ours": [(1.0, 2.0), (10.0, 3.0)]})
REPORT = Report(
    name="some",
    title="Some",
    headlines=(Headline("a scrape", 2.0, "ms", "Ray", 900.0, most=5.0, least_ratio=300.0),),
    tables=(Table("All", ("Tasks", "ms"), ((10, 2.0), (100_000, None))),),
    charts=(CHART,),
    notes=("A note.",),
)
SUMMARISED = Report(
    name="idle",
    title="Idle",
    headlines=(
        Headline("CPU, idle: scaler", 1.0, "%", "Ray", 4.0),
        Headline("CPU, idle: exporter", 2.0, "%", "Ray", 4.0),
        Headline("CPU, idle: all four programs", 8.0, "%", "Ray", 4.0),
        Headline("CPU, idle: supervisord", 0.0, "%"),
    ),
)
MACHINE = {"date": "2026-01-02", "processor": "2 cores", "memory": "4 GiB", "versions": "Python 3.11"}


@pytest.mark.parametrize(
    ("headline", "ratio", "met"),
    [
        pytest.param(Headline("time", 2, "ms", "Ray", 8), 4, None, id="less is better"),
        pytest.param(Headline("rate", 8, "/s", "Ray", 2, more_is_better=True), 4, None, id="more is better"),
        pytest.param(Headline("time", 2, "ms", most=2), None, True, id="within its bound"),
        pytest.param(Headline("time", 2, "ms", "Ray", 8, most=1), 4, False, id="beyond its bound"),
        pytest.param(Headline("time", 2, "ms", "Ray", 8, most=3, least_ratio=5), 4, False, id="not by enough"),
        pytest.param(Headline("rate", 2, "/s", least=3), None, False, id="below its bound"),
        pytest.param(Headline("cpu", 0, "ms", "Ray", 8), None, None, id="nothing to divide by"),
    ],
)
def test_a_ratio_above_one_is_ours_and_goals_are_judged(headline: Headline, ratio: float, met: bool) -> None:
    assert (headline.ratio, headline.met) == (ratio, met)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), ("x", "x"), (100_000, "100,000"), (2.0, "2"), (1234.5, "1,234"), (0.12345, "0.123")],
)
def test_numbers_show_three_figures_that_count(value: str | float | None, text: str) -> None:
    assert number(value) == text


def test_a_record_goes_through_json_unchanged() -> None:
    record = Record(MACHINE, (REPORT,))

    assert record_from_json(json.loads(json.dumps(to_json(record)))) == record


def test_a_benchmark_that_ran_again_replaces_its_own_figures_only() -> None:
    other = Report("other", "Other", ())
    again = Report("some", "Again", ())

    assert Record(MACHINE, (REPORT, other)).with_reports(MACHINE, (again,)) == Record(MACHINE, (again, other))


def test_readme_has_the_figures_between_its_markers_and_nothing_else_changes() -> None:
    record = Record(MACHINE, (SUMMARISED,))
    first = readme_with(f"before\n{whole.README.read_text(encoding='utf-8')}", record)

    assert summary_table(record) in first
    assert readme_with(first, record) == first


def test_a_figure_of_readme_shows_its_best_and_its_worst_comparison() -> None:
    assert summary_table(Record(MACHINE, (REPORT, SUMMARISED))).splitlines()[2:] == [
        "| CPU, idle | **4 ×** scaler 1 % (Ray: 4 %) | **0.5 ×** all four programs 8 % (Ray: 4 %) |"  # noqa: RUF001
    ]


def test_every_figure_of_readme_is_in_the_record_and_one_of_them_is_a_loss() -> None:
    rows = summary_table(whole.recorded()).splitlines()[2:]
    worst = [float(row.split("**")[3].split()[0]) for row in rows]

    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(SUMMARY)
    assert min(worst) < 1


def test_every_benchmark_that_ran_is_still_one_of_them() -> None:
    assert {report.name for report in whole.recorded().reports} <= set(whole.BENCHMARKS)


def test_every_plot_of_the_record_is_there() -> None:
    for report in whole.recorded().reports:
        for chart in report.charts:
            assert (whole.PAGE.parent / CHARTS / f"{chart.name}.svg").is_file(), chart.name


def test_a_plot_is_the_same_file_each_time_and_shows_its_curves(tmp_path: Path) -> None:
    for name in ("one", "two"):
        plots.draw(CHART, tmp_path / name)
    drawn = (tmp_path / "one").read_text(encoding="utf-8")

    assert drawn == (tmp_path / "two").read_text(encoding="utf-8")
    assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314  our own file
    assert "ours" in drawn
