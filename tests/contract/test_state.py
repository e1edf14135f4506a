"""`/state`: what the exporter writes is what the scaler reads, for every state there can be."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any

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
    to_json,
)
from scaler.clients.exporter import from_document
from scaler.model.errors import SnapshotUnavailableError

texts = st.text(max_size=8)
amounts = st.just(0.0) | st.floats(min_value=1e-4, max_value=1e15)  # Ray counts in ten-thousandths
resources = st.dictionaries(texts, amounts, max_size=4)
labels = st.builds(LabelConstraint, texts, st.sampled_from(["in", "not_in"]), st.lists(texts).map(tuple))
demands = st.builds(
    ResourceDemand, resources.map(bundle), st.integers(0, 10**6), st.lists(labels, max_size=2).map(tuple)
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
    constraints=st.lists(demands, max_size=3).map(tuple),
    demand_known=st.booleans(),
    pending_since=st.none() | st.floats(0, 4e9),
    session=texts,
)


def of_what_was_read(read: Any, written: Any) -> Any:
    """`written` as the type of `read` has it: the scaler's values have fewer fields than the exporter's."""
    if isinstance(read, tuple) and len(read) == len(written):
        return tuple(map(of_what_was_read, read, written))
    if not is_dataclass(read):
        return written
    shared = {field.name: getattr(read, field.name) for field in fields(read)}
    return type(read)(**{name: of_what_was_read(value, getattr(written, name)) for name, value in shared.items()})  # type: ignore[arg-type]


@given(states)
def test_the_scaler_reads_what_the_exporter_wrote(state: ClusterState) -> None:
    read = from_document(json.loads(json.dumps(to_json(state, now=0))))

    assert read == of_what_was_read(read, state)


def test_less_than_ray_counts_is_none() -> None:
    state = ClusterState(Source.GCS, 0.0, demands=(ResourceDemand(bundle({"CPU": 1e-9, "GPU": 1.0}), 1),))

    assert dict(from_document(to_json(state, 0)).demands[0].shape) == {"GPU": 1.0}


def test_what_an_older_exporter_does_not_say_is_none() -> None:
    document = to_json(ClusterState(Source.GCS, 0.0), 0)
    del document["constraints"], document["pending_since"]
    read = from_document(document)

    assert (read.constraints, read.pending_since) == ((), None)


def test_another_version_is_refused_by_name() -> None:
    document = to_json(ClusterState(Source.GCS, 0.0), 0) | {"version": STATE_VERSION + 1}

    with pytest.raises(SnapshotUnavailableError, match=f"version {STATE_VERSION + 1}, wanted {STATE_VERSION}"):
        from_document(document)
