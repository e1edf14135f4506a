"""Submit the load driver as a Ray job over the dashboard's HTTP API, and follow its events.

The API is Ray's Jobs REST API: POST /api/jobs/, GET /api/jobs/ID, GET /api/jobs/ID/logs, POST /api/jobs/ID/stop.
It uses neither Ray nor `ray://`, which need the cluster's exact Ray and Python version.
"""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Any

import requests

from ray_watcher.errors import NotRunningError, TimedOutError, WatcherError
from ray_watcher.invocation import typed
from ray_watcher_common.ray_auth import NO_TOKEN, RayToken
from ray_watcher_common.web.client import session

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_SECONDS, SUBMIT_SECONDS = 3.0, 60.0  # a submission returns when the job's supervisor actor is placed
POLL_SECONDS = 0.5
ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})  # ray.dashboard.modules.job.common.JobStatus
REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})  # no token, or a wrong one
LOG_TAIL_LINES = 15

Event = dict[str, Any]


@dataclass(frozen=True)
class Load:
    """`tasks` tasks, each holding CPUs and GPUs for `seconds`."""

    tasks: int = 10
    num_cpus: float = 1
    num_gpus: float = 0
    seconds: float = 10

    @property
    def entrypoint(self) -> str:
        """The shell command that runs the driver in the cluster."""
        text = (resources.files("ray_watcher.workload") / "driver.py").read_text(encoding="utf-8")
        figures = (self.tasks, self.num_cpus, self.num_gpus, self.seconds)
        return shlex.join(["python", "-c", text, *(str(figure) for figure in figures)])


@dataclass(frozen=True)
class Job:
    """A submitted load."""

    api: str  # the dashboard's API base, for example http://localhost:8265/api
    submission_id: str
    token: RayToken = NO_TOKEN

    def status(self) -> tuple[str, str]:
        """The job's state in Ray's terms, and its message."""
        document = self._call("GET", "", wanted="status")
        return document["status"], document.get("message") or ""

    def log(self) -> str:
        """The driver's output so far."""
        return str(self._call("GET", "/logs", wanted="logs")["logs"])

    def stop(self) -> None:
        """Stop the job and its tasks."""
        self._call("POST", "/stop", wanted="stopped")

    def _call(self, method: str, path: str, *, wanted: str) -> dict[str, Any]:
        return _call(method, f"{self.api}/jobs/{self.submission_id}{path}", self.token, wanted=wanted)


def submit(api: str, load: Load, token: RayToken = NO_TOKEN) -> Job:
    """Submit `load` to the cluster whose dashboard answers at `api`. Raises `NotRunningError`, `WatcherError`."""
    api = api.rstrip("/")
    document = _call("POST", f"{api}/jobs/", token, {"entrypoint": load.entrypoint}, wanted="submission_id")
    return Job(api, document["submission_id"], token)


def events(log: str) -> list[Event]:
    """The driver's events in the job's log, without an incomplete last line."""
    return [event for line in log.splitlines() if (event := _event(line))]


def follow(job: Job, timeout: float) -> Iterator[Event]:
    """Each new event, until the job ends.

    Raises `TimedOutError` after `timeout` seconds, `WatcherError` if tasks or the driver failed.
    """
    deadline, yielded = time.monotonic() + timeout, 0
    while True:
        status, message = job.status()
        known = events(job.log())  # after the status, so that an ended job's log is complete
        yield from known[yielded:]
        yielded = len(known)
        if status in ENDED:
            return _judge(job, status, message, known)
        if time.monotonic() > deadline:
            raise TimedOutError(
                f"the tasks are not finished after {timeout:g} s; they continue as job {job.submission_id}"
            )
        time.sleep(POLL_SECONDS)


def _judge(job: Job, status: str, message: str, known: list[Event]) -> None:
    if status == "SUCCEEDED":
        return
    if done := next((event for event in known if event["event"] == "done"), None):
        raise WatcherError(f"{done['failed']} of {done['tasks']} tasks failed")
    tail = "\n".join(job.log().splitlines()[-LOG_TAIL_LINES:])
    raise WatcherError(f"the load driver ended with {status}: {message}\n{tail}")


def _event(line: str) -> Event | None:
    if not line.startswith('{"event"'):
        return None
    try:
        event: Event = json.loads(line)
    except ValueError:
        return None
    return event


def _call(method: str, url: str, token: RayToken, body: Event | None = None, *, wanted: str) -> dict[str, Any]:
    """Ray's reply, a JSON object with the key `wanted`."""
    try:
        with session((CONNECT_SECONDS, SUBMIT_SECONDS)) as asking:
            reply = asking.request(method, url, json=body, headers=token.headers())
    except requests.ConnectionError:
        raise NotRunningError(
            f"Ray's dashboard is not responding at {url}; start Ray with: {typed('start-ray')}"
        ) from None
    except requests.Timeout:
        raise TimedOutError(f"Ray's dashboard did not answer {method} {url} within {SUBMIT_SECONDS:g} s") from None
    if reply.status_code in REFUSED:
        raise WatcherError(f"Ray refused {method} {url}: {reply.text.strip()[-200:]}; set RAY_AUTH_TOKEN_PATH")
    if not reply.ok and "html" not in reply.headers.get("Content-Type", ""):  # Ray's errors are plain text
        raise WatcherError(f"Ray refused {method} {url}: HTTP {reply.status_code}: {reply.text.strip()[-500:]}")
    try:
        document = reply.json()
    except ValueError:
        document = None
    if not isinstance(document, dict) or wanted not in document:
        raise WatcherError(
            f"{url} is not a Ray dashboard: got {reply.text.strip()[:80]!r}, wanted JSON with {wanted!r}"
        )
    return document
