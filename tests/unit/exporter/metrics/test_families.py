"""A view becomes metrics: the golden expositions, and the rules behind them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.metrics import shapes
from exporter.metrics.catalog import CATALOG
from exporter.metrics.families import samples
from exporter.sources.chain import Source
from ray_watcher_common.state import ClusterState, Demand, Gang, LabelConstraint, NodeStatus, Strategy, bundle
from support.exporter_golden import BUSY, DOWN, GOLDEN, HEAD, IDLE, NOW, RICH, THRESHOLDS, UP, exposition

if TYPE_CHECKING:
    from exporter.snapshots import View


def values(view: View, family: str) -> dict[tuple[str, ...], float]:
    """The samples of one family."""
    return {s.labels: s.value for s in samples(view, THRESHOLDS, 0.125) if s.family == family}


def of(state: ClusterState) -> View:
    """A fresh view of `state`."""
    return replace(UP, state=state)


@pytest.mark.parametrize("name", ["exporter.prom", "exporter_down.prom"])
def test_promtool_finds_nothing_to_say(name: str) -> None:
    result = subprocess.run(
        ["promtool", "check", "metrics"],
        input=(GOLDEN / name).read_text(encoding="utf-8"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_every_family_of_the_catalog_is_shown_by_the_golden_exposition() -> None:
    shown = set(re.findall(r"^# TYPE (\S+)", exposition(UP), re.MULTILINE))

    assert shown == {family.name for family in CATALOG}


def test_labels_are_as_the_catalog_says() -> None:
    counts = {family.name: len(family.labels) for family in CATALOG}

    assert all(len(s.labels) == counts[s.family] for view in (UP, DOWN) for s in samples(view, THRESHOLDS, None))


@pytest.mark.parametrize(
    "family",
    [
        *("raycluster_pending_tasks", "raycluster_pending_demand", "raycluster_infeasible_demand"),
        *("raycluster_resource_capacity", "raycluster_nodes", "raycluster_worker_idle_seconds"),
        *("raycluster_cpu_utilization_ratio", "raycluster_snapshot_age_seconds"),
    ],
)
def test_without_a_source_nothing_is_said_about_the_cluster(family: str) -> None:
    assert values(DOWN, family) == {}


def test_unknown_demand_is_absent_not_zero() -> None:
    view = of(replace(RICH, source=Source.CPU_HEURISTIC.value, demand_known=False, demands=(), gangs=()))

    assert values(view, "raycluster_pending_tasks") == {}
    assert values(view, "raycluster_demand_known") == {(): 0}
    assert values(view, "raycluster_source")[("cpu_heuristic",)] == 1


def test_known_empty_demand_is_zero() -> None:
    view = of(replace(RICH, demands=(), gangs=()))

    assert values(view, "raycluster_pending_tasks") == {(): 0}
    assert values(view, "raycluster_infeasible_demand") == {}


def test_shapes_beyond_the_cap_fold_into_other() -> None:
    demands = tuple(Demand(bundle({"CPU": n + 1}), 1000 - n) for n in range(shapes.MAX_SHAPES + 68))

    pending = values(of(replace(RICH, demands=demands, gangs=())), "raycluster_pending_demand")
    assert len(pending) == shapes.MAX_SHAPES + 1
    assert pending[("task", "CPU:1")] == 1000
    assert sum(pending.values()) == sum(demand.count for demand in demands)
    assert pending[("task", "other")] == sum(1000 - n for n in range(shapes.MAX_SHAPES, shapes.MAX_SHAPES + 68))


def test_what_is_requested_is_summed_by_resource_and_is_no_demand() -> None:
    assert values(UP, "raycluster_requested_resources") == {("CPU",): 8 + 2 * 4, ("GPU",): 2}
    assert values(of(replace(RICH, constraints=())), "raycluster_pending_tasks") == values(
        UP, "raycluster_pending_tasks"
    )


def test_dead_nodes_and_markers_are_no_capacity() -> None:
    capacity = values(UP, "raycluster_resource_capacity")

    assert set(capacity) == {("CPU",), ("GPU",), ("memory",), ("object_store_memory",)}
    assert capacity[("CPU",)] == 2 + 4 + 4 + 4


def test_shares_of_placement_groups_are_no_capacity() -> None:
    name = "CPU_group_0_88f17ea389777636caa73bba424e01000000"
    node = replace(BUSY, total={**BUSY.total, name: 1})

    assert (name,) not in values(of(replace(RICH, nodes=(node,))), "raycluster_resource_capacity")


def test_a_head_without_cpus_has_no_cpu_ratio() -> None:
    view = of(replace(RICH, nodes=(replace(HEAD, total={"memory": 1.0}),)))

    assert values(view, "raycluster_cpu_utilization_ratio") == {}
    assert values(view, "raycluster_node_cpu_utilization_ratio") == {}


def test_the_head_and_foreign_nodes_are_no_workers() -> None:
    foreign = replace(IDLE, node_id="ff" * 28, instance_id="")
    named_head = replace(HEAD, instance_id="head-0")

    assert values(of(replace(RICH, nodes=(named_head, foreign))), "raycluster_worker_idle_seconds") == {}


def test_a_worker_that_ray_shows_twice_is_one_series_and_as_busy_as_the_busier() -> None:
    lost = replace(IDLE, node_id="ee" * 28)
    new = replace(IDLE, status=NodeStatus.RUNNING, idle_seconds=0.0)

    idle = values(of(replace(RICH, nodes=(HEAD, lost, new))), "raycluster_worker_idle_seconds")
    assert idle == {(IDLE.instance_id, "default"): 0.0}


def test_no_series_appears_twice() -> None:
    seen = [(s.family, s.labels) for s in samples(UP, THRESHOLDS, 0.5)]

    assert len(seen) == len(set(seen))


def test_under_the_heuristic_the_host_cpu_is_that_of_the_nodes() -> None:
    nodes = (replace(BUSY, host_cpu_ratio=0.5), replace(IDLE, host_cpu_ratio=0.7))
    view = of(replace(RICH, source=Source.CPU_HEURISTIC.value, nodes=nodes, demand_known=False))

    assert values(view, "raycluster_host_cpu_utilization_ratio") == {(): pytest.approx(0.6)}


@pytest.mark.parametrize(
    ("shape", "selectors", "expected"),
    [
        ({"CPU": 4}, (), 0),
        ({"CPU": 4.5}, (), 1),
        ({"TPU": 1}, (), 1),
        ({"CPU": 1, "GPU": 1}, (), 0),
        ({}, (), 0),
        ({"CPU": 1}, (LabelConstraint("zone", "in", ("a",)),), 0),
        ({"CPU": 1}, (LabelConstraint("zone", "in", ("c",)),), 1),
        ({"CPU": 1}, (LabelConstraint("rack", "not_in", ("r1",)),), 0),
        ({"GPU": 1}, (LabelConstraint("zone", "in", ("a",)),), 1),
    ],
    ids=[
        *("fits an empty node", "larger than every node", "a resource nobody has", "fits one node only"),
        *("needs nothing", "label is there", "label is not there", "label to avoid is nowhere", "room, but unlabelled"),
    ],
)
def test_demand_is_infeasible_when_no_living_node_could_ever_run_it(
    shape: dict[str, float], selectors: tuple[LabelConstraint, ...], expected: int
) -> None:
    state = replace(RICH, nodes=(HEAD, BUSY, IDLE), demands=(Demand(bundle(shape), 1, selectors),), gangs=())

    assert sum(shapes.infeasible(state).values()) == expected


def test_a_fallback_that_a_node_meets_makes_demand_feasible() -> None:
    nowhere, zone_a = (LabelConstraint("zone", "in", (zone,)) for zone in "ca")
    demand = Demand(bundle({"CPU": 1}), 1, (nowhere,), ((zone_a,),))

    assert shapes.infeasible(replace(RICH, demands=(demand,), gangs=())) == {}


def test_nodes_that_hold_a_bundle_of_a_spread_group_have_no_room_for_another_one() -> None:
    gang = Gang((Demand(bundle({"CPU": 1}), 1),), Strategy.STRICT_SPREAD, group="aa" * 18)
    holders = tuple(replace(node, groups=("aa" * 18,)) for node in (BUSY, IDLE))

    assert shapes.infeasible(replace(RICH, nodes=holders, demands=(), gangs=(gang,))) == {"CPU:1": 1}
    assert shapes.infeasible(replace(RICH, nodes=(*holders, HEAD), demands=(), gangs=(gang,))) == {}


def test_dead_and_draining_nodes_make_nothing_feasible() -> None:
    leaving = tuple(replace(IDLE, status=status) for status in (NodeStatus.DEAD, NodeStatus.DRAINING))
    state = replace(RICH, nodes=leaving, demands=(Demand(bundle({"CPU": 1}), 5),), gangs=())

    assert shapes.infeasible(state) == {"CPU:1": 5}


def test_the_age_in_state_is_the_age_in_metrics() -> None:
    assert values(UP, "raycluster_snapshot_age_seconds") == {(): NOW - RICH.observed_at}
