"""What everything costs while nothing happens: processor time and memory of each program over some quiet minutes.

The product as shipped with its own Ray head, and next to it a head with Ray's autoscaler v2, whose monitor process does
what our four programs do. Nobody submits anything; each program counts with its children.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.command import run
from benchmarks.product import watched_cluster
from benchmarks.ray_autoscaler import LOOP_SECONDS, autoscaling_head
from benchmarks.ray_environment import processes_below, ray_watcher
from benchmarks.report import Headline, Report, Table
from benchmarks.timing import MIB
from ray_watcher.fetch import UnreachableError, get_json
from ray_watcher.stack import supervisord
from scaler.model.workers import WorkerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

MINUTES, SMOKE_MINUTES = 2.0, 0.05
SETTLE_SECONDS = 20.0  # Prometheus has found its targets, Ray its first figures
MAX_WORKERS, IDLE_SECONDS = 8, 60.0
WARM, JOINED = WorkerState.WARM.value, WorkerState.RUNNING.value
WORKERS_SECONDS, LOADED_SECONDS = 60.0, 5.0  # until both have started and loaded everything
MONITOR = "Ray's autoscaler v2"
OUR_HEAD, RAYS_HEAD = "Ray's head beneath ours", "the rest of the head with Ray's autoscaler v2"
OUR_MONITOR = "of these, Ray's own monitor, which only looks"
STACK = "all of the watcher"
OURS_IS = (
    "Children are included; memory that processes share counts for each of them. Ours as shipped: four programs and the"
    " supervisord that keeps them running."
)
RAYS_IS = (
    f"{MONITOR} is the monitor process of a head of its own, with a loop of {LOOP_SECONDS} s as in"
    " `benchmarks.demand_to_work`, where Ray's default is 5 s. It keeps no metrics, alerts or history."
    " Beneath ours, too, runs such a process of Ray, by default, which starts nothing."
)


@dataclass(frozen=True)
class Used:
    """By one program and its children so far: processor seconds, resident bytes now."""

    cpu: float
    rss: float


@dataclass(frozen=True)
class Cost:
    """Of a program over some minutes; memory in MiB."""

    program: str
    cpu_per_minute: float  # seconds
    rss_before: float
    rss_after: float

    @property
    def core(self) -> float:
        """Percent of one."""
        return self.cpu_per_minute / 60 * 100


def used(processes: Iterable[psutil.Process]) -> Used:
    """By those that live, and by their children that have ended."""
    cpu, rss = 0.0, 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess), process.oneshot():
            times = process.cpu_times()
            cpu += times.user + times.system + times.children_user + times.children_system
            rss += process.memory_info().rss
    return Used(cpu, rss)


def watchers(environment: Mapping[str, str]) -> dict[str, list[psutil.Process]]:
    """The processes of the product's programs, and of its head."""
    state = environment["WATCHER_STATE_DIR"]
    found: dict[str, list[psutil.Process]] = {}
    for program in supervisord.states(Path(state) / "watcher" / environment["WATCHER_CLUSTER"]):
        root = psutil.Process(program.pid)
        found[program.name] = [root, *root.children(recursive=True)]
    supervisor = root.parent()
    found["supervisord"] = [supervisor] if supervisor else []
    found[STACK] = [process for processes in found.values() for process in processes]
    found[OUR_HEAD] = [process for process in processes_below(state) if process not in found[STACK]]
    found[OUR_MONITOR] = list(filter(_is_monitor, found[OUR_HEAD]))
    return found


def rays(processes: Iterable[psutil.Process]) -> dict[str, list[psutil.Process]]:
    """The head's monitor, and the rest of it."""
    known = list(processes)
    return {
        MONITOR: list(filter(_is_monitor, known)),
        RAYS_HEAD: [process for process in known if not _is_monitor(process)],
    }


def _is_monitor(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(word.endswith("/monitor.py") for word in process.cmdline())
    return False


def costs(before: Mapping[str, Used], after: Mapping[str, Used], minutes: float) -> list[Cost]:
    """Of each program."""
    return [
        Cost(name, (after[name].cpu - one.cpu) / minutes, one.rss / MIB, after[name].rss / MIB)
        for name, one in before.items()
    ]


def measure(smoke: bool, minutes: float) -> Report:  # noqa: FBT001  # the benchmarks' one signature
    """Both at once: neither loads the machine."""
    span = SMOKE_MINUTES if smoke else minutes
    with watched_cluster("process") as environment, autoscaling_head(MAX_WORKERS, IDLE_SECONDS) as head:

        def look() -> dict[str, Used]:
            programs = watchers(environment) | rays(head.processes)
            return {name: used(processes) for name, processes in programs.items()}

        time.sleep(0 if smoke else SETTLE_SECONDS)
        before, began = look(), time.monotonic()
        time.sleep(span * 60)
        after, ended = look(), time.monotonic()
        memory = workers(environment)
    return report(costs(before, after, (ended - began) / 60), memory, span)


def workers(environment: MutableMapping[str, str]) -> dict[str, float]:
    """Resident MiB of a warm worker and of one that has joined, by its state; the watcher is restarted for it."""
    ray_watcher(environment, "stop-watcher")
    environment.update(WATCHER_MIN_WORKERS="1", WATCHER_WARM_WORKERS="1")
    ray_watcher(environment, "start-watcher")
    deadline = time.monotonic() + WORKERS_SECONDS
    listed = _listed(environment)
    while {one["state"] for one in listed} != {WARM, JOINED}:
        if time.monotonic() > deadline:
            wanted = "one that has joined and a warm one"
            raise TimeoutError(f"got workers {listed} after {WORKERS_SECONDS:g} s, wanted {wanted}")
        time.sleep(1)
        listed = _listed(environment)
    time.sleep(LOADED_SECONDS)
    directory = Path(environment["WATCHER_STATE_DIR"]) / "workers"
    return {one["state"]: used(processes_below(str(directory / one["worker_id"]))).rss / MIB for one in listed}


def _listed(environment: Mapping[str, str]) -> list[dict[str, str]]:
    with contextlib.suppress(UnreachableError):
        return list(get_json(f"http://{environment['WATCHER_LISTEN']}/api/v1/status")["workers"])
    return []


def report(found: list[Cost], memory: Mapping[str, float], minutes: float) -> Report:
    """Of `minutes`; `memory` of workers by their state, MiB."""
    of = {cost.program: cost for cost in found}
    scaler, exporter, stack, monitor = of["scaler"], of["exporter"], of[STACK], of[MONITOR]
    return Report(
        name="idle",
        title="Idle cost",
        headlines=(
            Headline("Memory, idle: scaler", scaler.rss_after, "MiB", MONITOR, monitor.rss_after, most=80),
            Headline("CPU, idle: scaler", scaler.core, "%", MONITOR, monitor.core, most=1),
            Headline("CPU, idle: exporter", exporter.core, "%", MONITOR, monitor.core),
            Headline("CPU, idle: all four programs", stack.core, "%", MONITOR, monitor.core),
            Headline("Memory, idle: all four programs", stack.rss_after, "MiB", MONITOR, monitor.rss_after),
            Headline("Memory of a warm worker", memory[WARM], "MiB", "one that has joined, idle", memory[JOINED]),
        ),
        tables=(_table(found, minutes),),
        notes=(f"Measured over {minutes:g} quiet minutes.", OURS_IS, RAYS_IS),
    )


def _table(found: list[Cost], minutes: float) -> Table:
    columns = ("Program", "CPU s each minute", "% of a core", "RSS MiB at first", "RSS MiB at last")
    rows = tuple((one.program, one.cpu_per_minute, one.core, one.rss_before, one.rss_after) for one in found)
    return Table(f"Over {minutes:g} quiet minutes", columns, rows)


def main() -> None:
    """The command."""
    run(measure, __doc__, minutes=MINUTES)


if __name__ == "__main__":
    main()
