"""One trial: tasks submitted on a full cluster, until the last of them runs on a new worker; and its stages."""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ray_watcher.demo.timeline import UP_ALERT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from benchmarks.ray_environment import Driver

REST_SECONDS = 90.0  # the bound; a worker goes some three seconds after its task
LOOK_SECONDS = 0.2
SETTLE_SECONDS = 0.3
BEGAN = time.monotonic()
STAGES = ("metric", "alert", "webhook", "decision", "launch", "join", "task")


class Cluster(Protocol):
    """What a trial needs of a cluster that scales."""

    @property
    def driver(self) -> Driver:
        """Of tasks on it."""

    def at_rest(self) -> bool:
        """Whether it is as it was before the first trial."""


@dataclass(frozen=True)
class Trial:
    """When tasks were submitted and began, in unix seconds of one clock, and on how many nodes."""

    submitted: float
    began: float  # the last of them
    nodes: int

    @property
    def seconds(self) -> float:
        """From demand to running work."""
        return self.began - self.submitted


def trial_from(answer: str) -> Trial:
    """The trial that a driver reports."""
    report = json.loads(answer)
    return Trial(report["submitted"], max(at for at, _ in report["began"]), len({node for _, node in report["began"]}))


def run_trial(cluster: Cluster, tasks: int = 1, help_it: Callable[[], object] = lambda: None) -> Trial:
    """`tasks` on the cluster at a random moment of everyone's intervals; then `help_it`."""
    time.sleep(SETTLE_SECONDS + random.random())  # noqa: S311  # a moment, no secret
    cluster.driver.send(f"run {tasks}")
    help_it()
    return trial_from(cluster.driver.answer())


def await_rest(clusters: Iterable[Cluster]) -> None:
    """Wait until all of them are idle. Raises `TimeoutError`."""
    deadline = time.monotonic() + REST_SECONDS
    for cluster in clusters:
        while not cluster.at_rest():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the workers of the last trial did not go within {REST_SECONDS:g} s")
            time.sleep(LOOK_SECONDS)


def stages(
    trial: Trial,
    samples: Iterable[tuple[float, float]],
    alerts: Iterable[Mapping[str, Any]],
    launches: Sequence[Mapping[str, Any]],
) -> dict[str, float]:
    """Seconds of each of `STAGES`, which add up to the trial.

    By what Prometheus stored of waiting tasks, the scaler's alerts while it ran, and what the scaler wrote down of its
    launches; the first one counts. A scaler that sees demand by itself may decide before the alert: events after the
    decision count as zero. If nothing was launched (a warm worker took it over), all after the webhook is "task".
    """
    alert = next((one for one in alerts if one["name"] == UP_ALERT), {})
    launch = min(launches, key=lambda one: float(one["started_at"]), default={})
    decided = launch.get("started_at") or trial.began
    seen = next((at for at, waiting in sorted(samples) if waiting and at >= trial.submitted), None)
    before = (min(at or decided, decided) for at in (seen, alert.get("starts_at"), alert.get("received_at")))
    after = (launch.get(name) for name in ("started_at", "finished_at", "joined_at"))
    took, last = [], trial.submitted
    for moment in (*before, *after, trial.began):
        at = min(max(last, moment or last), trial.began)
        took.append(at - last)
        last = at
    return dict(zip(STAGES, took, strict=True))


def median(trials: Sequence[Trial]) -> float:
    """Seconds."""
    return statistics.median(trial.seconds for trial in trials)


def progress(text: str) -> None:
    """Print progress with the seconds since the start."""
    sys.stderr.write(f"{time.monotonic() - BEGAN:6.1f}  {text}\n")
    sys.stderr.flush()
