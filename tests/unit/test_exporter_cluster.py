"""ClusterState and its JSON, the contract of `/state`."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster import (
    STATE_VERSION,
    ClusterState,
    GangDemand,
    LabelConstraint,
    Node,
    NodeStatus,
    ResourceDemand,
    Source,
    Strategy,
    bundle,
    from_json,
    merged,
    to_json,
)

texts = st.text(max_size=8)
amounts = st.floats(min_value=0, max_value=1e15)
resources = st.dictionaries(texts, amounts, max_size=4)
constraints = st.builds(LabelConstraint, texts, st.sampled_from(["in", "not_in"]), st.lists(texts).map(tuple))
demands = st.builds(
    ResourceDemand, resources.map(bundle), st.integers(0, 10**6), st.lists(constraints, max_size=2).map(tuple)
)
gangs = st.builds(GangDemand, st.lists(demands, max_size=3).map(tuple), st.sampled_from(Strategy))
nodes = st.builds(
    Node,
    node_id=texts,
    status=st.sampled_from(NodeStatus),
    instance_id=texts,
    worker_type=texts,
    ip=texts,
    total=resources,
    available=resources,
    idle_seconds=amounts,
    labels=st.dictionaries(texts, texts, max_size=2),
    activity=st.lists(texts, max_size=2).map(tuple),
    host_cpu_ratio=st.none() | st.floats(0, 1),
)
states = st.builds(
    ClusterState,
    source=st.sampled_from(Source),
    observed_at=st.floats(0, 4e9),
    nodes=st.lists(nodes, max_size=3).map(tuple),
    demands=st.lists(demands, max_size=3).map(tuple),
    gangs=st.lists(gangs, max_size=3).map(tuple),
    demand_known=st.booleans(),
    session=texts,
)


@given(states)
def test_json_gives_back_the_state_it_was_made_from(state: ClusterState) -> None:
    assert from_json(json.dumps(to_json(state, now=0))) == state


@given(st.lists(demands))
def test_merging_keeps_every_request_outside_placement_groups(some: list[ResourceDemand]) -> None:
    together = merged(some)

    assert sum(demand.count for demand in together) == sum(demand.count for demand in some)
    assert len({(demand.shape, demand.selectors) for demand in together}) == len(together)


@pytest.mark.parametrize(("now", "age"), [(110.0, 10.0), (90.0, 0.0)], ids=["later", "a clock ahead of ours"])
def test_json_says_the_age(now: float, age: float) -> None:
    assert to_json(ClusterState(Source.GCS, observed_at=100.0), now)["age_seconds"] == age


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"version": 1}', "<html>"])
def test_what_is_no_state_document_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_json(text)


def test_another_version_is_refused_by_name() -> None:
    document = to_json(ClusterState(Source.GCS, 0.0), 0) | {"version": STATE_VERSION + 1}

    with pytest.raises(ValueError, match=f"got /state version {STATE_VERSION + 1}, wanted {STATE_VERSION}"):
        from_json(json.dumps(document))


def test_a_bundle_leaves_out_what_it_asks_nothing_of() -> None:
    assert bundle({"GPU": 0, "CPU": 1}) == (("CPU", 1.0),)
