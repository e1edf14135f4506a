"""What the GCS says becomes a ClusterState; every pitfall of its replies, from recorded bytes and from built ones."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.sources import gcs_pb2 as pb
from exporter.sources.chain import Source
from exporter.sources.errors import SourceBrokenError, SourceUnavailableError
from exporter.sources.gcs_reply import parse
from ray_watcher_common.state import ClusterState, Demand, Gang, LabelConstraint, NodeStatus, Strategy, bundle
from support.paths import TESTS

RECORDED = TESTS / "recorded"
GROUP = "88f17ea389777636caa73bba424e01000000"


@pytest.fixture
def busy() -> ClusterState:
    replies = [(RECORDED / name).read_bytes() for name in ("gcs_busy.pb", "kv_busy.pb")]
    return parse(replies[0], 100.0, replies[1])


@pytest.fixture
def idle() -> ClusterState:
    replies = [(RECORDED / name).read_bytes() for name in ("gcs_idle.pb", "kv_idle.pb")]
    return parse(replies[0], 100.0, replies[1])


@pytest.fixture
def regrouped() -> ClusterState:
    """A worker died that held shares of two of the groups; a third group and a task have not been placed."""
    return parse((RECORDED / "gcs_groups.pb").read_bytes(), 100.0, (RECORDED / "kv_groups.pb").read_bytes())


def reply(*requests: tuple[dict[str, float], int]) -> bytes:
    """A reply with one node and these waiting requests."""
    state = pb.ClusterResourceState(
        node_states=[pb.NodeState(node_id=b"\x01" * 28, status=pb.RUNNING)],
        pending_resource_requests=[
            pb.ResourceRequestByCount(request=pb.ResourceRequest(resources_bundle=resources), count=count)
            for resources, count in requests
        ],
    )
    return pb.GetClusterResourceStateReply(cluster_resource_state=state).SerializeToString()


def test_tasks_actors_gpus_and_custom_resources_are_counted_exactly(busy: ClusterState) -> None:
    counts = {demand.shape: demand.count for demand in busy.demands if not demand.selectors}

    assert counts == {
        bundle({"CPU": 1, "busy": 0.1}): 3,
        bundle({"CPU": 4}): 100,
        bundle({"CPU": 0.5, "GPU": 1}): 7,
        bundle({"CPU": 1, "accelerator": 2}): 3,
        bundle({"CPU": 8}): 2,
    }


def test_a_task_that_waits_for_its_arguments_is_no_demand(busy: ClusterState) -> None:
    assert bundle({"CPU": 16}) not in {demand.shape for demand in busy.demands}


def test_tasks_that_wait_inside_a_placement_group_are_left_out(busy: ClusterState) -> None:
    assert not [demand for demand in busy.demands for name, _ in demand.shape if "_group_" in name]


def test_a_resource_of_the_user_may_be_called_group() -> None:
    state = parse(reply(({"my_group_a": 1}, 2)), 0)

    assert state.demands == (Demand(bundle({"my_group_a": 1}), 2),)


@pytest.mark.parametrize(
    "name",
    [f"CPU_group_{GROUP}", f"CPU_group_0_{GROUP}", f"bundle_group_12_{GROUP}"],
    ids=["whole", "first", "twelfth"],
)
def test_a_share_of_a_placement_group_is_no_demand(name: str) -> None:
    assert parse(reply(({name: 1}, 2)), 0).demands == ()


def test_label_selectors_keep_a_request_apart(busy: ClusterState) -> None:
    labelled = [demand for demand in busy.demands if demand.selectors]

    zone, disk = LabelConstraint("zone", "in", ("a", "b")), LabelConstraint("disk", "not_in", ("hdd",))
    assert labelled == [Demand(bundle({"CPU": 4}), 1, (disk, zone))]


def test_fallbacks_of_a_selector_are_kept_in_their_order(regrouped: ClusterState) -> None:
    zone_a, zone_b = LabelConstraint("zone", "in", ("a",)), LabelConstraint("zone", "in", ("b",))
    not_c = LabelConstraint("zone", "not_in", ("c",))

    assert regrouped.demands == (Demand(bundle({"CPU": 3}), 1, (zone_a,), ((zone_b,), (not_c,))),)


def test_an_operator_that_is_not_known_is_met_by_no_node() -> None:
    selector = pb.LabelSelector(label_constraints=[pb.LabelSelectorConstraint(label_key="zone")])
    request = pb.ResourceRequest(resources_bundle={"CPU": 1}, label_selectors=[selector])
    by_count = [pb.ResourceRequestByCount(request=request, count=1)]
    state = pb.ClusterResourceState(node_states=[pb.NodeState(node_id=b"1")], pending_resource_requests=by_count)
    (demand,) = parse(pb.GetClusterResourceStateReply(cluster_resource_state=state).SerializeToString(), 0).demands

    assert demand.selectors[0].key == "zone"
    assert not demand.may_run_on({"zone": "a"})
    assert not demand.may_run_on({})


def test_equal_shapes_are_one_demand() -> None:
    state = parse(reply(({"CPU": 1}, 2), ({"GPU": 1}, 1), ({"CPU": 1.0, "GPU": 0}, 3)), 0)

    assert state.demands == (Demand(bundle({"CPU": 1}), 5), Demand(bundle({"GPU": 1}), 1))


def test_placement_groups_are_gangs_with_their_strategy(busy: ClusterState) -> None:
    two = (Demand(bundle({"CPU": 4}), 2),)

    assert sorted(busy.gangs, key=lambda gang: gang.strategy) == [
        Gang(two, Strategy.ANY, group="1bb269728468d4a582a71c14b57701000000"),  # PACK and SPREAD are wishes
        Gang(two, Strategy.ANY, group="059387ae9b721cb312a333ac902401000000"),
        Gang(two, Strategy.STRICT_PACK, group="d86a238cb51c5d487d5ec0560ff201000000"),
        Gang(two, Strategy.STRICT_SPREAD, group="4649a2953023a9ae51a27acbd20201000000"),
    ]


def test_a_group_that_lost_a_node_names_itself_as_do_the_nodes_that_hold_the_rest(regrouped: ClusterState) -> None:
    (lost,) = [gang for gang in regrouped.gangs if gang.bundles == (Demand(bundle({"CPU": 1}), 1),)]
    holders = [node.instance_id for node in regrouped.alive if lost.group in node.groups]

    assert (lost.strategy, lost.same_label) == (Strategy.STRICT_SPREAD, "")
    assert holders == ["worker-1-000001", "worker-3-000003"]


def test_a_topology_strategy_names_its_label_and_the_value_once_bundles_are_placed(regrouped: ClusterState) -> None:
    on_racks = {gang.bundles[0].shape: gang for gang in regrouped.gangs if gang.same_label}
    rack_a = (LabelConstraint("rack", "in", ("a",)),)

    assert {gang.same_label for gang in on_racks.values()} == {"rack"}
    assert on_racks[bundle({"CPU": 0.5})].bundles == (Demand(bundle({"CPU": 0.5}), 1, rack_a),)
    assert on_racks[bundle({"CPU": 2})].bundles == (Demand(bundle({"CPU": 2}), 2),)


def test_pending_counts_the_bundles_of_gangs(busy: ClusterState) -> None:
    assert busy.pending == 3 + 100 + 7 + 3 + 2 + 1 + 4 * 2


def test_a_resource_that_is_used_up_is_missing_from_available_and_counts_as_used(busy: ClusterState) -> None:
    (worker,) = (node for node in busy.nodes if node.instance_id == "worker-1-000001")

    assert "CPU" not in worker.available
    assert worker.used("CPU") == 2


def test_a_head_without_cpus_has_no_cpu_total(busy: ClusterState) -> None:
    (head,) = (node for node in busy.nodes if node.is_head)

    assert "CPU" not in head.total
    assert head.used("CPU") == 0


def test_a_dead_node_stays_in_the_list_but_not_among_the_living(idle: ClusterState) -> None:
    dead = [node.instance_id for node in idle.nodes if node.status is NodeStatus.DEAD]

    assert dead == ["worker-3-000003"]
    assert "worker-3-000003" not in {node.instance_id for node in idle.alive}


def test_idle_workers_say_for_how_long(idle: ClusterState) -> None:
    workers = {node.instance_id: node for node in idle.alive if node.instance_id}

    assert {node.status for node in workers.values()} == {NodeStatus.IDLE}
    assert all(10 < node.idle_seconds < 30 for node in workers.values())
    assert {node.worker_type for node in workers.values()} == {"default"}


def test_an_idle_cluster_waits_for_nothing(idle: ClusterState) -> None:
    assert (idle.pending, idle.demand_known, idle.source, idle.observed_at) == (0, True, Source.GCS, 100.0)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (pb.RUNNING, NodeStatus.RUNNING),
        (pb.IDLE, NodeStatus.IDLE),
        (pb.DRAINING, NodeStatus.DRAINING),
        (pb.DEAD, NodeStatus.DEAD),
        (pb.UNSPECIFIED, NodeStatus.RUNNING),
        (9, NodeStatus.RUNNING),
    ],
    ids=["running", "idle", "draining", "dead", "unspecified-is-not-idle", "one-of-a-later-ray-is-not-idle"],
)
def test_every_node_status_is_read(status: Any, expected: NodeStatus) -> None:
    state = pb.ClusterResourceState(node_states=[pb.NodeState(status=status)])
    message = pb.GetClusterResourceStateReply(cluster_resource_state=state)

    assert parse(message.SerializeToString(), 0).nodes[0].status is expected


def test_the_order_of_labels_and_their_values_does_not_matter() -> None:
    state = pb.GetClusterResourceStateReply.FromString(reply(({"CPU": 1}, 1), ({"CPU": 1}, 1)))
    one, two = ("a", ["x", "y"]), ("b", ["z"])
    orders = ((one, two), (two, ("a", ["y", "x"])))
    for by_count, order in zip(state.cluster_resource_state.pending_resource_requests, orders, strict=True):
        by_count.request.label_selectors.add().label_constraints.extend(
            pb.LabelSelectorConstraint(label_key=key, operator=pb.LABEL_OPERATOR_IN, label_values=some)
            for key, some in order
        )

    assert [demand.count for demand in parse(state.SerializeToString(), 0).demands] == [2]


def test_the_first_of_several_label_selectors_counts_the_others_are_fallbacks() -> None:
    selectors = [
        pb.LabelSelector(
            label_constraints=[
                pb.LabelSelectorConstraint(label_key="zone", operator=pb.LABEL_OPERATOR_IN, label_values=[zone])
            ]
        )
        for zone in ("a", "b")
    ]
    state = pb.GetClusterResourceStateReply.FromString(reply(({"CPU": 1}, 1)))
    state.cluster_resource_state.pending_resource_requests[0].request.label_selectors.extend(selectors)

    (demand,) = parse(state.SerializeToString(), 0).demands
    assert demand.selectors == (LabelConstraint("zone", "in", ("a",)),)


def test_fields_that_we_do_not_know_are_skipped() -> None:
    unknown_field = b"\xf2\x3f\x02hi"  # field 1022, two bytes

    assert parse(reply(({"CPU": 1}, 1)) + unknown_field, 0).pending == 1


def requested(*requests: tuple[dict[str, float], int]) -> bytes:
    """A reply of a head with autoscaler v2, after `request_resources`."""
    state = pb.GetClusterResourceStateReply.FromString(reply())
    state.cluster_resource_state.cluster_resource_constraints.add().resource_requests.extend(
        pb.ResourceRequestByCount(request=pb.ResourceRequest(resources_bundle=resources), count=count)
        for resources, count in requests
    )
    return state.SerializeToString()


def kept(value: bytes) -> bytes:
    """A reply of Ray's key-value store."""
    return pb.InternalKVGetReply(value=value).SerializeToString()


def test_the_last_call_of_request_resources_counts(busy: ClusterState, idle: ClusterState) -> None:
    assert busy.constraints == (
        Demand(bundle({"CPU": 1}), 2),
        Demand(bundle({"CPU": 4, "GPU": 1}), 1),
        Demand(bundle({"accelerator": 2}), 1),
    )
    assert idle.constraints == ()


CPUS = Demand(bundle({"CPU": 1}), 2), Demand(bundle({"CPU": 4, "GPU": 1}), 1)


@pytest.mark.parametrize(
    ("state", "store", "expected"),
    [
        pytest.param(requested(({"CPU": 1}, 2), ({"CPU": 4, "GPU": 1}, 1)), b"", CPUS, id="autoscaler v2"),
        pytest.param(reply(), kept(b'[{"CPU": 1}, {"CPU": 4, "GPU": 1}, {"CPU": 1}]'), CPUS, id="autoscaler v1"),
        pytest.param(
            reply(), kept(b'[7, {"CPU": 1}, {"CPU": "x"}, {"CPU": 4, "GPU": 1}, {"CPU": 1}]'), CPUS, id="with nonsense"
        ),
        pytest.param(reply(), kept(b"[]"), (), id="taken back"),
        pytest.param(reply(), kept(b""), (), id="never asked"),
    ],
)
def test_what_request_resources_asks_for_is_a_constraint_and_no_demand(
    state: bytes, store: bytes, expected: tuple[Demand, ...]
) -> None:
    read = parse(state, 0, store)

    assert (read.constraints, read.demands) == (expected, ())


@pytest.mark.parametrize("value", [b"<html>", b'{"CPU": 1}', b'[["CPU", 1]]', b'[{"CPU": "one"}]', b"7"])
def test_a_request_of_another_form_is_refused(value: bytes) -> None:
    with pytest.raises(SourceBrokenError, match="no list of bundles"):
        parse(reply(), 0, kept(value))


@pytest.mark.parametrize("answer", [b"\xff\xff\xff", b"<html>"], ids=["noise", "a web page"])
def test_bytes_of_another_protocol_are_refused(answer: bytes) -> None:
    with pytest.raises(SourceBrokenError, match="no GetClusterResourceStateReply"):
        parse(answer, 0)


def test_a_gcs_that_knows_no_node_yet_is_not_an_empty_cluster() -> None:
    with pytest.raises(SourceUnavailableError, match="knows no node yet"):
        parse(b"", 0)
