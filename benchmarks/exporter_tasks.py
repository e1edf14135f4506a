"""One read of the cluster's demand as tasks queue up: the exporter and every way that Ray itself offers.

A real head with one CPU, a real driver whose tasks wait. Processor time is that of all the head's processes and of
the one that asks, less what they use while nobody does.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.command import run
from benchmarks.exporter_process import APART_SECONDS, Exporter, exporter_of, get, series
from benchmarks.ray_environment import driver, head
from benchmarks.report import Chart, Headline, Report, Table
from benchmarks.timing import alternating, cpu_seconds_per_call, idle_rate, rss_mib

if TYPE_CHECKING:
    from collections.abc import Callable

    import psutil

    from benchmarks.ray_environment import Driver, Head

SIZES = (10, 1_000, 10_000, 100_000)
SMOKE_SIZES = (5,)
ROUNDS, SMOKE_ROUNDS = 5, 1
CPU_SECONDS = 2.0  # so long is each way asked for its processor time: the kernel counts it in ticks of 10 ms
IDLE_SECONDS = 3.0
SETTLE_SECONDS = 12.0  # Ray's own figures lag by up to 11 s
ARRIVE_SECONDS = 120.0
WAITING = "filter_keys=state&filter_predicates=%3D&filter_values=PENDING_NODE_ASSIGNMENT"
TASKS = f"/api/v0/tasks?limit=10000&{WAITING}"
OURS, STATE_API = "exporter /metrics", "Ray /api/v0/tasks"


@dataclass(frozen=True)
class Way:
    """One way to read pending work: a call, its processes without the head's, and the count in the reply."""

    name: str
    call: Callable[[], bytes]
    asker: psutil.Process | None = None
    count: Callable[[bytes], int] | None = None


@dataclass(frozen=True)
class Measured:
    """One way at one size. Times in ms."""

    tasks: int
    way: str
    latency: float
    cpu: float
    size: int  # bytes
    counted: int | None
    asker_mib: float | None

    def row(self) -> tuple[str | float | int | None, ...]:
        """Of the table."""
        return self.tasks, self.way, self.latency, self.cpu, self.size, self.counted, self.asker_mib


def pending(metrics: bytes) -> int:
    """The content of a scrape of the exporter."""
    lines = (line for line in metrics.splitlines() if line.startswith(b"raycluster_pending_tasks "))
    return int(float(next(lines, b"x -1").split()[1]))


def _listed(reply: bytes) -> int:
    return len(json.loads(reply)["data"]["result"]["result"])


def _summarized(reply: bytes) -> int:
    summary: dict[str, Any] = json.loads(reply)["data"]["result"]["result"]["node_id_to_summary"]["cluster"]["summary"]
    return sum(one["state_counts"].get("PENDING_NODE_ASSIGNMENT", 0) for one in summary.values())


def _status(reply: bytes) -> int:
    status = json.loads(reply)["data"]["clusterStatus"]
    return sum(count for _, count in status["loadMetricsReport"]["resourceDemand"]) if status else 0


def ways(exporter: Exporter, cluster: Head, asking: Driver) -> tuple[Way, ...]:
    """All of them, ours first."""
    dashboard = http.client.HTTPConnection("127.0.0.1", cluster.dashboard_port, timeout=60)
    own = http.client.HTTPConnection("127.0.0.1", int(asking.ask("metrics")), timeout=60)
    return (
        Way(OURS, exporter.scrape, exporter.process, pending),
        Way(STATE_API, lambda: get(dashboard, TASKS), None, _listed),
        Way("Ray /api/v0/tasks/summarize", lambda: get(dashboard, "/api/v0/tasks/summarize"), None, _summarized),
        Way("Ray /api/cluster_status", lambda: get(dashboard, "/api/cluster_status"), None, _status),
        Way("Ray's own /metrics", lambda: get(own, "/metrics")),
        Way("driver, available_resources()", lambda: asking.ask("ask").encode(), asking.process),
    )


def measure_size(
    tasks: int, asked: tuple[Way, ...], head_processes: tuple[psutil.Process, ...], rounds: int
) -> list[Measured]:
    """Every way at one size: latency by turns, then processor time one after the other."""
    taken = alternating([way.call for way in asked], rounds, APART_SECONDS)
    idle = idle_rate(head_processes, IDLE_SECONDS) if rounds > 1 else 0.0
    found = []
    for way, seconds in zip(asked, taken, strict=True):
        busy = [*head_processes, *([way.asker] if way.asker else [])]
        latency = statistics.median(seconds)
        calls = max(2, round(CPU_SECONDS / (latency + APART_SECONDS))) if rounds > 1 else 1
        cpu = cpu_seconds_per_call(busy, way.call, calls, idle=idle, pause=APART_SECONDS)
        reply = way.call()
        counted = way.count(reply) if way.count else None
        memory = rss_mib(way.asker) if way.asker else None
        found.append(Measured(tasks, way.name, latency * 1000, cpu * 1000, len(reply), counted, memory))
    return found


def _await(exporter: Exporter, wanted: int) -> None:
    """Until the exporter sees that many waiting."""
    deadline = time.monotonic() + ARRIVE_SECONDS
    while (seen := pending(exporter.scrape())) < wanted:
        if time.monotonic() > deadline:
            raise TimeoutError(f"got {seen} waiting tasks, wanted {wanted} within {ARRIVE_SECONDS:g} s")
        time.sleep(0.2)


def measure(smoke: bool) -> Report:  # noqa: FBT001  # the benchmarks' one signature
    """All sizes on one head, growing."""
    sizes, rounds = (SMOKE_SIZES, SMOKE_ROUNDS) if smoke else (SIZES, ROUNDS)
    found: list[Measured] = []
    series_at: dict[int, int] = {}
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(head())
        submitting, asking = (stack.enter_context(driver(cluster.gcs_address)) for _ in range(2))
        exporter = stack.enter_context(exporter_of(cluster.gcs_address))
        asked = ways(exporter, cluster, asking)
        submitted = 0
        for size in sizes:
            submitting.ask(f"add {size + 1 - submitted}")  # one of them runs
            submitted = size + 1
            _await(exporter, size)
            time.sleep(0 if smoke else SETTLE_SECONDS)
            found += measure_size(size, asked, cluster.processes, rounds)
            series_at[size] = series(exporter.scrape())
    return _report(found, series_at)


def _report(found: list[Measured], series_at: dict[int, int]) -> Report:
    most = found[-1].tasks
    at_most = {one.way: one for one in found if one.tasks == most}
    ours, theirs = at_most[OURS], at_most[STATE_API]
    names = list(at_most)
    what = f"A scrape with {most:,} pending tasks"
    return Report(
        name="exporter_tasks",
        title="Exporter: a scrape as tasks queue up",
        headlines=(
            Headline(
                what,
                ours.latency,
                "ms",
                STATE_API,
                theirs.latency,
                most=5,
                least_ratio=300,
            ),
            Headline(f"{what}, CPU time of both sides", ours.cpu, "ms", STATE_API, theirs.cpu, least_ratio=300),
            *(Headline(what, ours.latency, "ms", name, at_most[name].latency) for name in names[2:]),
            Headline(
                "Memory of the process that asks",
                ours.asker_mib or 0.0,
                "MiB",
                names[-1],
                at_most[names[-1]].asker_mib,
                most=50,
            ),
            Headline(
                f"Series more with {most:,} tasks than with {min(series_at)}",
                series_at[most] - series_at[min(series_at)],
                "",
                most=0,
            ),
        ),
        tables=(
            Table(
                "Every way at every size",
                ("Waiting", "Way", "Median ms", "CPU ms", "Bytes", "Counted", "Asker's RSS MiB"),
                tuple(one.row() for one in found),
            ),
        ),
        charts=(
            Chart(
                "exporter-tasks",
                "One read of what waits",
                "tasks waiting",
                "ms",
                {name: [(one.tasks, one.latency) for one in found if one.way == name] for name in names},
            ),
        ),
        notes=("The state API lists 10,000 tasks at most, whatever waits.",),
    )


def main() -> None:
    """The command."""
    run(measure, __doc__)


if __name__ == "__main__":
    main()
