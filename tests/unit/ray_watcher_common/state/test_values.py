"""The values of a cluster's state: merged requests, bundles, and shapes as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_watcher_common.state import Demand, bundle, merged, shape_text

demands = st.builds(
    Demand, st.dictionaries(st.text(max_size=8), st.floats(0, 1e15), max_size=4).map(bundle), st.integers(0, 99)
)


@given(st.lists(demands))
def test_merging_keeps_every_request_outside_placement_groups(some: list[Demand]) -> None:
    together = merged(some)

    assert sum(demand.count for demand in together) == sum(demand.count for demand in some)
    assert len({(demand.shape, demand.selectors) for demand in together}) == len(together)


def test_a_bundle_leaves_out_what_it_asks_nothing_of() -> None:
    assert bundle({"GPU": 0, "CPU": 1}) == (("CPU", 1.0),)


@pytest.mark.parametrize(
    ("resources", "text"),
    [
        pytest.param({}, "nothing", id="no resources"),
        pytest.param({"GPU": 0.5, "CPU": 1}, "CPU:1,GPU:0.5", id="units"),
        pytest.param({"memory": 2e9}, "memory:2GB", id="memory in gigabytes"),
        pytest.param({"object_store_memory": 2.5e8}, "object_store_memory:0.25GB", id="every kind of memory"),
        pytest.param({"memory": 4e6}, "memory:4e+06", id="little memory in bytes"),
        pytest.param({"memory": 1.5e12}, "memory:1500GB", id="much memory without an exponent"),
    ],
)
def test_a_shape_reads_as_people_write_it(resources: dict[str, float], text: str) -> None:
    assert shape_text(bundle(resources)) == text
