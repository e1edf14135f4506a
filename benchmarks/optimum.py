"""How far bin packing is from the optimum: ours, Ray's, and the proof of CP-SAT (OR-tools), on small random cases.

`python -m benchmarks.optimum [--cases N] [--first SEED] [--json]`. The goal is lexicographic: serve the most requests,
then launch the fewest GPUs, then the fewest workers. A gang is served whole or not at all.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import warnings
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.packing import Case, ours, rays
from ray_watcher_common.state import Demand, Gang, LabelConstraint, Strategy, bundle
from scaler.model.cluster import WorkerType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ortools.sat.python import cp_model

GB = 10**9
PATIENCE_SECONDS = 20.0
UNITS = {"memory": 1e-8}  # CP-SAT counts in integers: memory in steps of 0.1 GB, all else in ten-thousandths
TYPES = (
    WorkerType("small", num_cpus=2, memory=8 * GB, labels=(("zone", "a"),)),
    WorkerType("medium", num_cpus=4, memory=16 * GB, labels=(("zone", "b"),)),
    WorkerType("large", num_cpus=16, memory=64 * GB),
    WorkerType("fat", num_cpus=4, memory=128 * GB, labels=(("zone", "a"),)),
    WorkerType("gpu", num_cpus=8, num_gpus=1, memory=64 * GB, labels=(("zone", "b"),)),
    WorkerType("gpu0", num_cpus=2, num_gpus=2, memory=16 * GB, labels=(("zone", "a"),)),
    WorkerType("gpu4", num_cpus=8, num_gpus=4, memory=32 * GB),
)
SHAPES: tuple[dict[str, float], ...] = (
    {"CPU": 1},
    {"CPU": 2},
    {"CPU": 0.5},
    {"CPU": 3},
    {"CPU": 5},
    {"CPU": 1, "memory": 3 * GB},
    {"CPU": 1, "memory": 12 * GB},
    {"CPU": 2, "memory": 12 * GB},
    {"memory": 6 * GB},
    {"CPU": 1, "GPU": 1},
    {"CPU": 1, "GPU": 0.5},
    {"GPU": 0.25},
)
SELECTORS = (
    (),
    (),
    (),
    (),
    (LabelConstraint("zone", "in", ("a",)),),
    (LabelConstraint("zone", "in", ("a", "b")),),
    (LabelConstraint("zone", "not_in", ("a",)),),
)


class Result(NamedTuple):
    """What is compared, the most important first."""

    unserved: int
    gpus: int
    workers: int


def small_case(seed: int) -> Case:
    """Up to three types, five shapes and two gangs, some nodes, and limits that often hold; the same for a seed."""
    rnd = random.Random(seed)  # noqa: S311  # cases, not secrets
    chosen = rnd.sample(TYPES, rnd.randint(1, 3))
    kinds = tuple(replace(kind, max_workers=rnd.choice([1, 2, 4])) for kind in chosen)
    demands = tuple(_request(rnd, rnd.randint(1, 8)) for _ in range(rnd.randint(1, 4)))
    demands = tuple({(one.shape, one.selectors): one for one in demands}.values())
    gangs = tuple(
        Gang(tuple(_request(rnd, rnd.randint(1, 2)) for _ in range(rnd.randint(1, 2))), rnd.choice(list(Strategy)))
        for _ in range(rnd.choice([0, 0, 1, 2]))
    )
    there = [rnd.choice(kinds) for _ in range(rnd.choice([0, 0, 1, 2]))]
    nodes = tuple(_partly_used(rnd, kind) for kind in there)
    names = tuple(kind.name for kind in there)
    return Case(f"small {seed}", demands, gangs, kinds, rnd.choice([1, 2, 3, 5]), nodes, names)


def _partly_used(rnd: random.Random, kind: WorkerType) -> dict[str, float]:
    return {name: amount * rnd.choice([1.0, 1.0, 0.5, 0.0]) for name, amount in kind.resources.items()}


def _request(rnd: random.Random, count: int) -> Demand:
    return Demand(bundle(rnd.choice(SHAPES)), count, rnd.choice(SELECTORS))


def best(case: Case) -> Result | None:
    """The optimum, None if it is not proven in time."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    places = _places(case, model)
    served = [_serve(model, case, places), _serve_gangs(model, case, places)]
    for place in places:
        place.within(model)
    everything = sum(demand.count for demand in case.demands) + sum(gang.count for gang in case.gangs)
    gpus = sum(int(place.kind.num_gpus) * place.used for place in places if place.kind)
    workers = sum(place.used for place in places if place.kind)
    model.minimize(10_000 * (everything - sum(served)) + 100 * gpus + workers)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds, solver.parameters.num_workers = PATIENCE_SECONDS, 1
    if solver.status_name(solver.solve(model)) != "OPTIMAL":
        return None
    return Result(everything - sum(map(solver.value, served)), solver.value(gpus), solver.value(workers))


class _Place:
    """A present worker, or one that may be launched (`kind`), and what is put on it."""

    def __init__(
        self, free: Mapping[str, float], labels: Mapping[str, str], kind: WorkerType | None, used: Any
    ) -> None:
        self.free, self.labels, self.kind, self.used = free, labels, kind, used
        self._load: Counter[str] = Counter()

    def put(self, shape: Mapping[str, float], count: Any) -> None:
        """Put `count` (a variable) requests here."""
        for name, amount in shape.items():
            self._load[name] += _units(name, amount) * count

    def within(self, model: cp_model.CpModel) -> None:
        """No more than there is."""
        for name, load in self._load.items():
            model.add(load <= _units(name, self.free.get(name, 0.0)) * self.used)


def _units(name: str, amount: float) -> int:
    return round(amount * UNITS.get(name, 1e4))


def _places(case: Case, model: cp_model.CpModel) -> list[_Place]:
    kinds = {kind.name: kind for kind in case.worker_types}
    there = [
        _Place(free, kinds[name].node_labels, None, 1) for free, name in zip(case.nodes, case.node_types, strict=True)
    ]
    room = max(0, case.max_workers - len(there))
    new = list[_Place]()
    for kind in case.worker_types:
        own = min(room, max(0, kind.max_workers - case.node_types.count(kind.name)))
        used = [model.new_bool_var(f"{kind.name} {index}") for index in range(own)]
        for before, after in pairwise(used):
            model.add(before >= after)  # equal workers: the first ones first
        new += [_Place(kind.resources, kind.node_labels, kind, one) for one in used]
    model.add(sum(place.used for place in new) <= room)
    return [*there, *new]


def _serve(model: cp_model.CpModel, case: Case, places: list[_Place]) -> Any:
    total: Any = 0
    for request in case.demands:
        counts = [model.new_int_var(0, request.count, "") for _ in places]
        for place, count in zip(places, counts, strict=True):
            if request.may_run_on(place.labels):
                place.put(dict(request.shape), count)
            else:
                model.add(count == 0)
            model.add(count <= request.count * place.used)
        model.add(sum(counts) <= request.count)
        total += sum(counts)
    return total


def _serve_gangs(model: cp_model.CpModel, case: Case, places: list[_Place]) -> Any:
    total: Any = 0
    for gang in case.gangs:
        whole = model.new_bool_var("")
        here = [model.new_bool_var("") for _ in places]
        on_each: list[Any] = [0] * len(places)
        for part in gang.bundles:
            counts = [model.new_int_var(0, part.count, "") for _ in places]
            for index, (place, count) in enumerate(zip(places, counts, strict=True)):
                place.put(dict(part.shape), count)
                model.add(count <= (part.count * here[index] if part.may_run_on(place.labels) else 0))
                on_each[index] += count
            model.add(sum(counts) == part.count * whole)
        for place, one, many in zip(places, here, on_each, strict=True):
            model.add(one <= place.used)
            if gang.strategy is Strategy.STRICT_SPREAD:
                model.add(many <= 1)
        if gang.strategy is Strategy.STRICT_PACK:
            model.add(sum(here) <= 1)
        total += gang.count * whole
    return total


def compare(seeds: range) -> Iterator[dict[str, Any]]:
    """Ours, Ray's and the optimum of each case that CP-SAT can prove."""
    for seed in seeds:
        case = small_case(seed)
        if (optimum := best(case)) is None:
            continue
        sides = {"ours": ours(case), "ray": rays(case)}
        results = {name: Result(one.unserved, round(one.gpus), one.workers) for name, one in sides.items()}
        yield {"seed": seed, "optimum": optimum, **results}


def summary(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """How often each side is at the optimum, and how far off it is else."""
    return {side: _side(rows, side) for side in ("ours", "ray")}


def _side(rows: list[dict[str, Any]], side: str) -> dict[str, Any]:
    off = [(row["seed"], row[side], row["optimum"]) for row in rows if row[side] != row["optimum"]]
    alike = [(mine, proven) for _, mine, proven in off if mine[:2] == proven[:2]]
    return {
        "cases": len(rows),
        "at the optimum": round(1 - len(off) / max(1, len(rows)), 4),
        "served fewer": sum(mine.unserved > proven.unserved for _, mine, proven in off),
        "more GPUs": sum(mine.unserved == proven.unserved and mine.gpus > proven.gpus for _, mine, proven in off),
        "more workers": dict(sorted(Counter(mine.workers - proven.workers for mine, proven in alike).items())),
        "worst": [seed for seed, *_ in sorted(off, key=_distance, reverse=True)[:10]],
    }


def _distance(one: tuple[int, Result, Result]) -> tuple[int, ...]:
    _, mine, proven = one
    return (mine.unserved - proven.unserved, mine.gpus - proven.gpus, mine.workers - proven.workers)


def main() -> None:
    """The command."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, metavar="N", help="number of random cases")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first one")
    parser.add_argument("--json", action="store_true", help="print every case as JSON")
    chosen = parser.parse_args()
    rows = list(compare(range(chosen.first, chosen.first + chosen.cases)))
    print(json.dumps(rows if chosen.json else summary(rows), indent=None if chosen.json else 2))  # noqa: T201


if __name__ == "__main__":
    main()
