"""One scrape of the exporter as the cluster grows: nodes and waiting shapes, from a stand-in for Ray's GCS.

There is no peer here: nobody has 5,000 Ray nodes at hand. `exporter_tasks` compares, on a real head.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.command import run
from benchmarks.exporter_process import APART_SECONDS, exporter_of, series
from benchmarks.report import Chart, Headline, Report, Table
from benchmarks.timing import alternating, cpu_seconds_per_call, rss_mib
from exporter.metrics.shapes import MAX_SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = ((10, 1), (100, 1), (1000, 1), (5000, 1), (10, 10), (10, 100), (1000, 100))
SMOKE_CASES = ((3, 2),)
SCRAPES = 25
WARM_UP = 5
SCRAPERS = 10
GOAL_NODES = 1000


@contextlib.contextmanager
def stand_in(nodes: int, shapes: int) -> Iterator[str]:
    """The address of a GCS of that size."""
    command = [sys.executable, "-m", "benchmarks.gcs_stand_in", str(nodes), str(shapes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:  # noqa: S603  # ours
        assert program.stdout is not None  # noqa: S101  # it was asked for
        yield f"127.0.0.1:{int(program.stdout.readline())}"
        program.communicate()


def measure_case(nodes: int, shapes: int, scrapes: int) -> tuple[float, ...]:
    """Nodes, shapes, median and 99th percentile ms, CPU ms, KiB, series, MiB, reads for ten scrapers at once."""
    with stand_in(nodes, shapes) as address, exporter_of(address) as exporter:
        for _ in range(WARM_UP):
            body = exporter.scrape()
        taken = sorted(seconds * 1000 for seconds in alternating([exporter.scrape], scrapes, APART_SECONDS)[0])
        cpu = cpu_seconds_per_call([exporter.process], exporter.scrape, scrapes, pause=APART_SECONDS) * 1000
        reads = exporter.reads_for_scrapers(SCRAPERS)
        late = taken[min(len(taken) - 1, round(0.99 * len(taken)))]
        size = len(body) / 1024
        memory = rss_mib(exporter.process)
        return nodes, shapes, statistics.median(taken), late, cpu, size, series(body), memory, reads


def measure(smoke: bool) -> Report:  # noqa: FBT001  # the benchmarks' one signature
    """All cases."""
    cases, scrapes = (SMOKE_CASES, 3) if smoke else (CASES, SCRAPES)
    rows = tuple(measure_case(nodes, shapes, scrapes) for nodes, shapes in cases)
    goal = next((row for row in rows if row[0] == GOAL_NODES), rows[-1])
    few_shapes = [row for row in rows if row[1] == rows[0][1]]
    return Report(
        name="exporter_nodes",
        title="Exporter: a scrape as the cluster grows",
        headlines=(
            Headline(f"A scrape with {goal[0]:,} nodes, end to end", goal[2], "ms", most=50),
            Headline("Memory of the exporter, small cluster", rows[0][7], "MiB", most=50),
            Headline(
                f"Reads of Ray for {SCRAPERS} scrapers at once, most of any size", max(r[8] for r in rows), "", most=1
            ),
        ),
        tables=(
            Table(
                f"{scrapes} scrapes each, after {WARM_UP} to warm up",
                (
                    "Nodes",
                    "Shapes",
                    "Median ms",
                    "99 % ms",
                    "CPU ms",
                    "KiB",
                    "Series",
                    "RSS MiB",
                    f"Reads for {SCRAPERS}",
                ),
                rows,
            ),
        ),
        charts=(
            Chart(
                "exporter-nodes",
                "One scrape of the exporter",
                "nodes",
                "ms",
                {"end to end": [(r[0], r[2]) for r in few_shapes], "CPU": [(r[0], r[4]) for r in few_shapes]},
            ),
        ),
        notes=(_growth(few_shapes[0], few_shapes[-1]),),
    )


def _growth(least: tuple[float, ...], most: tuple[float, ...]) -> str:
    """What grows with the cluster, from the cases with the fewest and the most nodes."""
    each = (most[6] - least[6]) / ((most[0] - least[0]) or 1)
    return (
        f"{each:.3g} series are added by each node: its CPU use, and how long its worker has been idle. No others grow "
        f"with nodes or tasks; of waiting shapes {MAX_SHAPES} of each kind have a series of their own."
    )


def main() -> None:
    """The command."""
    run(measure, __doc__)


if __name__ == "__main__":
    main()
