"""How panels' queries are asked, and that whatever Prometheus answers can be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from matplotlib.figure import Figure

from grafana.panel_data import Moment, Prometheus, Series, dashboard
from grafana.preview.charts import moments
from grafana.preview.page import picture
from grafana.preview.theme import written

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = Moment("blue", start=1_000_000, end=1_000_060, step=2)


def test_variables_are_filled_in_as_grafana_does() -> None:
    query = 'x{cluster=~"$cluster"}[$__range] y[$__rate_interval] z offset $__interval'

    assert MOMENT.fill(query) == 'x{cluster=~"blue"}[60s] y[20s] z offset 2s'
    assert MOMENT.every("30s").fill("y[$__rate_interval]") == "y[35s]"


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        pytest.param(None, (2, 1_000_000, 1_000_060), id="no interval of its own"),
        pytest.param("1s", (2, 1_000_000, 1_000_060), id="a shorter one"),
        pytest.param("15s", (15, 999_990, 1_000_050), id="a longer one, from multiples of it"),
    ],
)
def test_a_panels_least_interval_is_kept(interval: str | None, expected: tuple[float, ...]) -> None:
    moment = MOMENT.every(interval)

    assert (moment.step, moment.start, moment.end) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.256, "percentunit", "26%"),
        (0.0034, "s", "3.4 ms"),
        (2.0, "s", "2 s"),
        (90, "s", "1.5 min"),
        (7200, "s", "2.0 h"),
        (12, "short", "12"),
        (1500, "short", "1.5 K"),
        (1_500_000_000, "bytes", "1.4 GiB"),
        (0, "bytes", "0 B"),
        (float("nan"), "s", "-"),
    ],
)
def test_values_are_written_short(value: float, unit: str, expected: str) -> None:
    assert written(value, unit) == expected


@dataclass(frozen=True)
class Answering(Prometheus):
    """A Prometheus that answers every query alike."""

    values: tuple[float, ...] = ()

    def answer(self, target: dict[str, Any], moment: Moment) -> list[Series]:
        """One series with these values, with all labels that a query may ask for."""
        labels = dict.fromkeys(("shape", "worker", "stage", "alertname", "job", "cause"), "it") | {"le": "1"}
        points = [(moment.start + number * moment.step, value) for number, value in enumerate(self.values)]
        return [Series(labels, target.get("legendFormat", "it"), tuple(points))] if points else []


@pytest.mark.parametrize("minutes", [1, 2, 3, 5, 7, 10, 30, 60, 120])
def test_a_span_of_time_has_three_to_six_labels(minutes: int) -> None:
    axes = Figure().add_axes((0, 0, 1, 1))
    axes.set_xlim(MOMENT.start / 86400, (MOMENT.start + 60 * minutes) / 86400)
    axes.xaxis.set_major_locator(moments())

    assert 3 <= len(axes.get_xticks()) <= 6


@pytest.mark.parametrize("name", ["cluster", "scaler"])
@pytest.mark.parametrize("values", [(), (0.0,), (0.0, 1.0, 3.0), (float("nan"),)], ids=["none", "0", "some", "NaN"])
def test_every_panel_can_be_drawn_whatever_there_is(name: str, values: tuple[float, ...], tmp_path: Path) -> None:
    picture(dashboard(name), Answering("", values), MOMENT, tmp_path / "drawn.png")

    assert (tmp_path / "drawn.png").stat().st_size
