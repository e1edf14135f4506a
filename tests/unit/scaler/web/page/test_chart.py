"""The chart's data: never more than can be seen, and peaks are kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.web.page.chart import OTHERS, POINTS, SHAPES, Look, chart

SINCE, UNTIL = 1000.0, 4600.0
COUNTS = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(0, 50), max_size=10)
LOOKS = st.lists(st.builds(Look, st.floats(0, 5000), st.none() | COUNTS, COUNTS, st.integers(0, 9)), max_size=300).map(
    lambda looks: sorted(looks, key=lambda look: look.at)
)


def entry(**fields: Any) -> dict[str, Any]:
    return {"at": 2000.0, "action": "launch", "cause": "idle", "reason": "why", "count": 1, "decision_id": 1, **fields}


@given(LOOKS)
def test_every_series_has_a_value_for_each_time_within_the_span(looks: list[Look]) -> None:
    made = chart(looks, [], SINCE, UNTIL)

    assert len(made["times"]) <= POINTS + 2
    assert made["times"] == sorted(made["times"])
    assert all(SINCE <= at <= UNTIL for at in made["times"])
    for series in (*made["demand"], *made["workers"]):
        assert len(series["values"]) == len(made["times"])
    assert len(made["max_workers"]) == len(made["times"])
    assert len(made["demand"]) <= SHAPES + 1


@given(LOOKS)
def test_the_highest_demand_is_never_thinned_away(looks: list[Look]) -> None:
    made = chart(looks, [], SINCE, UNTIL)
    sums = [sum(series["values"][i] or 0 for series in made["demand"]) for i in range(len(made["times"]))]
    inside = [sum((look.demand or {}).values()) for look in looks if SINCE <= look.at <= UNTIL]

    assert max(sums, default=0) >= max(inside, default=0)


def test_a_span_begins_with_how_it_was_and_ends_with_how_it_is() -> None:
    made = chart([Look(500.0, {"CPU:1": 3}, {"RUNNING": 2}, 5)], [], SINCE, UNTIL)

    assert made["times"] == [SINCE, UNTIL]
    assert made["demand"] == [{"name": "CPU:1", "values": [3, 3]}]
    assert made["workers"] == [{"name": "RUNNING", "values": [2, 2]}]


def test_unknown_demand_is_not_zero() -> None:
    made = chart([Look(1500.0, {"CPU:1": 3}, {}, 5), Look(2500.0, None, {}, 5)], [], SINCE, UNTIL)

    assert made["demand"] == [{"name": "CPU:1", "values": [3, None, None]}]


def test_small_shapes_are_summed() -> None:
    demand = {f"CPU:{i}": i for i in range(1, SHAPES + 3)}
    made = chart([Look(1500.0, demand, {}, 5)], [], SINCE, UNTIL)

    assert made["demand"][-1] == {"name": OTHERS, "values": [3, 3]}


@pytest.mark.parametrize(
    ("entries", "marks"),
    [
        pytest.param([entry(), entry()], [(2000.0, 2)], id="the launches of a decision are one mark"),
        pytest.param([entry(), entry(cause="probe")], [(2000.0, 1), (2000.0, 1)], id="each cause has its own"),
        pytest.param([entry(at=900.0)], [], id="before the span"),
        pytest.param([entry(at=3000.0, decision_id=2), entry()], [(2000.0, 1), (3000.0, 1)], id="oldest first"),
    ],
)
def test_decisions_are_marks(entries: list[dict[str, Any]], marks: list[tuple[float, int]]) -> None:
    assert [(mark["at"], mark["count"]) for mark in chart([], entries, SINCE, UNTIL)["marks"]] == marks
