"""pause and resume on the command line, against a small scaler, or none."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from ray_watcher.commands import pause
from support.own import own_ports
from support.watcher_fakes import World

if TYPE_CHECKING:
    from collections.abc import Iterator

PAUSED = {"up": None, "down": {"reason": "benchmark", "by": "anna", "since": 0.0, "until": None}}
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)


@contextmanager
def scaler(code: int, reply: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Its address, and what it was asked: path, Authorization and body."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, self.headers["Authorization"], body))
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def log_message(self, *_args: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_a_pause_has_direction_reason_who_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "anna")
    monkeypatch.setenv("WATCHER_TOKEN", "secret")
    with scaler(200, {"paused": PAUSED}) as (address, asked):
        monkeypatch.setenv("WATCHER_LISTEN", address)
        result = World().run("pause", "down", "--reason", "benchmark", "--for", "2h")

    body = {"direction": "down", "reason": "benchmark", "by": "anna", "seconds": 7200.0}
    assert asked == [("/api/v1/pause", "Bearer secret", body)]
    assert all(part in result.stdout for part in ("down", "anna", "benchmark"))


def test_resume_says_what_went_on_and_what_is_still_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    with scaler(200, {"resumed": ["up"], "paused": PAUSED}) as (address, asked):
        monkeypatch.setenv("WATCHER_LISTEN", address)
        result = World().run("resume", "up")

    assert asked[0][2] == {"direction": "up"}
    assert result.stdout.splitlines()[0] == "resumed: scaling up"
    assert "scaling down is paused" in result.stdout


@pytest.mark.parametrize("verb", [("pause", "down", "--reason", "benchmark"), ("resume", "up")])
def test_the_answer_as_json(verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    with scaler(200, {"resumed": ["up"], "paused": PAUSED}) as (address, _):
        monkeypatch.setenv("WATCHER_LISTEN", address)
        document = json.loads(World().run(*verb, "--json").stdout)

    assert document == {"version": 1, "resumed": ["up"], "paused": PAUSED}


def test_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with scaler(401, {"detail": "wanted a token"}) as (address, _):
        monkeypatch.setenv("WATCHER_LISTEN", address)
        result = World().run("resume")

    assert (result.exit_code, "wanted a token" in result.stderr) == (1, True)


def test_without_a_scaler_there_is_nothing_to_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_LISTEN", f"127.0.0.1:{own_ports(1)[0]}")

    assert World().run("pause", "--reason", "x").exit_code == 4


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["up"], id="no reason"),
        pytest.param(["sideways", "--reason", "x"], id="no direction"),
        pytest.param(["--reason", "x", "--for", "long"], id="no span"),
        pytest.param(["--reason", "x", "--for", "1h", "--until", "12:00"], id="two ends"),
        pytest.param(["--reason", "x", "--until", "2020-01-01T12:00"], id="an end in the past"),
    ],
)
def test_a_pause_that_cannot_be_is_wrong_usage(arguments: list[str]) -> None:
    assert World().run("pause", *arguments).exit_code == 2


@pytest.mark.parametrize(
    ("until", "hours"),
    [
        pytest.param(datetime(1900, 1, 1, 13, 0), 1, id="an hour of today"),  # noqa: DTZ001  # as click reads it
        pytest.param(datetime(1900, 1, 1, 11, 0), 23, id="an hour of tomorrow"),  # noqa: DTZ001
        pytest.param(datetime(2026, 1, 3, 12, 0, tzinfo=timezone.utc), 24, id="a day and an hour"),
    ],
)
def test_until_is_local_time(until: datetime, hours: int) -> None:
    assert pause.seconds_until(until, NOON) == hours * 3600  # click's clock is the system's
