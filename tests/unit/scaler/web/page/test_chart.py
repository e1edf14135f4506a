"""The chart's data: never more than can be seen, and peaks are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.recording.moment import OTHER_SHAPES, Point
from scaler.web.page.chart import POINTS, SHAPES, chart

if TYPE_CHECKING:
    from scaler.recording.series import Step

SINCE, UNTIL = 1000.0, 4600.0
COUNTS = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(0, 50), max_size=10)


def step(at: float, demand: dict[str, int] | None, workers: dict[str, int], max_workers: int) -> Step:
    return at, Point(at, demand, workers, {}, max_workers)


STEPS = st.lists(st.builds(step, st.floats(0, 5000), st.none() | COUNTS, COUNTS, st.integers(0, 9)), max_size=300).map(
    lambda steps: sorted(steps, key=lambda one: one[0])
)


def entry(**fields: Any) -> dict[str, Any]:
    return {"at": 2000.0, "action": "launch", "cause": "idle", "reason": "why", "count": 1, "decision_id": 1, **fields}


@given(STEPS)
def test_every_series_has_a_value_for_each_time_within_the_span(steps: list[Step]) -> None:
    made = chart(steps, [], SINCE, UNTIL)

    assert len(made["times"]) <= POINTS + 2
    assert made["times"] == sorted(made["times"])
    assert all(SINCE <= at <= UNTIL for at in made["times"])
    for series in (*made["demand"], *made["workers"]):
        assert len(series["values"]) == len(made["times"])
    assert len(made["max_workers"]) == len(made["times"])
    assert len(made["demand"]) <= SHAPES + 1


@given(STEPS)
def test_the_highest_demand_is_never_thinned_away(steps: list[Step]) -> None:
    made = chart(steps, [], SINCE, UNTIL)
    sums = [sum(series["values"][i] or 0 for series in made["demand"]) for i in range(len(made["times"]))]
    inside = [point.pending or 0 for at, point in steps if point and SINCE <= at <= UNTIL]

    assert max(sums, default=0) >= max(inside, default=0)


def test_a_span_begins_with_how_it_was_and_ends_with_how_it_is() -> None:
    made = chart([step(500.0, {"CPU:1": 3}, {"RUNNING": 2}, 5)], [], SINCE, UNTIL)

    assert made["times"] == [SINCE, UNTIL]
    assert made["demand"] == [{"name": "CPU:1", "values": [3, 3]}]
    assert made["workers"] == [{"name": "RUNNING", "values": [2, 2]}]


def test_unknown_demand_is_not_zero() -> None:
    made = chart([step(1500.0, {"CPU:1": 3}, {}, 5), step(2500.0, None, {}, 5)], [], SINCE, UNTIL)

    assert made["demand"] == [{"name": "CPU:1", "values": [3, None, None]}]


def test_small_shapes_are_summed() -> None:
    demand = {f"CPU:{i}": i for i in range(1, SHAPES + 3)}
    made = chart([step(1500.0, demand, {}, 5)], [], SINCE, UNTIL)

    assert made["demand"][-1] == {"name": OTHER_SHAPES, "values": [3, 3]}


def test_what_the_recording_has_summed_is_in_the_one_sum() -> None:
    demand = {OTHER_SHAPES: 90, **{f"CPU:{i}": i for i in range(1, SHAPES + 3)}}
    made = chart([step(1500.0, demand, {}, 5)], [], SINCE, UNTIL)

    assert [series["name"] for series in made["demand"]].count(OTHER_SHAPES) == 1
    assert made["demand"][-1] == {"name": OTHER_SHAPES, "values": [93, 93]}


def test_what_is_not_recorded_is_not_known() -> None:
    made = chart([step(1500.0, {"CPU:1": 3}, {"RUNNING": 2}, 5), (2500.0, None)], [], SINCE, UNTIL)

    assert made["demand"] == [{"name": "CPU:1", "values": [3, None, None]}]
    assert made["workers"] == [{"name": "RUNNING", "values": [2, 0, 0]}]


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
