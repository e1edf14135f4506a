"""How demand is packed, whatever order it comes in; `plan_cases` has what becomes of it in a plan."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from ray_watcher_common.state import Demand, Gang, LabelConstraint, Strategy, bundle
from scaler.packing.capacity import Slot, fresh, grouped, sight
from scaler.packing.line import requests_of
from scaler.packing.room import Room
from scaler.packing.solver import solve
from support.builders import ONE_CPU, demand, worker_type

if TYPE_CHECKING:
    from random import Random

KINDS = (
    worker_type(name="cpu", num_cpus=4, labels=(("zone", "a"),)),
    worker_type(name="cpu-too", num_cpus=4),
    worker_type(name="gpu", num_cpus=2, num_gpus=1),
)
LIMITS = {kind.name: 3 for kind in KINDS}
SHAPES = [{"CPU": 1.0}, {"CPU": 0.1}, {"CPU": 3.0}, {"CPU": 1.0, "GPU": 0.5}, {"memory": 1e9}]

selectors = st.lists(
    st.builds(LabelConstraint, st.just("zone"), st.sampled_from(["in", "not_in"]), st.sampled_from([("a",), ("b",)])),
    max_size=1,
).map(tuple)
requests = st.builds(Demand, st.sampled_from(SHAPES).map(bundle), st.integers(1, 12), selectors)
demands = st.lists(requests, max_size=4, unique_by=lambda one: (one.shape, one.selectors))
gangs = st.lists(st.builds(Gang, st.tuples(requests), st.sampled_from(Strategy)), max_size=2)


@st.composite
def nodes(draw: st.DrawFn) -> Slot:
    """A node with some of it in use."""
    total = {"CPU": draw(st.sampled_from([2.0, 4.0])), "GPU": draw(st.sampled_from([0.0, 1.0])), "memory": 4e9}
    share = draw(st.sampled_from([0.0, 0.5, 1.0]))
    free = {name: amount * share for name, amount in total.items()}
    return Slot(free, total, {"zone": draw(st.sampled_from(["a", "b"]))})


def workers() -> st.SearchStrategy[list[Slot]]:
    """Nodes, and workers that join."""
    return st.lists(nodes() | st.sampled_from(KINDS).map(fresh), max_size=6)


def roomy() -> Room:
    """No limit that matters here."""
    return Room(1000, {kind.name: 1000 for kind in KINDS})


def packed(some: list[Demand], groups: list[Gang], there: list[Slot]) -> tuple[Counter[str], int, int]:
    """Launched types, and how many requests wait and are infeasible."""
    packing = solve(some, groups, there, KINDS, Room(6, dict(LIMITS)))
    infeasible = sum(left.count for left in packing.infeasible)
    return Counter(kind.name for kind in packing.launches), packing.unmet, infeasible


@settings(max_examples=settings().max_examples // 2)  # each is solved twice, with six nodes
@given(demands, gangs, workers(), st.randoms())
def test_the_order_of_demand_and_workers_does_not_matter(
    some: list[Demand], groups: list[Gang], there: list[Slot], random: Random
) -> None:
    shuffled = packed(
        random.sample(some, len(some)), random.sample(groups, len(groups)), random.sample(there, len(there))
    )

    assert shuffled == packed(some, groups, there)


@given(demands, gangs, st.lists(nodes(), max_size=6))
def test_once_its_workers_join_nothing_more_is_launched(
    some: list[Demand], groups: list[Gang], there: list[Slot]
) -> None:
    first = solve(some, groups, there, KINDS, roomy())
    again = solve(some, groups, [*there, *map(fresh, first.launches)], KINDS, roomy())

    assert first.unmet == 0
    assert again.launches == ()
    assert again.unmet == 0


def test_nodes_are_told_apart_only_by_what_the_demand_asks_for() -> None:
    nodes = [
        Slot({"CPU": 1.0, f"node:10.0.0.{n}": 1.0}, {"CPU": 2.0, f"node:10.0.0.{n}": 1.0}, {"ray.io/node-id": str(n)})
        for n in range(3)
    ]
    together = list(grouped(nodes, sight([demand(1, ONE_CPU)])).values())

    assert [group.count for group in together] == [3]


def test_nodes_of_different_size_are_not_alike_with_as_much_free() -> None:
    nodes = [Slot({"CPU": 1.0}, {"CPU": 2.0}), Slot({"CPU": 1.0}, {"CPU": 1.0})]

    assert [group.count for group in list(grouped(nodes, sight([demand(1, ONE_CPU)])).values())] == [1, 1]


def test_bundles_on_one_node_keep_each_others_fallbacks() -> None:
    fast, slow, ssd = (LabelConstraint("disk", "in", (name,)) for name in ("fast", "slow", "ssd"))
    zone = LabelConstraint("zone", "in", ("a",))
    bundles = (
        Demand(bundle({"CPU": 1.0}), 1, (fast,), ((slow,), (ssd,))),
        Demand(bundle({"CPU": 2.0}), 1, (zone,)),
    )

    (whole,) = requests_of(Gang(bundles, Strategy.STRICT_PACK))

    assert (whole.shape, whole.count) == (bundle({"CPU": 3.0}), 1)
    assert (whole.selectors, *whole.fallbacks) == ((fast, zone), (slow, zone), (ssd, zone))
