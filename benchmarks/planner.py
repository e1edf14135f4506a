"""Our planner's bin packing and Ray's `ResourceDemandScheduler` as requests, shapes and present nodes grow.

Ray's takes seconds beyond 3,000 requests or 100 nodes, so larger cases run on ours alone. `benchmarks.packing` compares
the quality on cases of every kind; both columns of workers show it here for the cases of this sweep.
"""

from __future__ import annotations

import logging
import statistics
import warnings

from benchmarks.command import run
from benchmarks.packing import CPU16, GPU4, Case, Outcome, demand, ours, rays
from benchmarks.report import Chart, Headline, Report, Table

RAYS_REQUESTS, RAYS_PAIRS = 3_000, 20_000  # more requests, or requests times nodes, take it many seconds
RAYS_PATIENCE_MS = 1_000.0  # slower cases are run once on Ray's
ROUNDS = 3
MAX_WORKERS = 200_000
REQUESTS = (100, 1_000, 3_000, 10_000, 100_000, 1_000_000)
# requests, shapes, nodes
CASES = (
    *((requests, 1, 0) for requests in REQUESTS),
    *((requests, 5, 0) for requests in REQUESTS),
    *((max(requests, 100), 100, 0) for requests in REQUESTS),
    *((100, 5, nodes) for nodes in (10, 30, 100, 200, 1_000, 5_000)),
    (100_000, 5, 5_000),
    (1_000_000, 100, 5_000),
)
SMOKE_CASES = ((20, 2, 0), (20, 2, 3))
Size = tuple[int, int, int]


def case(requests: int, shapes: int, nodes: int) -> Case:
    """`requests` over `shapes` that all fit some worker type, and `nodes` that are each busy in another way."""
    each = max(1, requests // shapes)
    return Case(
        f"{requests:,} requests, {shapes} shapes, {nodes:,} nodes",
        tuple(demand(each, **shape(index)) for index in range(shapes)),
        (),
        (CPU16, GPU4),
        MAX_WORKERS,
        tuple({"CPU": float(index % 16), "memory": float(index)} for index in range(nodes)),
    )


def shape(index: int) -> dict[str, float]:
    """The `index`-th of as many different shapes as are wanted, every third with a GPU."""
    cpus = 1.0 + index % 8 + (index // 8) / 16
    return {"CPU": min(8.0, cpus), "GPU": 1.0 + index // 24 / 8} if index % 3 == 2 else {"CPU": cpus}  # noqa: PLR2004


def measure_case(size: Size, rounds: int) -> dict[str, float | int | None]:
    """Median milliseconds and workers of both, by turns; None for Ray's beyond its limit."""
    made = case(*size)
    mine: list[Outcome] = []
    theirs: list[Outcome] = []
    for _ in range(rounds):
        mine.append(ours(made))
        if _in_rays_reach(size) and (not theirs or theirs[0].milliseconds < RAYS_PATIENCE_MS):
            theirs.append(rays(made))
    return {
        "ours": statistics.median(one.milliseconds for one in mine),
        "ray": statistics.median(one.milliseconds for one in theirs) if theirs else None,
        "our workers": mine[0].workers,
        "ray's workers": theirs[0].workers if theirs else None,
    }


def _in_rays_reach(size: Size) -> bool:
    requests, _, nodes = size
    return requests <= RAYS_REQUESTS and requests * nodes <= RAYS_PAIRS


def measure(smoke: bool) -> Report:  # noqa: FBT001  # the benchmarks' one signature
    """The sweep."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sizes, rounds = (SMOKE_CASES, 1) if smoke else (CASES, ROUNDS)
    return _report({size: measure_case(size, rounds) for size in sizes})


def _report(found: dict[Size, dict[str, float | int | None]]) -> Report:
    rows = tuple((*size, *_row(one)) for size, one in found.items())
    return Report(
        name="planner",
        title="Planner: how many workers of which type",
        headlines=tuple(_headlines(found)),
        tables=(
            Table(
                f"Median of {ROUNDS}, by turns; one where Ray's takes over a second",
                ("Requests", "Shapes", "Nodes", "Ratio", "Ours ms", "Ray's ms", "Our workers", "Ray's workers"),
                rows,
            ),
        ),
        charts=(
            Chart("planner-requests", "Bin packing, no nodes yet", "requests", "ms", _by_requests(found)),
            Chart("planner-nodes", "Bin packing, 100 requests of 5 shapes", "nodes", "ms", _by_nodes(found)),
        ),
    )


def _row(one: dict[str, float | int | None]) -> tuple[float | int | None, ...]:
    ratio = one["ray"] / (one["ours"] or 1.0) if one["ray"] is not None else None
    return ratio, one["ours"], one["ray"], one["our workers"], one["ray's workers"]


GOALS: dict[Size, float] = {(100_000, 5, 0): 20.0, (1_000_000, 100, 5_000): 1_000.0}  # ms


def _headlines(found: dict[Size, dict[str, float | int | None]]) -> list[Headline]:
    peer = "Ray's ResourceDemandScheduler"
    ratios = {size: one["ray"] / (one["ours"] or 1.0) for size, one in found.items() if one["ray"] is not None}
    largest, closest = max(ratios, default=None), min(ratios, key=ratios.__getitem__, default=None)
    made = []
    for size, one in found.items():
        what = "Packing {:,} requests of {} shapes on {:,} nodes".format(*size)
        if size in GOALS or size == largest:
            made.append(
                Headline(what, one["ours"] or 0.0, "ms", peer if one["ray"] else "", one["ray"], most=GOALS.get(size))
            )
        if size == closest:
            made.append(
                Headline(
                    f"{what}, where Ray's comes closest", one["ours"] or 0.0, "ms", peer, one["ray"], least_ratio=1
                )
            )
    return made


def _by_requests(found: dict[Size, dict[str, float | int | None]]) -> dict[str, list[tuple[float, float]]]:
    curves: dict[str, list[tuple[float, float]]] = {}
    for (requests, shapes, nodes), one in found.items():
        for who, name in (("ours", "ours"), ("ray", "Ray's")):
            if not nodes and (value := one[who]) is not None:
                curves.setdefault(f"{name}, {shapes} shapes", []).append((requests, value))
    return curves


def _by_nodes(found: dict[Size, dict[str, float | int | None]]) -> dict[str, list[tuple[float, float]]]:
    curves: dict[str, list[tuple[float, float]]] = {}
    for (requests, shapes, nodes), one in found.items():
        for who, name in (("ours", "ours"), ("ray", "Ray's")):
            if nodes and (requests, shapes) == (100, 5) and (value := one[who]) is not None:
                curves.setdefault(name, []).append((nodes, value))
    return curves


def main() -> None:
    """The command."""
    run(measure, __doc__)


if __name__ == "__main__":
    main()
