"""Polls the running loop and records what is visible only for a moment."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ray_watcher.demo.scene import Scene, scene
from ray_watcher.demo.timeline import Record
from ray_watcher.errors import TimedOutError, WatcherError
from ray_watcher.fetch import UnreachableError, get_json
from ray_watcher.output.watcher_status import alerts, scaler_status
from ray_watcher.workload.job import ENDED, events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray_watcher.demo.views import View
    from ray_watcher.stack.stack import Stack
    from ray_watcher.workload.job import Job

LOOK_SECONDS = 0.3
FIRST_SCRAPE_SECONDS = 20.0  # upper bound; it takes about 5 s
SAMPLES_QUERY = "raycluster_pending_tasks[5m]"  # a range selector: raw samples, each with its own time


def await_first_scrape(stack: Stack) -> None:
    """Wait until scaler and Prometheus have data of the cluster, so that the timeline excludes their start.

    Prometheus discovers its targets about 5 s after its start. Raises `TimedOutError`.
    """
    deadline, problem = time.monotonic() + FIRST_SCRAPE_SECONDS, "no response"
    while time.monotonic() < deadline:
        with contextlib.suppress(UnreachableError):
            snapshot = scaler_status(stack)["snapshot"]
            if snapshot["usable"] and _query(stack, "raycluster_up"):
                return
            problem = snapshot["problem"] or "Prometheus has not scraped the exporter yet"
        time.sleep(LOOK_SECONDS)
    raise TimedOutError(f"the watcher has no data of the cluster after {FIRST_SCRAPE_SECONDS:g} s: {problem}")


def _query(stack: Stack, query: str) -> list[Any]:
    reply = get_json(f"{stack.url('prometheus')}/api/v1/query", {"query": query})
    return list(reply["data"]["result"])


class Watch:
    """The loop of one stack during one job."""

    def __init__(self, stack: Stack, job: Job, tasks: int) -> None:
        self._stack = stack
        self._job = job
        self._tasks = tasks
        self._since = time.time()
        self._failures: list[str] = []
        self.record = Record()

    def until_quiet(self, view: View, deadline: float) -> Record:
        """Show the loop until all tasks are finished and all workers removed.

        Raises `TimedOutError` at `deadline` (monotonic seconds), `WatcherError` if the job fails.
        """
        while True:
            seen = self._look()
            if seen is not None:
                view.show(seen)
                if self._is_quiet(seen):
                    self.record.samples = self._samples()
                    return self.record
            self._require_job()
            if time.monotonic() > deadline:
                raise TimedOutError(f"the loop did not finish in time: {seen.figures if seen else self._failures[-1]}")
            time.sleep(LOOK_SECONDS)

    def _look(self) -> Scene | None:
        """None if a program did not answer; the deadline bounds repetitions."""
        try:
            state = get_json(f"{self._stack.url('exporter')}/state")
            status = scaler_status(self._stack)
            seen = scene(state, status, alerts(self._stack), self._since)
        except UnreachableError as error:
            self._failures.append(str(error))
            return None
        self._remember(status)
        done = self.record.event("progress") + self.record.event("done")
        return replace(seen, finished=done[-1]["finished"] if done else 0, tasks=self._tasks)

    def _remember(self, status: Mapping[str, Any]) -> None:
        if not self.record.event("done"):
            self.record.events = events(self._job.log())
        for alert in status["alerts"]:
            self.record.alerts.setdefault(alert["name"], alert)
        self.record.scale_up = self.record.scale_up or status["last_scale_up"]
        self.record.actions = status["actions"]

    def _is_quiet(self, seen: Scene) -> bool:
        all_finished = all(action["outcome"] for action in self.record.actions)
        return bool(self.record.event("done")) and not seen.workers and all_finished

    def _require_job(self) -> None:
        if self.record.event("done"):
            return
        status, message = self._job.status()
        if status in ENDED and status != "SUCCEEDED":
            lines = self._job.log().splitlines()[-10:]
            raise WatcherError("\n".join([f"the load driver ended with {status}: {message}", *lines]))

    def _samples(self) -> list[tuple[float, float]]:
        try:
            found = _query(self._stack, SAMPLES_QUERY)
        except UnreachableError:
            return []
        return [(float(at), float(value)) for series in found for at, value in series["values"]]
