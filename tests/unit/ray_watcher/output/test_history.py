"""The charts of `history --plot`: what their lines stand for."""

from __future__ import annotations

from typing import Any

import pytest

from ray_watcher.output.history import CHART_HEIGHT, charts

EMPTY = "⠀"


def history(*samples: tuple[float, float, float | None], until: float = 60.0) -> dict[str, Any]:
    """From second 0 on; a sample has its time, workers, and pending requests."""
    listed = [{"at": at, "workers": workers, "pending": pending} for at, workers, pending in samples]
    return {"since": 0.0, "until": until, "entries": [], "truncated": False, "samples": listed}


def plotted(lines: list[str], row: int) -> str:
    """What is drawn at the value `row` of the chart that begins `lines`."""
    return next(line.split("| ")[1] for line in lines if line.split("|")[0].strip() == str(row))


def test_a_value_holds_until_the_next_one() -> None:
    workers = charts(history((0, 1, 0), (30, 3, 0)), width=20)

    assert (plotted(workers, 1)[2], plotted(workers, 1)[-1]) == ("⣀", EMPTY)
    assert (plotted(workers, 3)[2], plotted(workers, 3)[-2]) == (EMPTY, "⣀")


def test_what_is_not_known_is_a_gap() -> None:
    lines = charts(history((0, 1, 2), (20, 1, None), (40, 1, 2)), width=30)
    pending = plotted(lines[lines.index("") :], 2)

    assert [pending[place] for place in (3, 15, 25)] == ["⣀", EMPTY, "⣀"]


@pytest.mark.parametrize("peak", [0, 5, 6, 1234])
def test_the_highest_row_drawn_is_the_peaks(peak: int) -> None:
    lines = charts(history((0, peak, 0), (50, 0, 0)), width=30)[1 : CHART_HEIGHT + 2]
    values = [int(line.split("|")[0]) for line in lines]
    drawn = [value for value, line in zip(values, lines, strict=True) if set(line.split("|")[1]) - {EMPTY, " "}]

    assert max(drawn) <= peak < max(drawn) + values[0] - values[1]


@pytest.mark.parametrize("found", [history(), history((60, 1, 0))], ids=["no samples", "of one moment"])
def test_there_is_one_line_if_nothing_can_be_drawn(found: dict[str, Any]) -> None:
    assert len(charts(found, width=30)) == 1
