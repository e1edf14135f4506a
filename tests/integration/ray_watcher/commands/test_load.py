"""load: against a small server that speaks Ray's Jobs REST API."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from ray_watcher.errors import TimedOutError
from ray_watcher.workload import job as loads
from support.watcher_fakes import World

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBMITTED = {"event": "submitted", "at": 1.0, "tasks": 2}
PROGRESS = {"event": "progress", "at": 2.0, "finished": 1, "failed": 0, "tasks": 2}
DONE = {"event": "done", "at": 3.0, "finished": 2, "failed": 0, "tasks": 2}


@dataclass
class Jobs:
    """One job; each look at its status takes the next of `statuses`, the last one stays.

    With `foreign` (status, media type, body) it is no Ray that answers.
    """

    statuses: list[str]
    events: list[dict[str, Any]]
    submitted: list[str] = field(default_factory=list)
    stopped: int = 0
    api: str = ""
    foreign: tuple[int, str, str] | None = None

    def reply(self, method: str, path: str, body: dict[str, Any]) -> Any:
        if (method, path) == ("POST", "/api/jobs/"):
            self.submitted.append(body["entrypoint"])
            return {"submission_id": "job1"}
        if path == "/api/jobs/job1/logs":
            return {"logs": "".join(f"{json.dumps(event)}\n" for event in self.events) + "a line of Ray's own\n"}
        if path == "/api/jobs/job1/stop":
            self.stopped += 1
            return {"stopped": True}
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"status": status, "message": "as it says"}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    servers = []

    def start(jobs: Jobs) -> Jobs:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                code, media_type, text = jobs.foreign or (
                    200,
                    "application/json",
                    json.dumps(jobs.reply(self.command, self.path, json.loads(body or "{}"))),
                )
                self.send_response(code)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = answer  # noqa: N815  # names of the standard library

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        jobs.api = f"http://127.0.0.1:{server.server_port}/api"
        monkeypatch.setenv("RAY_DASHBOARD_METRIC_API", jobs.api)
        return jobs

    monkeypatch.setattr(loads, "POLL_SECONDS", 0.01)
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_progress_is_told_as_json_lines_in_a_pipe(serve: Any) -> None:
    serve(Jobs(["RUNNING", "SUCCEEDED"], [SUBMITTED, PROGRESS, DONE]))
    result = World().run("load", "--num-tasks", "2")
    assert result.exit_code == 0
    assert [json.loads(line) for line in result.stdout.splitlines()] == [SUBMITTED, PROGRESS, DONE]


def test_the_shape_and_number_of_tasks_reach_the_driver(serve: Any) -> None:
    jobs = serve(Jobs(["SUCCEEDED"], [SUBMITTED, DONE]))
    World().run("load", "--num-tasks", "7", "--num-cpus", "2", "--num-gpus", "0.5", "--seconds", "3")
    assert jobs.submitted[0].endswith("7 2.0 0.5 3.0")


def test_without_waiting_only_the_jobs_name_is_printed(serve: Any) -> None:
    serve(Jobs(["RUNNING"], []))
    assert World().run("load", "--no-wait").stdout == "job1\n"


def test_failed_tasks_are_exit_code_1(serve: Any) -> None:
    serve(Jobs(["FAILED"], [SUBMITTED, {**DONE, "finished": 1, "failed": 1}]))
    result = World().run("load")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "error: 1 of 2 tasks failed")


def test_a_driver_that_breaks_is_told_with_its_last_lines(serve: Any) -> None:
    serve(Jobs(["FAILED"], []))
    result = World().run("load")
    assert result.exit_code == 1
    assert "a line of Ray's own" in result.stderr


def test_a_load_that_takes_too_long_goes_on_and_the_command_ends(serve: Any) -> None:
    jobs = serve(Jobs(["RUNNING"], [SUBMITTED]))
    result = World().run("load", "--timeout", "0.05")
    assert (result.exit_code, jobs.stopped) == (TimedOutError.exit_code, 0)
    assert "job1" in result.stderr


def test_ctrl_c_stops_the_tasks(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object) -> Iterator[Any]:
        raise KeyboardInterrupt

    jobs = serve(Jobs(["RUNNING"], []))
    monkeypatch.setattr(loads, "follow", interrupted)
    result = World().run("load")
    assert (result.exit_code, jobs.stopped) == (130, 1)
    assert result.stderr.splitlines()[-1] == "error: interrupted"


def test_without_ray_it_says_what_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_DASHBOARD_METRIC_API", "http://127.0.0.1:9/api")
    result = World().run("load")
    assert result.exit_code == 4
    assert "ray-watcher start-ray" in result.stderr


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param((200, "text/html", "<html>welcome</html>"), id="a-page"),
        pytest.param((501, "text/html; charset=utf-8", "<!DOCTYPE html>no POST"), id="a-page-that-refuses"),
        pytest.param((200, "application/json", '{"status": "ok"}'), id="other-JSON"),
        pytest.param((200, "application/json", "[1]"), id="no-object"),
    ],
)
def test_what_is_no_ray_is_told_by_its_address(serve: Any, foreign: tuple[int, str, str]) -> None:
    jobs = serve(Jobs([], [], foreign=foreign))
    result = World().run("load")
    assert result.exit_code == 1
    assert (f"{jobs.api}/jobs/ " in result.stderr, f"got '{foreign[2]}'" in result.stderr) == (True, True)


def test_what_ray_refuses_is_told_in_its_words(serve: Any) -> None:
    serve(Jobs([], [], foreign=(500, "text/plain", "no room for a driver")))
    assert "HTTP 500: no room for a driver" in World().run("load").stderr
