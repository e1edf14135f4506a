"""As many requests served as by Ray's own scheduler, which is asked the same; the exceptions are named."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from benchmarks.optimum import SELECTORS, SHAPES, TYPES
from benchmarks.packing import NAMED, Case, ours, random_case, rays
from ray_watcher_common.state import Demand, Gang, Strategy, bundle

QUICK, MANY = range(20), range(100, 2000)
SERVED_WORSE = ["mixed 1225", "mixed 1850"]  # one and two requests fewer, of 88 and 51 unserved


def mixed_case(seed: int) -> Case:
    """Five types, ten shapes and six gangs at most, min_workers, limits, selectors, and nodes that are partly used."""
    rnd = random.Random(seed)  # noqa: S311  # cases, not secrets
    chosen = rnd.sample(TYPES, rnd.randint(1, 5))
    kinds = tuple(
        replace(kind, max_workers=(most := rnd.choice([1, 2, 4, 10])), min_workers=rnd.choice([0, 0, 0, min(most, 2)]))
        for kind in chosen
    )

    def part(most: int) -> Demand:
        return Demand(bundle(rnd.choice(SHAPES)), rnd.randint(1, most), rnd.choice(SELECTORS))

    demands = {(one.shape, one.selectors): one for one in (part(24) for _ in range(rnd.randint(1, 10)))}
    gangs = [
        Gang(tuple(part(3) for _ in range(rnd.randint(1, 4))), rnd.choice(list(Strategy)))
        for _ in range(rnd.choice([0, 0, 1, 3, 6]))
    ]
    there = [rnd.choice(kinds) for _ in range(rnd.choice([0, 1, 3, 6]))]
    there = [kind for at, kind in enumerate(there) if there[:at].count(kind) < kind.max_workers]
    nodes = tuple(
        {name: amount * rnd.choice([1.0, 1.0, 0.5, 0.0]) for name, amount in kind.resources.items()} for kind in there
    )
    names = tuple(kind.name for kind in there)
    most = max(rnd.choice([2, 4, 8, 16]), sum(max(kind.min_workers, there.count(kind)) for kind in kinds))
    return Case(f"mixed {seed}", tuple(demands.values()), tuple(map(_packed, gangs)), kinds, most, nodes, names)


def _packed(gang: Gang) -> Gang:
    """With the same selectors in each bundle if it is to be on one node: Ray's scheduler may split it otherwise."""
    if gang.strategy is not Strategy.STRICT_PACK:
        return gang
    return replace(gang, bundles=tuple(replace(one, selectors=gang.bundles[0].selectors) for one in gang.bundles))


@pytest.mark.parametrize("case", [*NAMED, *map(random_case, range(10))], ids=lambda case: case.name)
def test_a_stored_case_is_served_as_well_as_by_ray(case: Case) -> None:
    assert ours(case).unserved <= rays(case).unserved


@pytest.mark.parametrize(
    ("seeds", "exceptions"),
    [(QUICK, []), pytest.param(MANY, SERVED_WORSE, marks=[pytest.mark.full, pytest.mark.timeout(3600)])],
)
def test_hardly_any_mixed_case_is_served_worse_than_by_ray(seeds: range, exceptions: list[str]) -> None:
    cases = [mixed_case(seed) for seed in seeds]

    assert [case.name for case in cases if ours(case).unserved > rays(case).unserved] == exceptions
