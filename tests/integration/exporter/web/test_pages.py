"""The exporter's pages, and the program as a user starts it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.web.pages import application
from ray_watcher_common.state import from_document
from support import exporter_fakes as fakes
from support.exporter_golden import DOWN, GOLDEN, NOW, PROBLEMS, THRESHOLDS, UP
from support.own import own_environment, own_name, own_ports
from support.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from exporter.snapshots import View


def client(view: View) -> FlaskClient:
    """The pages over one view."""
    return application(lambda: view, lambda: THRESHOLDS, lambda: None, lambda: NOW).test_client()


def test_state_is_the_snapshot_as_json() -> None:
    answer = client(UP).get("/state")

    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.get_json() == json.loads((GOLDEN / "state.json").read_text(encoding="utf-8"))


def test_without_a_source_state_is_503_with_the_reasons() -> None:
    answer = client(DOWN).get("/state")

    problem = answer.get_json()
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert (problem["detail"], problem["reasons"]) == ("no source answers", PROBLEMS)


@pytest.mark.parametrize("view", [UP, DOWN], ids=["up", "down"])
@pytest.mark.parametrize(("path", "when_down"), [("/metrics", 200), ("/-/healthy", 200), ("/", 200), ("/-/ready", 503)])
def test_what_each_page_says_by_its_status(view: View, path: str, when_down: int) -> None:
    assert client(view).get(path).status_code == (200 if view is UP else when_down)


def test_metrics_are_what_prometheus_reads() -> None:
    text = client(UP).get("/metrics").get_data(as_text=True)
    families = {family.name: family for family in text_string_to_metric_families(text)}

    assert families["raycluster_pending_tasks"].samples[0].value == 25
    assert "process_resident_memory_bytes" in families


@pytest.mark.parametrize(
    ("mistakes", "headers", "code"),
    [
        pytest.param("", {}, 200, id="a sound file"),
        pytest.param("policy file p.yml:2: wrong", {}, 500, id="a mistake"),
        pytest.param("", {"Origin": "http://evil.example"}, 403, id="a page in a browser"),
    ],
)
def test_thresholds_are_read_again_when_asked(mistakes: str, headers: dict[str, str], code: int) -> None:
    app = application(lambda: UP, lambda: THRESHOLDS, lambda: None, lambda: NOW, reload=lambda _trigger: mistakes)
    answer = app.test_client().post("/-/reload", headers=headers)
    assert (answer.status_code, mistakes in answer.text) == (code, True)


def test_openmetrics_is_spoken_when_asked_for() -> None:
    answer = client(UP).get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.mimetype == "application/openmetrics-text"
    assert answer.get_data(as_text=True).endswith("# EOF\n")


def test_a_fault_while_scraping_still_says_that_we_are_down() -> None:
    def faulty() -> View:
        raise RuntimeError("bug")

    app = application(faulty, lambda: THRESHOLDS, lambda: None, lambda: NOW)
    assert "raycluster_up 0.0" in app.test_client().get("/metrics").get_data(as_text=True)


def test_scrapers_of_the_same_moment_share_one_text_and_later_ones_do_not() -> None:
    reads, seconds = [], [NOW]

    def latest() -> View:
        reads.append(seconds[0])
        return UP

    scraper = application(latest, lambda: THRESHOLDS, lambda: None, lambda: seconds[0], shared=0.1).test_client()
    for apart in (0, 0.05, 0.06, -5):  # the last: the clock was set back
        seconds[0] += apart
        scraper.get("/metrics")
    scraper.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert len(reads) == 4  # two, one after the clock's step, one in the other format


def test_reasons_on_the_page_are_text_and_never_markup() -> None:
    view = type(DOWN)(state=None, problems={"gcs": "<script>alert(1)</script>"})

    assert "<script>" not in client(view).get("/").get_data(as_text=True)


# --- the program -------------------------------------------------------------------------------------------


def start(**environment: str) -> subprocess.Popen[str]:
    """`python -m exporter` with an environment of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "exporter"],
        env={**kept, **own_environment(own_name("exporter"), Path("/nonexistent")), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def fetch(url: str) -> bytes:
    """The body, asking again while nothing listens yet."""

    def body() -> bytes | None:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310  our own http URL
                return bytes(answer.read())
        except urllib.error.HTTPError:
            raise
        except OSError:
            return None

    return eventually(body, f"{url} answers", every=0.05) or b""


@pytest.mark.parametrize(
    ("variable", "value"), [("WATCHER_CPU_THRESHOLD", "80"), ("WATCHER_EXPORTER_LISTEN", "nowhere")]
)
def test_bad_settings_end_the_program_with_one_clear_line(variable: str, value: str) -> None:
    program = start(**{variable: value})
    _, said = program.communicate(timeout=PATIENCE_SECONDS)

    assert program.returncode == 2
    assert said.startswith(f"error: {variable}: got '{value}', wanted ")
    assert said.count("\n") == 1


def test_a_taken_address_ends_the_program_with_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        program = start(WATCHER_EXPORTER_LISTEN=address)
        _, said = program.communicate(timeout=PATIENCE_SECONDS)

    assert program.returncode == 2
    assert said == f"error: cannot listen on {address}: Address already in use\n"


def test_the_program_serves_what_the_gcs_says_without_importing_ray_and_ends_on_sigterm() -> None:
    (port,) = own_ports(1)
    with fakes.gcs() as gcs_port:
        program = start(WATCHER_EXPORTER_LISTEN=f"127.0.0.1:{port}", RAY_GCS_ADDRESS=f"127.0.0.1:{gcs_port}")
        try:
            state = from_document(json.loads(fetch(f"http://127.0.0.1:{port}/state")))
            with open(f"/proc/{program.pid}/maps", encoding="utf-8") as maps:  # noqa: PTH123  not a file on disk
                loaded = maps.read()
        finally:
            program.send_signal(signal.SIGTERM)
            program.communicate(timeout=PATIENCE_SECONDS)

    assert (state.pending, len(state.constraints)) == (124, 3)
    assert "_raylet" not in loaded
    assert program.returncode == 0


def test_a_frozen_gcs_hangs_neither_a_scrape_nor_the_end() -> None:
    (port,) = own_ports(1)
    with fakes.frozen() as stopped:
        program = start(
            WATCHER_EXPORTER_LISTEN=f"127.0.0.1:{port}",
            RAY_GCS_ADDRESS=f"127.0.0.1:{stopped}",
            RAY_DASHBOARD_METRIC_API=f"http://127.0.0.1:{stopped}/api",
        )
        try:
            fetch(f"http://127.0.0.1:{port}/-/healthy")
            started = time.monotonic()
            metrics = fetch(f"http://127.0.0.1:{port}/metrics").decode()
            took = time.monotonic() - started
        finally:
            program.send_signal(signal.SIGTERM)
            program.communicate(timeout=PATIENCE_SECONDS)

    assert "raycluster_up 0.0" in metrics
    assert took < PATIENCE_SECONDS / 2
    assert program.returncode == 0
