"""What holds of plans that are followed for an hour, in any pool, with any work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ray_watcher_common.state import Demand, LabelConstraint, bundle
from scaler.model.policy import Policy
from support.hours.world import STEP_SECONDS, Arrival, Story, World, could_run, task
from support.plan_cases.kinds import GB, gpu, large, medium, small

HOUR = 3600.0
QUIET_FROM = 2700.0  # arrivals end long before, and with them all work
LAST_ARRIVAL, LONGEST = 900.0, 120.0
TYPES = (
    small(),
    small(name="unsized", memory=None),
    medium(labels=(("zone", "a"),)),
    large(),
    gpu(),
    gpu(name="gpu0", num_cpus=2, num_gpus=2, memory=16 * GB),
)
SHAPES = (
    {"CPU": 1.0},
    {"CPU": 0.5},
    {"CPU": 2.0},
    {"CPU": 3.0},
    {"CPU": 1.0, "GPU": 1.0},
    {"GPU": 0.5},
    {"CPU": 1.0, "memory": 9e9},
    {"CPU": 1.0, "memory": 40e9},
)
SELECTORS = ((), (), (), (LabelConstraint("zone", "in", ("a",)),), (LabelConstraint("zone", "not_in", ("a",)),))

requests = st.builds(Demand, st.sampled_from(SHAPES).map(bundle), st.integers(1, 12), st.sampled_from(SELECTORS))
arrivals = st.builds(
    Arrival,
    st.integers(0, int(LAST_ARRIVAL / STEP_SECONDS)).map(lambda n: n * STEP_SECONDS),
    requests,
    st.sampled_from([10.0, 60.0, LONGEST]),
)


@st.composite
def pools(draw: st.DrawFn) -> Policy:
    """Up to three types with limits of their own."""
    kinds = tuple(
        replace(kind, max_workers=draw(st.integers(1, 6)), priority=draw(st.integers(0, 1)))
        for kind in draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique_by=lambda kind: kind.name))
    )
    most = draw(st.integers(len(kinds), 8))
    kinds = (replace(kinds[0], min_workers=draw(st.sampled_from([0, 0, 1]))), *kinds[1:])
    return Policy(
        worker_types=kinds,
        max_workers=most,
        min_workers=draw(st.sampled_from([0, 0, 1])),
        scale_up_cooldown=draw(st.sampled_from([0.0, 60.0])),
    )


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """An hour of any kind: all work arrives in its first quarter."""
    pool = draw(pools())
    names = [kind.name for kind in pool.worker_types]
    begins = draw(st.lists(st.sampled_from(names), max_size=pool.max_workers))
    begins = [name for at, name in enumerate(begins) if begins[:at].count(name) < _most(pool, name)]
    floor = draw(st.lists(st.builds(Demand, st.sampled_from(SHAPES[:5]).map(bundle), st.integers(1, 8)), max_size=3))
    fails = draw(st.dictionaries(st.sampled_from(names), st.sampled_from([100.0, 500.0]), max_size=1))
    return Story(pool, tuple(draw(st.lists(arrivals, max_size=5))), tuple(floor), tuple(begins), fails)


def _most(pool: Policy, name: str) -> int:
    return next(kind.max_workers for kind in pool.worker_types if kind.name == name)


@settings(max_examples=settings().max_examples // 6)  # an hour takes a second or two
@given(stories())
def test_plans_hold_over_an_hour(story: Story) -> None:
    world = World(story).run(HOUR)

    assert world.broken == []
    assert [event for event in world.events if event.at > QUIET_FROM] == []


@settings(max_examples=settings().max_examples // 6)  # an hour takes a second or two
@given(stories())
def test_all_that_is_feasible_is_served(story: Story) -> None:
    story = replace(story, floor=(), policy=_without_minimums(story.policy))
    world = World(story).run(HOUR)

    kinds = story.policy.worker_types
    assert [request for request, _ in world.pending if could_run(request, kinds)] == []


def _without_minimums(pool: Policy) -> Policy:
    kinds = tuple(replace(kind, min_workers=0) for kind in pool.worker_types)
    return replace(pool, worker_types=kinds, min_workers=0)


SMALL, GPU = small(), gpu()
NAMED = {
    "a GPU task gets its worker from a pool that is full of others": (
        Story(
            Policy(worker_types=(SMALL, GPU), max_workers=2), (task(0, 1, 60, GPU=1),), begins_with=("small", "small")
        ),
        {"launch": 1, "drain": 3},
    ),
    "a floor is met by one launch and left alone": (
        Story(
            Policy(worker_types=(SMALL, medium()), max_workers=12),
            floor=(
                Demand(bundle({"CPU": 0.1}), 12),
                Demand(bundle({"CPU": 3}), 1),
                Demand(bundle({"CPU": 1, "memory": 3e9}), 7),
            ),
            begins_with=("small", "medium", "medium"),
        ),
        {"launch": 1},
    ),
    "a floor that needs all that is there keeps it": (
        Story(
            Policy(worker_types=(medium(), large()), max_workers=12),
            floor=(
                Demand(bundle({"CPU": 1, "memory": 3e9}), 5),
                Demand(bundle({"CPU": 0.5}), 7),
                Demand(bundle({"CPU": 5}), 3),
            ),
            begins_with=("medium", "large", "medium"),
        ),
        {},
    ),
    "a type that is too small is launched once to learn it, and never again": (
        Story(
            Policy(worker_types=(small(name="cpu", memory=None), large(name="big", max_workers=1)), max_workers=10),
            (task(0, 6, 3000, CPU=10), task(5, 1, 10, CPU=1, memory=70e9)),
        ),
        {"launch": 2, "drain": 1},
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_an_hour_takes_no_more_actions_than_it_needs(name: str) -> None:
    story, most = NAMED[name]
    world = World(story).run(HOUR)

    kinds = [event.action.kind.value for event in world.events]
    assert world.broken == []
    assert {kind: kinds.count(kind) for kind in kinds} == most
