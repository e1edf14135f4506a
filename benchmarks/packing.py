"""Our bin packing and Ray's `ResourceDemandScheduler`: same demands, worker types, present nodes and limits.

`python -m benchmarks.packing [--random N] [--json]` prints workers, what goes unserved, CPUs and GPUs left over,
and time for both: how well they pack. Ray's scheduler is slow with many requests, so the large case runs on ours
alone; `benchmarks.planner` shows how the time grows.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import random
import sys
import time
import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from ray_watcher_common.state import Demand, Gang, Strategy, bundle
from scaler.model.cluster import WorkerType
from scaler.packing.capacity import Slot, fresh
from scaler.packing.room import Room
from scaler.packing.solver import solve

RANDOM_SHAPES = (
    {"CPU": 1.0},
    {"CPU": 2.0},
    {"CPU": 0.5},
    {"CPU": 3.0},
    {"GPU": 1.0},
    {"CPU": 1.0, "GPU": 1.0},
    {"CPU": 2.0, "GPU": 0.5},
    {"CPU": 1.0, "memory": 2e9},
    {"CPU": 4.0, "GPU": 2.0},
    {"tpu": 1.0},
)


@dataclass(frozen=True)
class Case:
    """What has to be packed, and into what."""

    name: str
    demands: tuple[Demand, ...]
    gangs: tuple[Gang, ...]
    worker_types: tuple[WorkerType, ...]
    max_workers: int
    nodes: tuple[dict[str, float], ...] = ()  # what is free on each that runs
    node_types: tuple[str, ...] = ()  # their types; the first type if not given


@dataclass(frozen=True)
class Outcome:
    """What one scheduler made of a case."""

    workers: int
    unserved: int
    cpus_left: float
    gpus_left: float
    milliseconds: float
    gpus: float = 0.0  # of the workers that are launched


def demand(count: int, **shape: float) -> Demand:
    """`count` requests of one shape."""
    return Demand(bundle(shape), count)


CPU16 = WorkerType("cpu", num_cpus=16, max_workers=5000)
CPU4 = WorkerType("small", num_cpus=4, max_workers=5000)
GPU4 = WorkerType("gpu", num_cpus=8, num_gpus=4, max_workers=5000)
NAMED = (
    Case("one shape", (demand(100, CPU=1),), (), (CPU16,), 100),
    Case("CPU work with a GPU type", (demand(40, CPU=1),), (), (GPU4, CPU16), 100),
    Case("GPU and CPU work share", (demand(8, CPU=1, GPU=1), demand(8, CPU=1)), (), (GPU4, CPU16), 100),
    Case("small or large workers", (demand(5, CPU=4), demand(9, CPU=3)), (), (CPU4, CPU16), 100),
    Case("a gang on distinct workers", (), (Gang((demand(5, CPU=2),), Strategy.STRICT_SPREAD),), (CPU16, CPU4), 100),
    Case(
        "a gang on one worker", (demand(8, CPU=1),), (Gang((demand(8, CPU=1),), Strategy.STRICT_PACK),), (CPU16,), 100
    ),
    Case(
        "3,000 requests, 5 shapes",
        tuple(demand(600, **s) for s in RANDOM_SHAPES[:3] + RANDOM_SHAPES[4:6]),
        (),
        (CPU16, GPU4),
        5000,
    ),
)
LARGE = Case(
    "100,000 requests, 5 shapes", tuple(Demand(d.shape, 20_000) for d in NAMED[-1].demands), (), (CPU16, GPU4), 5000
)


def random_case(seed: int) -> Case:
    """A mix of demands, gangs, up to three worker types and limits, the same for the same seed."""
    rnd = random.Random(seed)  # noqa: S311  # cases, not secrets
    gpus = [0, rnd.choice([0, 1, 2, 4]), rnd.choice([0, 8])][: rnd.randint(1, 3)]
    kinds = tuple(
        WorkerType(
            name=name,
            num_cpus=rnd.choice([1, 2, 4, 8, 16]),
            num_gpus=count,
            memory=rnd.choice([None, 4 * 10**9, 16 * 10**9]),
            max_workers=rnd.choice([3, 10, 50]),
        )
        for name, count in zip("abc", gpus, strict=False)
    )
    demands = tuple(demand(rnd.randint(1, 40), **shape) for shape in rnd.sample(RANDOM_SHAPES, rnd.randint(1, 5)))
    gangs = tuple(
        Gang(
            tuple(demand(rnd.randint(1, 4), **rnd.choice(RANDOM_SHAPES[:6])) for _ in range(rnd.randint(1, 2))),
            rnd.choice(list(Strategy)),
        )
        for _ in range(rnd.choice([0, 0, 1, 2]))
    )
    return Case(f"random {seed}", demands, gangs, kinds, rnd.choice([5, 20, 200]))


def ours(case: Case) -> Outcome:
    """By `scaler.packing.solver`."""
    taken = Counter(case.node_types)
    of_types = {kind.name: kind.max_workers - taken[kind.name] for kind in case.worker_types}
    room = Room(case.max_workers - taken.total(), of_types)
    slots = [Slot(free, kind.resources, kind.node_labels) for free, kind in _nodes(case)]
    missing = Counter({kind: kind.min_workers - taken[kind.name] for kind in case.worker_types})
    missing = Counter(kind for kind in missing.elements() if room.take(kind.name))  # min_workers go first
    slots += [fresh(kind) for kind in missing.elements()]
    began = time.perf_counter()
    packing = solve(case.demands, case.gangs, slots, case.worker_types, room)
    seconds = time.perf_counter() - began
    unserved = sum(left.count for left in (*packing.pending, *packing.infeasible))
    launched = Counter(kind.name for kind in (*packing.launches, *missing.elements()))
    left = [*(d for d in (*packing.pending, *packing.infeasible) if isinstance(d, Demand))]
    gangs_left = [g for g in (*packing.pending, *packing.infeasible) if isinstance(g, Gang)]
    return _outcome(case, launched, unserved, [*left, *(part for g in gangs_left for part in g.bundles)], seconds)


def _nodes(case: Case) -> list[tuple[dict[str, float], WorkerType]]:
    """What is free on each node, and its type."""
    kinds = {kind.name: kind for kind in case.worker_types}
    names = case.node_types or (case.worker_types[0].name,) * len(case.nodes)
    return [(free, kinds[name]) for free, name in zip(case.nodes, names, strict=True)]


def rays(case: Case) -> Outcome:
    """By `ray.autoscaler.v2.scheduler`."""
    from ray.autoscaler.v2.instance_manager.config import NodeTypeConfig
    from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
    from ray.core.generated import autoscaler_pb2 as pb
    from ray.core.generated.common_pb2 import LabelSelectorOperator

    def request(part: Demand, strategy: Strategy, group: str) -> pb.ResourceRequest:
        made = pb.ResourceRequest(resources_bundle=dict(part.shape))
        if part.selectors:
            selector = made.label_selectors.add()
            for one in part.selectors:
                operator = LabelSelectorOperator.Value(f"LABEL_OPERATOR_{one.operator.upper()}")
                selector.label_constraints.add(label_key=one.key, operator=operator, label_values=one.values)
        if strategy is Strategy.STRICT_PACK:
            made.placement_constraints.add().affinity.CopyFrom(pb.AffinityConstraint(label_name=group))
        if strategy is Strategy.STRICT_SPREAD:
            made.placement_constraints.add().anti_affinity.CopyFrom(pb.AntiAffinityConstraint(label_name=group))
        return made

    scheduling = SchedulingRequest(
        disable_launch_config_check=True,
        node_type_configs={
            kind.name: NodeTypeConfig(
                kind.name, kind.min_workers, kind.max_workers, resources=kind.resources, labels=kind.node_labels
            )
            for kind in case.worker_types
        },
        max_num_nodes=case.max_workers,
        current_instances=_as_ray_instances(case),
        resource_requests=[
            pb.ResourceRequestByCount(request=request(d, Strategy.ANY, ""), count=d.count) for d in case.demands
        ],
        gang_resource_requests=[
            pb.GangResourceRequest(
                requests=[request(part, gang.strategy, f"_PG_{i}") for part in gang.bundles for _ in range(part.count)]
            )
            for i, gang in enumerate(case.gangs)
        ],
    )
    began = time.perf_counter()
    reply = ResourceDemandScheduler().schedule(scheduling)
    seconds = time.perf_counter() - began
    left = [
        *reply.infeasible_resource_requests,
        *(one for gang in reply.infeasible_gang_resource_requests for one in gang.requests),
    ]
    launched = Counter({launch.instance_type: launch.count for launch in reply.to_launch})
    shapes = [Demand(bundle(dict(one.resources_bundle)), 1) for one in left]
    return _outcome(case, launched, len(left), shapes, seconds)


def _as_ray_instances(case: Case) -> list[Any]:
    """The present nodes as Ray's instance manager knows them."""
    from ray.autoscaler.v2.schema import AutoscalerInstance
    from ray.core.generated import autoscaler_pb2 as pb
    from ray.core.generated import instance_manager_pb2 as im

    return [
        AutoscalerInstance(
            cloud_instance_id=f"i-{index}",
            ray_node=pb.NodeState(
                node_id=str(index).encode(),
                ray_node_type_name=kind.name,
                total_resources=kind.resources,
                available_resources=free,
                labels=kind.node_labels,
                status=pb.RUNNING,
            ),
            im_instance=im.Instance(
                instance_id=str(index),
                instance_type=kind.name,
                cloud_instance_id=f"i-{index}",
                status=im.Instance.RAY_RUNNING,
                node_id=str(index),
                node_kind=im.NodeKind.WORKER,
            ),
        )
        for index, (free, kind) in enumerate(_nodes(case))
    ]


def _outcome(case: Case, launched: Counter[str], unserved: int, left: list[Demand], seconds: float) -> Outcome:
    """Left over is what the workers have less what the served requests use."""

    def spare(resource: str) -> float:
        have = sum(kind.resources.get(resource, 0.0) * launched[kind.name] for kind in case.worker_types)
        wanted = [*case.demands, *(part for gang in case.gangs for part in gang.bundles)]
        return (
            have
            - sum(d.count * dict(d.shape).get(resource, 0.0) for d in wanted)
            + sum(d.count * dict(d.shape).get(resource, 0.0) for d in left)
        )

    gpus = sum(kind.num_gpus * launched[kind.name] for kind in case.worker_types)
    return Outcome(sum(launched.values()), unserved, spare("CPU"), spare("GPU"), seconds * 1000, gpus)


def compare(cases: list[Case]) -> list[dict[str, Any]]:
    """Both on each case; Ray's is None for the large one."""
    return [
        {"case": case.name, "ours": asdict(ours(case)), "ray": None if case is LARGE else asdict(rays(case))}
        for case in cases
    ]


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table(title=f"Packing and Ray's scheduler ({os.cpu_count()} cores, Python {platform.python_version()})")
    for column in (
        "case",
        "workers",
        "Ray's",
        "unserved",
        "Ray's",
        "CPUs left",
        "Ray's",
        "GPUs left",
        "Ray's",
        "ms",
        "Ray's",
    ):
        table.add_column(column, justify="left" if column == "case" else "right")
    for row in rows:
        mine, theirs = row["ours"], row["ray"] or {}
        shown = (("workers", "g"), ("unserved", "g"), ("cpus_left", "g"), ("gpus_left", "g"), ("milliseconds", ".1f"))
        cells = (format(side[key], form) if key in side else "-" for key, form in shown for side in (mine, theirs))
        table.add_row(str(row["case"]), *cells)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def main() -> None:
    """The command."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--random", type=int, default=0, metavar="N", help="random cases after the named ones")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    rows = compare([*NAMED, LARGE, *(random_case(seed) for seed in range(chosen.random))])
    if chosen.json:
        print(json.dumps(rows))  # noqa: T201  # the command's output
    else:
        _show(rows)


if __name__ == "__main__":
    main()
