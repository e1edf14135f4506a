"""Bars of block characters: what stands in which column."""

from __future__ import annotations

import pytest

from ray_watcher.output import plot


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([(0, 1.0), (5, 3.0)], [1.0, 3.0], id="a-sample-holds-until-the-next"),
        pytest.param([(0, 1.0), (1, 9.0), (2, 0.0)], [9.0, 0.0], id="the-peak-of-a-column-is-drawn"),
        pytest.param([(5, 3.0)], [None, 3.0], id="before-the-first-nothing-is-known"),
        pytest.param([(0, 2.0), (5, None)], [2.0, None], id="a-gap-is-a-gap"),
        pytest.param([(-7, 4.0)], [4.0, 4.0], id="what-was-true-before-still-holds"),
        pytest.param([], [None, None], id="no-samples"),
    ],
)
def test_columns(samples: list[tuple[float, float | None]], expected: list[float | None]) -> None:
    assert plot.columns(samples, 0, 10, 2) == expected


def test_bars_have_their_scale_and_the_smallest_value_is_seen() -> None:
    assert plot.bars([0, 0.1, 4, 8, None], 2) == ["8 │   █", "0 │ ▁██·"]


def test_a_chart_has_its_title_and_the_time_below() -> None:
    lines = plot.chart("Workers", [(0, 1)], 0, 60, width=30, height=2)

    assert lines[0] == "Workers"
    assert lines[-1].strip().count(":") == 6
    assert len(lines) == 4
