"""`/state`: what `to_document` writes is what `from_document` reads, and anything else is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_watcher_common.state import (
    STATE_VERSION,
    ClusterState,
    Demand,
    Gang,
    LabelConstraint,
    Node,
    NodeStatus,
    StateDocumentError,
    Strategy,
    bundle,
    from_document,
    to_document,
)

texts = st.text(max_size=8)
amounts = st.just(0.0) | st.floats(min_value=1e-4, max_value=1e15)  # Ray counts in ten-thousandths
resources = st.dictionaries(texts, amounts, max_size=4)
labels = st.builds(LabelConstraint, texts, st.sampled_from(["in", "not_in"]), st.lists(texts).map(tuple))
selectors = st.lists(labels, max_size=2).map(tuple)
demands = st.builds(
    Demand, resources.map(bundle), st.integers(0, 10**6), selectors, st.lists(selectors, max_size=2).map(tuple)
)
gangs = st.builds(Gang, st.lists(demands, max_size=3).map(tuple), st.sampled_from(Strategy), texts, texts)
nodes = st.builds(
    Node,
    node_id=texts.filter(bool),
    status=st.sampled_from(NodeStatus),
    instance_id=texts,
    worker_type=texts,
    ip=texts,
    total=resources,
    available=resources,
    idle_seconds=amounts,
    is_head=st.booleans(),
    labels=st.dictionaries(texts, texts, max_size=2),
    activity=st.lists(texts, max_size=2).map(tuple),
    groups=st.lists(texts, max_size=2).map(tuple),
    host_cpu_ratio=st.none() | st.floats(0, 1),
)
states = st.builds(
    ClusterState,
    source=texts,
    observed_at=st.floats(0, 4e9),
    nodes=st.lists(nodes, max_size=3, unique_by=lambda node: node.node_id).map(tuple),
    demands=st.lists(demands, max_size=3).map(tuple),
    gangs=st.lists(gangs, max_size=3).map(tuple),
    constraints=st.lists(demands, max_size=3).map(tuple),
    demand_known=st.booleans(),
    pending_since=st.none() | st.floats(0, 4e9),
    session=texts,
)


@given(states)
def test_what_was_written_is_read(state: ClusterState) -> None:
    read = from_document(json.loads(json.dumps(to_document(state, now=0))))

    assert read == state


def test_less_than_ray_counts_is_none() -> None:
    state = ClusterState(0.0, "gcs", demands=(Demand(bundle({"CPU": 1e-9, "GPU": 1.0}), 1),))

    assert dict(from_document(to_document(state, 0)).demands[0].shape) == {"GPU": 1.0}


def test_what_an_older_exporter_does_not_say_is_none() -> None:
    document = to_document(ClusterState(0.0, "gcs"), 0)
    del document["constraints"], document["pending_since"], document["session"]
    read = from_document(document)

    assert (read.constraints, read.pending_since, read.session) == ((), None, "")


def test_groups_that_an_older_exporter_does_not_name_are_read_from_their_resources() -> None:
    group = "88f17ea389777636caa73bba424e01000000"
    total = {"CPU": 2.0, f"bundle_group_{group}": 1000.0, f"CPU_group_0_{group}": 1.0}
    document = to_document(ClusterState(0.0, "gcs", nodes=(Node("aa", NodeStatus.IDLE, total=total),)), 0)
    del document["nodes"][0]["groups"]

    assert from_document(document).nodes[0].groups == (group,)


def test_another_version_is_refused_by_name() -> None:
    document = to_document(ClusterState(0.0, "gcs"), 0) | {"version": STATE_VERSION + 1}

    with pytest.raises(StateDocumentError, match=f"version {STATE_VERSION + 1}, wanted {STATE_VERSION}"):
        from_document(document)


@pytest.mark.parametrize(("now", "age"), [(110.0, 10.0), (90.0, 0.0)], ids=["later", "a clock ahead of ours"])
def test_the_document_has_the_age(now: float, age: float) -> None:
    assert to_document(ClusterState(100.0, "gcs"), now)["age_seconds"] == age
