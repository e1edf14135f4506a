"""A simulated day of a million tasks on up to 1,000 workers, in the frame of the other benchmarks.

`benchmarks.simulation` runs it, with more options; docs/simulation.md explains its output.
"""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress

from benchmarks.command import run
from benchmarks.report import Headline, Report, Table
from benchmarks.simulation import COLUMNS, compare, contestants, figures
from benchmarks.simulation_trace import DAYS, generate

SEED, CPUS, LOAD = 1, 4, 0.3
TIMES_REAL_TIME = 1000  # the goal
RAY, PLAIN = "Ray's rule, idle 60 s", "the guide's plain +1"


def measure(smoke: bool) -> Report:  # noqa: FBT001  the frame's signature
    """The day, as each of them decides; a short one for `smoke`."""
    tasks, workers, hours = (2_000, 20, 1.0) if smoke else (1_000_000, 1_000, 24.0)
    trace = generate(
        DAYS["office"], tasks=tasks, hours=hours, cpu_seconds=LOAD * workers * CPUS * hours * 3600, seed=SEED
    )
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as show:
        rows = {one.name: figures(one) for one in compare(trace, contestants(workers, CPUS), SEED, show)}
    shipped, swift, *_ = rows.values()

    def wait(what: str, ours: dict[str, float], key: str, peer: str) -> Headline:
        return Headline(f"{what}, {key.replace('_', ' ')}", ours[key], "s", peer, rows[peer][key])

    return Report(
        name="day",
        title="A simulated day: the planner and the alert rules at scale",
        headlines=(
            wait("A simulated day as shipped", shipped, "wait_mean", PLAIN),
            wait("A simulated day as shipped", shipped, "wait_mean", RAY),
            wait("A simulated day, cooldown 10 s", swift, "wait_mean", RAY),
            wait("A simulated day, cooldown 10 s", swift, "wait_p99", RAY),
            Headline("A simulated day, times real time", shipped["times_real_time"], "", least=TIMES_REAL_TIME),
        ),
        tables=(
            Table(
                f"{trace.tasks:,} tasks in {hours:g} h, up to {workers:,} workers of {CPUS} CPUs",
                ("Decided by", *(heading for _, heading, _ in COLUMNS)),
                tuple((name, *(row[key] for key, *_ in COLUMNS)) for name, row in rows.items()),
            ),
        ),
        notes=("The same tasks, limits and times to join and to leave for all; docs/simulation.md has the rest.",),
    )


if __name__ == "__main__":
    run(measure, __doc__)
