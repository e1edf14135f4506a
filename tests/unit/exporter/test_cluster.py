"""ClusterState, and what its JSON says beside the values themselves (`tests/contract/test_state.py` reads those)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster import ClusterState, ResourceDemand, Source, bundle, merged, to_json

demands = st.builds(
    ResourceDemand, st.dictionaries(st.text(max_size=8), st.floats(0, 1e15), max_size=4).map(bundle), st.integers(0, 99)
)


@given(st.lists(demands))
def test_merging_keeps_every_request_outside_placement_groups(some: list[ResourceDemand]) -> None:
    together = merged(some)

    assert sum(demand.count for demand in together) == sum(demand.count for demand in some)
    assert len({(demand.shape, demand.selectors) for demand in together}) == len(together)


@pytest.mark.parametrize(("now", "age"), [(110.0, 10.0), (90.0, 0.0)], ids=["later", "a clock ahead of ours"])
def test_json_says_the_age(now: float, age: float) -> None:
    assert to_json(ClusterState(Source.GCS, observed_at=100.0), now)["age_seconds"] == age


def test_a_bundle_leaves_out_what_it_asks_nothing_of() -> None:
    assert bundle({"GPU": 0, "CPU": 1}) == (("CPU", 1.0),)
