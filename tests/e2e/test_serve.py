"""Ray Serve and the watcher, end to end: requests pile up, replicas wait for room, workers come, and all go again."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests

from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.settings import load
from support.command_blocks import block, follow
from support.own import own_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ray_watcher_common.ray_auth import RayToken
    from support.operating import Operator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
CLIENTS, MAX_REPLICAS = 8, 3  # eight requests at a time, at a target of two each, are more than three replicas' work
BOUND_SECONDS, LOOK_SECONDS = 120.0, 0.2
# Serve's proxy tells its controller how much waits every 10 s; the rest of the loop takes less.
QUICK = {"env_vars": {"RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1"}}


@pytest.fixture(
    scope="module",
    params=[pytest.param("process", marks=pytest.mark.full), pytest.param("docker", marks=pytest.mark.docker)],
)
def provider(request: pytest.FixtureRequest) -> str:
    """Where head and workers run. Replicas, alerts and the planner are the same with both."""
    return str(request.param)


@dataclass
class Story:
    """What was seen when, in seconds since the requests began."""

    began: float = field(default_factory=time.time)
    steps: list[tuple[float, str]] = field(default_factory=list)

    def see(self, step: str, look: Callable[[], Any]) -> Any:
        """Wait until `look` gives something true; at most `BOUND_SECONDS`."""
        deadline = time.monotonic() + BOUND_SECONDS
        while not (seen := look()):
            assert time.monotonic() < deadline, f"not within {BOUND_SECONDS:g} s: {step}; so far:\n{self}"
            time.sleep(LOOK_SECONDS)
        self.note(step)
        return seen

    def note(self, step: str, at: float | None = None) -> None:
        """Write down a step of now, or of `at` (unix seconds)."""
        self.steps.append(((at or time.time()) - self.began, step))

    def __str__(self) -> str:
        return "\n".join(f"{seconds:6.1f} s  {step}" for seconds, step in sorted(self.steps))


@dataclass(frozen=True)
class Dashboard:
    """Ray's dashboard: what Serve says of itself."""

    api: str
    token: RayToken

    def replicas(self, *states: str) -> list[str]:
        """The worker id of each replica in one of `states` (of all without): "" on the head, or where not placed."""
        reply = requests.get(f"{self.api}/serve/applications/", headers=self.token.headers(), timeout=60)
        deployments = reply.json()["applications"]["default"]["deployments"].values()
        replicas = [replica for deployment in deployments for replica in deployment["replicas"]]
        return [r.get("node_instance_id") or "" for r in replicas if not states or r["state"] in states]


@contextlib.contextmanager
def requests_without_pause(url: str) -> Iterator[list[int]]:
    """Several clients that ask again as soon as they are answered; gives the HTTP status of every answer."""
    answers: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(requests.get(url, timeout=BOUND_SECONDS).status_code)

    clients = [threading.Thread(target=ask, daemon=True) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield answers
    finally:
        stop.set()
        for client in clients:
            client.join(BOUND_SECONDS)


def scaler(operator: Operator) -> dict[str, Any]:
    """The scaler's own account."""
    address = operator.environment["WATCHER_LISTEN"]
    return dict(requests.get(f"http://{address}/api/v1/status", timeout=5).json())


def done(operator: Operator, action: str) -> list[dict[str, Any]]:
    """Actions of one kind that went well, the first one first."""
    actions = [a for a in scaler(operator)["actions"] if (a["action"], a["outcome"]) == (action, "done")]
    return sorted(actions, key=lambda a: float(a["started_at"]))


def test_requests_bring_replicas_replicas_bring_workers_and_all_go_again(
    operator: Operator, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = own_ports(1)
    for variable, value in operator.environment.items():
        monkeypatch.setenv(variable, value)
    settings = load(OperatorSettings)
    dashboard = Dashboard(settings.ray_dashboard_metric_api, settings.ray_token)
    arguments = "" if provider == "docker" else f" {port}"  # in a container it is 8000, published as `port`
    said = follow(
        block("docs/serve.md", "ray-watcher start-ray"),
        operator.environment | {"WATCHER_MAX_WORKERS": str(MAX_REPLICAS)},
        {
            "--serve-port 8000": f"--serve-port {port}",
            "PATH=...": f"PATH={settings.ray_token_file}",
            "http://localhost:8265": settings.ray_dashboard_metric_api.removesuffix("/api"),
            "-- python serve_app.py": f"--runtime-env-json '{json.dumps(QUICK)}' -- python serve_app.py{arguments}",
            "localhost:8000": f"127.0.0.1:{port}",
        },
    )
    assert said.endswith('{"result":"processed"}')
    assert dashboard.replicas("RUNNING") == [""]

    story = Story()
    with requests_without_pause(f"http://127.0.0.1:{port}/") as answers:
        story.see("replicas asked", lambda: len(dashboard.replicas()) == MAX_REPLICAS)
        story.see("alert", lambda: "RayPendingTasks" in {alert["name"] for alert in scaler(operator)["alerts"]})
        story.see("replicas running", lambda: len(dashboard.replicas("RUNNING")) == MAX_REPLICAS)
        at_work = set(dashboard.replicas("RUNNING")) - {""}
    story.note("load ended")
    launches = done(operator, "launch")
    assert {launch["worker_id"] for launch in launches} == at_work  # no more workers than replicas needed
    assert {launch["cause"] for launch in launches} == {"pending_demand"}

    story.see("one replica left", lambda: len(dashboard.replicas()) == 1)
    story.see("workers gone", lambda: not scaler(operator)["workers"])

    assert dashboard.replicas("RUNNING") == [""]  # the one on the head, not one whose worker had to stay
    assert set(answers) == {200}
    launches = done(operator, "launch")  # Serve may move a replica while it shrinks, and one more worker come for it
    removals = done(operator, "remove")
    assert [r["cause"] for r in removals] == ["drained"] * len(launches)
    for launch in launches:
        story.note("launch", launch["started_at"])
        story.note("joined", launch["joined_at"])
    for action in ("drain", "remove"):
        for record in done(operator, action):
            story.note(action, record["finished_at"])
    print(f"{len(answers)} requests answered\n{story}")  # noqa: T201  # pytest -s, or a failure, shows it
