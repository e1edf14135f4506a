"""A simulated day at scale: the shipped planner and alerts, Ray's own rule and the guide's plain step.

The same tasks, the same worker limit, the same times for workers to join and to leave; only the deciding differs.
`python -m benchmarks.simulation` takes some minutes for a million tasks on up to 1,000 workers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.simulation_alerts import shipped
from benchmarks.simulation_day import Result, simulate
from benchmarks.simulation_scalers import PlainStep, RayAutoscaler, RayWatcher, Scaler
from benchmarks.simulation_trace import DAYS, Trace, generate
from scaler.model.cluster import WorkerType
from scaler.model.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROMETHEUS = Path(__file__).parents[1] / "prometheus"
RAY_IDLE_SECONDS = 300.0  # idle_timeout_minutes: 5
SWIFT_COOLDOWN = 10.0
BEGIN_WITH = 2  # the guide's `start-ray --num-workers 2`


@dataclass(frozen=True)
class Contestant:
    """A way to decide, with its limits; `scaler` is created for each day."""

    name: str
    policy: Policy
    scaler: Callable[[Policy], Scaler]
    begin_with: int = BEGIN_WITH
    headline: bool = False  # one of the three that the question is about


@dataclass(frozen=True)
class Run:
    """What a contestant made of the day, and how long that took to simulate."""

    name: str
    headline: bool
    result: Result
    seconds: float  # of CPU: what it takes on a core of its own, independent of other processes
    factor: float  # times faster than real time


def contestants(workers: int, cpus: int) -> list[Contestant]:
    """All that are compared, the shipped one first."""
    kind = WorkerType("default", num_cpus=cpus, max_workers=workers)
    policy = Policy(worker_types=(kind,), max_workers=workers)
    swift = replace(policy, scale_up_cooldown=SWIFT_COOLDOWN)
    patient = replace(policy, worker_types=(replace(kind, idle_timeout=RAY_IDLE_SECONDS),))
    timing = shipped(PROMETHEUS)
    return [
        Contestant("ray-watcher as shipped", policy, lambda policy: RayWatcher(policy, timing), headline=True),
        Contestant("ray-watcher, cooldown 10 s", swift, lambda policy: RayWatcher(policy, timing)),
        Contestant("Ray's rule, idle 60 s", policy, RayAutoscaler, headline=True),
        Contestant("Ray's rule, idle 5 min", patient, RayAutoscaler),
        Contestant("the guide's plain +1", policy, PlainStep, headline=True),
        Contestant("no scaling: all, all day", policy, PlainStep, begin_with=workers),
    ]


def compare(trace: Trace, rivals: Sequence[Contestant], seed: int, show: Progress) -> list[Run]:
    """Each of them on the same day."""
    runs = []
    for rival in rivals:
        bar = show.add_task(rival.name, total=trace.seconds)
        began = time.process_time()
        result = simulate(
            trace,
            rival.policy,
            rival.scaler(rival.policy),
            begin_with=rival.begin_with,
            seed=seed,
            progress=lambda at, bar=bar: show.update(bar, completed=at),  # type: ignore[misc]  # bar is this turn's
        )
        seconds = time.process_time() - began
        runs.append(Run(rival.name, rival.headline, result, seconds, trace.seconds / seconds))
    return runs


def figures(run: Run) -> dict[str, Any]:
    """One contestant's figures for people and programs."""
    result = run.result
    return {
        "name": run.name,
        "wait_median": result.wait(0.5),
        "wait_mean": sum(result.waits) / max(1, len(result.waits)),
        "wait_p95": result.wait(0.95),
        "wait_p99": result.wait(0.99),
        "wait_max": result.wait(1.0),
        "waited_over_10s": result.share_over(10.0),
        "utilization": result.utilization,
        "worker_hours": result.worker_hours,
        "launches": result.launches,
        "removals": result.removals,
        "short_lives": result.short_lives,
        "median_life": result.median_life,
        "most_workers": result.most_workers,
        "plans": result.plans,
        "simulated_in_cpu_seconds": run.seconds,
        "times_real_time": run.factor,
    }


COLUMNS = (
    ("wait_median", "median wait s", ".1f"),
    ("wait_mean", "mean", ".2f"),
    ("wait_p95", "p95", ".1f"),
    ("wait_p99", "p99", ".1f"),
    ("wait_max", "max", ".0f"),
    ("utilization", "use", ".0%"),
    ("worker_hours", "worker-hours", ",.0f"),
    ("launches", "launches", ",d"),
    ("short_lives", "short-lived", ",d"),
    ("most_workers", "peak", ",d"),
    ("times_real_time", "x real time", ",.0f"),
)


def _show(rows: list[dict[str, Any]], title: str) -> None:
    table = Table(title=title)
    table.add_column("decided by", no_wrap=True)
    for _, heading, _ in COLUMNS:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(row["name"], *(format(row[key], form) for key, _, form in COLUMNS))
    Console(width=None if sys.stdout.isatty() else 165).print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        prog="python -m benchmarks.simulation",
    )
    parser.add_argument("--tasks", type=_positive, default=1_000_000, help="tasks in all")
    parser.add_argument("--workers", type=_positive, default=1000, help="most workers there may be")
    parser.add_argument(
        "--cpus", type=_positive, default=4, help="CPUs of a worker; tasks need 1, 2 or 4, so at least 4"
    )
    parser.add_argument("--hours", type=float, default=24.0, help="length of the day")
    parser.add_argument("--load", type=float, default=0.3, help="share of all workers' CPU time that the tasks need")
    parser.add_argument("--day", choices=sorted(DAYS), default="office", help="how the work comes over the day")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same day")
    parser.add_argument("--only", metavar="TEXT", default="", help="only those whose name has TEXT in it")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw the day (PNG or SVG)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    if chosen.cpus < 4:  # noqa: PLR2004  # the largest of simulation_trace.SHAPES
        parser.error(f"--cpus is {chosen.cpus}; tasks need up to 4 CPUs, so give 4 or more")
    if chosen.load <= 0 or chosen.hours <= 0:
        parser.error("--load and --hours have to be above 0")
    return chosen


def _positive(text: str) -> int:
    number = int(text.replace("_", "").replace(",", ""))
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def main() -> None:
    """The command."""
    chosen = _arguments()
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as show:
        cpu_seconds = chosen.load * chosen.workers * chosen.cpus * chosen.hours * 3600
        trace = generate(
            DAYS[chosen.day], tasks=chosen.tasks, hours=chosen.hours, cpu_seconds=cpu_seconds, seed=chosen.seed
        )
        rivals = [one for one in contestants(chosen.workers, chosen.cpus) if chosen.only in one.name]
        runs = compare(trace, rivals, chosen.seed, show)
    title = (
        f"{trace.tasks:,} tasks in {chosen.hours:g} h ({chosen.day} day), up to {chosen.workers:,} workers of "
        f"{chosen.cpus} CPUs ({os.cpu_count()} cores, Python {platform.python_version()}, seed {chosen.seed})"
    )
    rows = [figures(run) for run in runs]
    if chosen.plot:
        from benchmarks.simulation_plot import draw

        draw(title, [(run.name, run.result, run.headline) for run in runs], chosen.plot, chosen.cpus)
    if chosen.json:
        print(json.dumps({"what": title, "runs": rows}))  # noqa: T201  # the command's output
    else:
        _show(rows, title)


if __name__ == "__main__":
    main()
