"""What `benchmarks.demand_to_work` found, as a report. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.demand_trials import STAGES, Trial, median
from benchmarks.report import Headline, Report, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.report import Cell

TO_WORK = "From demand to running work"
OURS, WARM, DOCKER = "ours", "ours, one warm worker", "ours, Docker"
RAY, FAST = "Ray's autoscaler v2", "Ray's autoscaler v2, demand every 100 ms"
FLOOR, PLAIN = "docker run", "docker run, plain ray start"
WARM_MOST_SECONDS, WARM_MOST_OF_RAYS = 2.0, 0.6
ABOVE_FLOOR_SECONDS = 1.0
DOCUMENTED = {
    "metric": "the demand is in Prometheus",
    "alert": "the alert fires",
    "webhook": "the scaler has received it",
    "decision": "the launch is decided",
    "launch": "the worker's process or container is up",
    "join": "the worker is in Ray",
    "task": "the task's first line runs",
}
OURS_IS = (
    "Ours is the shipped configuration, but that trials can follow each other: no cooldown, idle workers go after 1 s,"
    " object stores of 100 MB. While a head is full, RayHighCpuUtilization fires and permits scaling too, so the scaler"
    " may see the demand by itself before the alert that tasks wait."
)
RAYS_IS = (
    "Ray's is a head as `ray.cluster_utils.AutoscalingCluster` starts it: autoscaler v2, its in-process provider, a"
    " loop of 1 s (Ray's default is 5 s), otherwise Ray's settings. That provider starts a raylet from the"
    " autoscaler's own process, without a `ray start`."
)
FLOOR_IS = (
    f"`{FLOOR}` is run at the moment of the submission, while the scaler is paused: the provider's own start"
    " of Ray, in the same image, network and cluster; and once more with Ray's own command in its place."
)
SIDE_BY_SIDE = (
    "All clusters are up at the same time and tried in turn; before each trial all are at rest, their heads alone, and"
    " 0.3 to 1.3 s pass at random. One trial of each came before and is not counted. `benchmarks.idle` measures"
    " the cost of the others meanwhile."
)


@dataclass(frozen=True)
class Burst:
    """Tasks that were submitted at once, and how many workers each decision launched for them."""

    cluster: str
    tasks: int
    launches: tuple[int, ...]

    @property
    def shown(self) -> str:
        """For people."""
        return " + ".join(map(str, self.launches))


@dataclass
class Found:
    """All trials by whose they are, stages of ours, and what was decided for bursts."""

    trials: dict[str, list[Trial]] = field(default_factory=dict)
    stages: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    bursts: list[Burst] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def report(found: Found, workers: int) -> Report:
    """`workers` is the most there may be, and how many tasks the smaller bursts have."""
    return Report(
        name="demand_to_work",
        title="Demand to running work",
        headlines=(*_single(found), *_docker(found), *_bursts(found, workers)),
        tables=(_trials(found), _stages(found), _decisions(found, workers)),
        notes=(OURS_IS, RAYS_IS, FLOOR_IS, SIDE_BY_SIDE, *found.notes),
    )


def _single(found: Found) -> list[Headline]:
    mine, warm, rays, fast = (median(found.trials[name]) for name in (OURS, WARM, RAY, FAST))
    most, ratio = WARM_MOST_SECONDS, 1 / WARM_MOST_OF_RAYS
    return [
        Headline(TO_WORK, mine, "s", RAY, rays, least_ratio=1.0),
        Headline(TO_WORK, mine, "s", FAST, fast),
        Headline(f"{TO_WORK}, one warm worker", warm, "s", RAY, rays, most=most, least_ratio=ratio),
    ]


def _docker(found: Found) -> list[Headline]:
    if DOCKER not in found.trials:
        return []
    mine, floor = median(found.trials[DOCKER]), median(found.trials[FLOOR])
    return [
        Headline(f"{TO_WORK} in Docker", mine, "s", FLOOR, floor),
        Headline(f"{TO_WORK} in Docker, above docker run", mine - floor, "s", most=ABOVE_FLOOR_SECONDS),
        Headline(f"{TO_WORK} in Docker", mine, "s", PLAIN, median(found.trials[PLAIN])),
    ]


def _bursts(found: Found, workers: int) -> list[Headline]:
    mine, rays = (median(found.trials[f"{name}, {workers} at once"]) for name in (OURS, RAY))
    decisions = {name: max(len(one.launches) for one in found.bursts if one.cluster == name) for name in (OURS, RAY)}
    return [
        Headline(f"{workers} tasks at once, until all run on {workers} new workers", mine, "s", RAY, rays),
        Headline("Launch decisions for a burst, most of any", decisions[OURS], "", RAY, decisions[RAY], most=1),
    ]


def _trials(found: Found) -> Table:
    rows = tuple(
        (name, len(trials), median(trials), _least(trials), _most(trials), max(trial.nodes for trial in trials))
        for name, trials in found.trials.items()
    )
    columns = ("Cluster", "Trials", "Median s", "Fastest s", "Slowest s", "Workers")
    return Table("From demand to running work", columns, rows)


def _least(trials: Sequence[Trial]) -> float:
    return min(trial.seconds for trial in trials)


def _most(trials: Sequence[Trial]) -> float:
    return max(trial.seconds for trial in trials)


def _stages(found: Found) -> Table:
    names = tuple(found.stages)

    def row(stage: str) -> tuple[Cell, ...]:
        return f"{stage}: {DOCUMENTED[stage]}", *(_stage(found.stages[name], stage) for name in names)

    return Table("Ours by stages, median seconds of each", ("Until", *names), tuple(map(row, STAGES)))


def _stage(trials: Sequence[dict[str, float]], stage: str) -> float:
    return statistics.median(trial[stage] for trial in trials)


def _decisions(found: Found, workers: int) -> Table:
    columns = ("Cluster", "Tasks", "Decisions", "Workers of each", "Workers", "Most there may be")
    rows = tuple(
        (one.cluster, one.tasks, len(one.launches), one.shown, sum(one.launches), workers) for one in found.bursts
    )
    return Table("Bursts, by what was decided", columns, rows)
