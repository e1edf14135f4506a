"""The bar of the last scale-up."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from scaler.telemetry.stages import STAGES
from scaler.web.page.stages import bar

SECONDS = st.floats(0, 1e6, allow_nan=False)


@given(st.dictionaries(st.sampled_from([*STAGES, "demand_to_worker"]), SECONDS))
def test_stages_stand_side_by_side_in_their_order_and_fill_at_most_the_bar(took: dict[str, float]) -> None:
    found = bar(took)

    assert [stage.name.replace(" ", "_") for stage in found] == [name for name in STAGES if name in took]
    for before, after in itertools.pairwise(found):
        assert abs(before.start + before.width - after.start) < 0.05
    assert all(stage.width > 0 for stage in found)
    assert not found or found[-1].start + found[-1].width < 100.1


def test_a_stage_is_as_wide_as_it_was_long() -> None:
    alert, join = bar({"alert": 1.0, "join": 3.0})

    assert 2.9 < join.width / alert.width < 3.1
