"""How panels' queries are asked."""

from __future__ import annotations

import pytest

from grafana.panel_data import Moment

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
