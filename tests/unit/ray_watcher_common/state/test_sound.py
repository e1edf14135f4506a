"""One odd node or request costs itself: what cannot be true is left out, and everything else stays."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from exporter.metrics.families import Thresholds, families
from exporter.snapshots import View
from ray_watcher_common.state import (
    ClusterState,
    Demand,
    Gang,
    Node,
    NodeStatus,
    StateDocumentError,
    bundle,
    read_document,
    sound,
    to_document,
)

GOOD = Node("aa", NodeStatus.IDLE, "worker-1-abcdef", total={"CPU": 4.0}, available={"CPU": 4.0}, idle_seconds=9.0)
OTHER = Node("bb", NodeStatus.RUNNING, "worker-2-abcdef", total={"CPU": 4.0}, available={"CPU": 1.0})
WANTED = Demand(bundle({"CPU": 1.0}), 3)


def state(*nodes: Node, demands: tuple[Demand, ...] = (WANTED,), gangs: tuple[Gang, ...] = ()) -> ClusterState:
    return ClusterState(0.0, "gcs", nodes=nodes, demands=demands, gangs=gangs)


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf, -1.0, 1e300], ids=str)
def test_an_amount_that_cannot_be_is_left_out_of_its_node_alone(amount: float) -> None:
    odd = replace(OTHER, total={"CPU": 4.0, "odd": amount}, available={"CPU": amount})

    found, problems = sound(state(GOOD, odd))

    assert found.nodes == (GOOD, replace(OTHER, total={"CPU": 4.0}, available={}))
    assert len(problems) == 2


@pytest.mark.parametrize(
    "shape", [{"CPU": math.nan}, {"CPU": math.inf}, {"CPU": -1.0}, {"CPU": 1.0, "memory": 1e300}], ids=str
)
def test_a_request_that_nothing_can_serve_is_left_out_alone(shape: dict[str, float]) -> None:
    odd = Demand(bundle(shape), 1)

    found, problems = sound(state(GOOD, demands=(odd, WANTED), gangs=(Gang((WANTED, odd)), Gang((WANTED,)))))

    assert (found.demands, found.gangs) == ((WANTED,), (Gang((WANTED,)),))
    assert len(problems) == 2


@pytest.mark.parametrize("count", [-1, 10**12])
def test_a_count_that_cannot_be_is_left_out(count: int) -> None:
    assert sound(state(GOOD, demands=(replace(WANTED, count=count), WANTED)))[0].demands == (WANTED,)


def test_of_two_nodes_with_one_id_the_living_one_stays() -> None:
    dead = replace(OTHER, node_id="aa", status=NodeStatus.DEAD)

    assert sound(state(dead, GOOD, OTHER))[0].nodes == (GOOD, OTHER)
    assert sound(state(GOOD, dead, OTHER))[0].nodes == (GOOD, OTHER)
    assert sound(state(GOOD, replace(OTHER, node_id="aa")))[0].nodes == (GOOD,)


def test_nodes_without_an_id_are_different_nodes() -> None:
    nameless = (replace(GOOD, node_id="", instance_id=""), replace(OTHER, node_id="", instance_id=""))

    assert sound(state(*nameless)) == (state(*nameless), ())


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -5.0], ids=str)
def test_an_idle_time_that_cannot_be_is_none(seconds: float) -> None:
    found = sound(state(replace(GOOD, idle_seconds=seconds, host_cpu_ratio=math.nan)))[0].nodes[0]

    assert (found.idle_seconds, found.host_cpu_ratio) == (0.0, None)


def test_a_sound_state_is_itself() -> None:
    assert sound(state(GOOD, OTHER)) == (state(GOOD, OTHER), ())


NODE = to_document(state(OTHER), 0)["nodes"][0]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        pytest.param({"total": {"CPU": "many"}}, "busy", id="an amount in words"),
        pytest.param({"total": None}, "busy", id="no resources"),
        pytest.param({"labels": {"a": 1}}, "busy", id="a number for a label"),
        pytest.param({"status": "SLEEPING"}, "busy", id="an unknown status"),
        pytest.param({"activity": 7}, "busy", id="no list of activities"),
        pytest.param({"idle_seconds": "long"}, "busy", id="a time in words"),
        pytest.param({"ip": None}, "busy", id="no address"),
        pytest.param({"total": {"CPU": 10**400}}, "busy", id="more than a number can be"),
        pytest.param({"node_id": 5}, "gone", id="a number for an id"),
        pytest.param({"instance_id": None}, "gone", id="nothing for a worker's id"),
    ],
)
def test_an_unreadable_node_costs_itself_and_its_worker_is_left_alone(change: dict[str, Any], left: str) -> None:
    document = json.loads(json.dumps(to_document(state(GOOD, OTHER), 0)))
    document["nodes"][1] = {**NODE, **change}

    found, problems = read_document(document)

    unreadable = Node("bb", NodeStatus.RUNNING, "worker-2-abcdef", activity=("unreadable",))
    assert found.nodes == ((GOOD, unreadable) if left == "busy" else (GOOD,))
    assert len(problems) == (0 if left == "busy" else 1)
    assert found.demands == (WANTED,)


@pytest.mark.parametrize(
    ("key", "item"),
    [
        ("demands", {}),
        ("demands", {"shape": {"CPU": "x"}, "count": 1, "selectors": []}),
        ("demands", {"shape": {"CPU": 1}, "count": "x", "selectors": []}),
        ("demands", {"shape": {"CPU": 1}, "count": 1, "selectors": [{"key": "a", "operator": "?", "values": []}]}),
        ("demands", None),
        ("gangs", {"strategy": "MAGIC", "bundles": []}),
        ("constraints", []),
    ],
    ids=str,
)
def test_an_unreadable_request_costs_itself(key: str, item: Any) -> None:
    document = to_document(replace(state(GOOD, gangs=(Gang((WANTED,)),)), constraints=(WANTED,)), 0)
    before = read_document(document)[0]
    document[key] = [item, *document[key]]

    found, problems = read_document(document)

    assert (found, len(problems)) == (before, 1)


def test_a_document_in_which_no_node_can_be_read_is_no_empty_cluster() -> None:
    document = to_document(state(GOOD), 0)
    document["nodes"] = [{}, 5]

    with pytest.raises(StateDocumentError):
        read_document(document)


def test_two_nodes_that_look_the_same_are_one_series() -> None:
    twins = (replace(GOOD, node_id="", instance_id="a\x1b"), replace(OTHER, node_id="", instance_id="a\\x1b"))
    for family in families(View(state(*twins)), Thresholds(0, 0.8, 60.0), None):
        labels = [tuple(sorted(sample.labels.items())) for sample in family.samples]
        assert len(labels) == len(set(labels))
