"""What the dashboard says becomes the same ClusterState as far as it can; old and broken answers are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporter.sources.camel import Names, camel_case
from exporter.sources.chain import Source
from exporter.sources.cpu_heuristic import estimate
from exporter.sources.dashboard import fresh_status, parse
from exporter.sources.errors import SourceBrokenError, SourceStaleError, SourceUnavailableError
from exporter.sources.gcs_reply import parse as parse_gcs
from ray_watcher_common.state import HEAD_RESOURCE, NodeStatus, Strategy
from support.paths import TESTS

RECORDED = TESTS / "recorded"


def recorded(name: str) -> dict[str, Any]:
    """The `data` of a recorded reply."""
    data: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["data"]
    return data


STATUS = recorded("cluster_status_busy")["clusterStatus"]
NODES = recorded("nodes_busy")


def test_dashboard_and_gcs_agree_on_what_waits() -> None:
    from_gcs = parse_gcs((RECORDED / "gcs_busy.pb").read_bytes(), 0)
    state = parse(STATUS, NODES)

    without_labels: dict[object, int] = {}
    for demand in from_gcs.demands:
        without_labels[demand.shape] = without_labels.get(demand.shape, 0) + demand.count
    assert {demand.shape: demand.count for demand in state.demands} == without_labels
    assert sorted(gang.strategy for gang in state.gangs) == sorted(gang.strategy for gang in from_gcs.gangs)
    assert state.pending == from_gcs.pending


def test_dashboard_and_gcs_agree_on_nodes_and_their_resources() -> None:
    from_gcs = {node.node_id: node for node in parse_gcs((RECORDED / "gcs_busy.pb").read_bytes(), 0).alive}
    from_dashboard = {node.node_id: node for node in parse(STATUS, NODES).alive}

    assert from_dashboard.keys() == from_gcs.keys()
    for node_id, node in from_dashboard.items():
        twin = from_gcs[node_id]
        assert (node.total, node.instance_id, node.worker_type) == (twin.total, twin.instance_id, twin.worker_type)
        assert {name: node.used(name) for name in node.total} == pytest.approx(
            {name: twin.used(name) for name in twin.total}, abs=0.01
        )


def test_the_dashboard_knows_the_head_and_the_dead() -> None:
    nodes = parse(STATUS, NODES).nodes

    assert [node.is_head for node in nodes].count(True) == 1
    assert [node.status for node in nodes].count(NodeStatus.DEAD) == 1


def test_the_dashboard_tells_no_idle_time_so_nothing_counts_as_idle() -> None:
    nodes = parse(recorded("cluster_status_idle")["clusterStatus"], recorded("nodes_idle")).nodes

    assert {node.idle_seconds for node in nodes} == {0.0}
    assert not any(node.is_idle for node in nodes)


def test_each_of_several_equal_placement_groups_is_a_gang() -> None:
    report = STATUS["loadMetricsReport"] | {
        "pgDemand": [[{"bundles": [[{"CPU": 1.0}, 2]], "strategy": "STRICT_PACK"}, 3]]
    }

    gangs = parse(STATUS | {"loadMetricsReport": report}, NODES).gangs
    assert [gang.strategy for gang in gangs] == [Strategy.STRICT_PACK] * 3


def test_dashboard_and_gcs_agree_on_what_is_requested() -> None:
    replies = [(RECORDED / name).read_bytes() for name in ("gcs_busy.pb", "kv_busy.pb")]
    from_gcs = parse_gcs(replies[0], 0, replies[1])

    assert parse(STATUS, NODES).constraints == from_gcs.constraints
    assert from_gcs.constraints


def test_a_node_that_just_joined_is_free() -> None:
    report = STATUS["loadMetricsReport"] | {"usageByNode": {}}

    assert all(node.used("CPU") == 0 for node in parse(STATUS | {"loadMetricsReport": report}, NODES).alive)


@pytest.mark.parametrize(("age", "fresh"), [(0, True), (14.9, True), (15.1, False), (86_400, False), (-3, True)])
def test_a_status_that_the_monitor_no_longer_writes_is_refused(age: float, fresh: bool) -> None:
    data = {"clusterStatus": STATUS}
    now = STATUS["time"] + age

    if fresh:
        assert fresh_status(data, now, stale_after=15) == STATUS
    else:
        with pytest.raises(SourceStaleError, match=f"{age:.0f} s old, wanted at most 15 s"):
            fresh_status(data, now, stale_after=15)


def test_before_the_monitor_wrote_anything_there_is_no_answer() -> None:
    with pytest.raises(SourceUnavailableError, match="no cluster status"):
        fresh_status({"clusterStatus": None}, 0, 15)


@pytest.mark.parametrize(
    "status",
    [
        {"time": 1.0},
        {"time": 1.0, "loadMetricsReport": None},
        {"time": 1.0, "loadMetricsReport": {"nodeTypes": 3}},
        STATUS | {"loadMetricsReport": STATUS["loadMetricsReport"] | {"resourceDemand": [["CPU", "one"]]}},
    ],
    ids=["no report", "null report", "a number for a list", "text for a bundle"],
)
def test_a_status_of_another_form_is_refused(status: dict[str, Any]) -> None:
    with pytest.raises(SourceBrokenError, match="not as Ray writes it"):
        parse(status, NODES)


@pytest.mark.parametrize("data", [{}, {"clusterStatus": {"time": "noon"}}, {"clusterStatus": []}, []])
def test_a_reply_of_another_form_is_never_an_answer(data: Any) -> None:
    with pytest.raises((SourceBrokenError, SourceUnavailableError)):
        fresh_status(data, 0, 15)


def test_a_dashboard_that_knows_no_node_is_not_an_empty_cluster() -> None:
    with pytest.raises(SourceUnavailableError, match="knows no node yet"):
        parse(STATUS, {"summary": [{"raylet": {}}]})


@pytest.mark.parametrize(
    ("name", "camel"),
    [
        ("CPU", "CPU"),
        ("object_store_memory", "objectStoreMemory"),
        (HEAD_RESOURCE, "node:InternalHead"),
        ("node:192.0.2.2", "node:192.0.2.2"),
        ("my_fast_disk", "myFastDisk"),
    ],
)
def test_camel_cased_names_find_back(name: str, camel: str) -> None:
    assert camel_case(name) == camel
    assert Names([name]).original(camel) == name


# --- the CPU heuristic -------------------------------------------------------------------------------------

NEWEST = max(entry["now"] for entry in NODES["summary"])


def test_the_heuristic_says_that_demand_is_unknown() -> None:
    state = estimate(NODES, NEWEST, 15)

    assert (state.source, state.demand_known, state.demands, state.gangs) == (Source.CPU_HEURISTIC, False, (), ())
    assert state.observed_at == NEWEST


def test_a_node_counts_as_busy_as_its_host() -> None:
    for node in estimate(NODES, NEWEST, 15).alive:
        assert node.host_cpu_ratio is not None
        if "CPU" in node.total:
            assert node.used("CPU") / node.total["CPU"] == pytest.approx(node.host_cpu_ratio)
        assert node.total.keys() <= {"CPU", HEAD_RESOURCE}
        assert not node.is_idle


def test_the_heuristic_keeps_worker_ids_and_the_head() -> None:
    alive = estimate(NODES, NEWEST, 15).alive

    assert sorted(node.instance_id for node in alive) == ["", "worker-1-000001", "worker-2-000002"]
    assert [node.is_head for node in alive].count(True) == 1


def test_a_dead_node_does_not_tell_its_cpu() -> None:
    state = estimate(NODES, NEWEST, 15)

    assert [node.host_cpu_ratio for node in state.nodes if not node.alive] == [None]


def test_old_samples_are_refused() -> None:
    with pytest.raises(SourceStaleError, match=r"within 15 s; .*16 s"):
        estimate(NODES, NEWEST + 16, 15)


def test_nodes_that_never_told_their_cpu_are_refused() -> None:
    summary = [{"raylet": entry["raylet"]} for entry in NODES["summary"]]

    with pytest.raises(SourceStaleError, match=r" 15 s$"):
        estimate({"summary": summary}, NEWEST, 15)


@pytest.mark.parametrize("data", [{}, {"summary": None}, {"summary": ["x"]}], ids=["empty", "null", "text"])
def test_nodes_of_another_form_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(SourceBrokenError, match="not as Ray writes it"):
        estimate(data, 0, 15)
