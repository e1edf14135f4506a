"""The three sources against a GCS and a dashboard that die, freeze, restart, and talk nonsense."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exporter.sources.chain import Source, read_first
from exporter.sources.cpu_heuristic import CpuHeuristicSource
from exporter.sources.dashboard import Dashboard, DashboardSource
from exporter.sources.errors import SourceBrokenError, SourceError, SourceStaleError, SourceUnavailableError
from exporter.sources.gcs import GcsSource
from ray_watcher_common.ray_auth import RayToken
from ray_watcher_common.state import ClusterState
from support import exporter_fakes as fakes
from support.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUS_PAGE, NODES_PAGE = "/api/cluster_status", "/nodes"
DEADLINE_SECONDS = 0.2
READS = 30  # in a row


def recorded(name: str) -> dict[str, Any]:
    """A recorded reply of the dashboard, whole."""
    reply: dict[str, Any] = json.loads((fakes.RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return reply


STATUS, NODES = recorded("cluster_status_busy"), recorded("nodes_busy")
RECORDED_AT = STATUS["data"]["clusterStatus"]["time"]


def pages() -> dict[str, tuple[int, bytes]]:
    """A dashboard as it was when it was recorded."""
    return {STATUS_PAGE: (200, json.dumps(STATUS).encode()), NODES_PAGE: (200, json.dumps(NODES).encode())}


@pytest.fixture
def sources() -> Iterator[Any]:
    """Makes a source on a port; closes it at the end."""
    made: list[GcsSource | Dashboard] = []

    def gcs(port: int, deadline: float = DEADLINE_SECONDS) -> GcsSource:
        made.append(source := GcsSource(f"127.0.0.1:{port}", deadline))
        return source

    def dashboard(port: int) -> Dashboard:
        made.append(source := Dashboard(f"http://127.0.0.1:{port}/api/"))
        return source

    yield type("Make", (), {"gcs": staticmethod(gcs), "dashboard": staticmethod(dashboard)})
    for source in made:
        source.close()


# --- GCS ---------------------------------------------------------------------------------------------------


def test_the_gcs_answers(sources: Any) -> None:
    with fakes.gcs() as port:
        state = sources.gcs(port, deadline=PATIENCE_SECONDS).read(now=7.0)

    assert (state.source, state.observed_at, state.pending) == (Source.GCS, 7.0, 124)


def test_a_dead_gcs_is_told_at_once(sources: Any) -> None:
    with fakes.dead() as port:
        started = time.monotonic()
        with pytest.raises(
            SourceUnavailableError,
            match=rf"GCS at 127\.0\.0\.1:{port}: UNAVAILABLE .*RAY_GCS_ADDRESS",
        ):
            sources.gcs(port, deadline=PATIENCE_SECONDS).read(0)

    assert time.monotonic() - started < PATIENCE_SECONDS / 2


def test_a_frozen_gcs_costs_the_deadline_and_no_more(sources: Any) -> None:
    with fakes.frozen() as port:
        started = time.monotonic()
        with pytest.raises(SourceUnavailableError, match=r"DEADLINE_EXCEEDED .*overloaded"):
            sources.gcs(port).read(0)

    assert time.monotonic() - started < PATIENCE_SECONDS


def test_a_gcs_that_restarts_is_found_again_within_seconds(sources: Any) -> None:
    with fakes.gcs() as port:
        source = sources.gcs(port, deadline=1)
        fakes.answers_within(source, seconds=PATIENCE_SECONDS)
    with pytest.raises(SourceUnavailableError):
        source.read(0)
    with fakes.gcs(port=port):
        assert fakes.answers_within(source, seconds=PATIENCE_SECONDS).pending == 124


def test_a_gcs_that_answers_nonsense_is_refused(sources: Any) -> None:
    with fakes.gcs(b"\xff\xff") as port, pytest.raises(SourceBrokenError):
        sources.gcs(port, deadline=PATIENCE_SECONDS).read(0)


def test_a_gcs_that_wants_a_token_gets_it_even_if_that_comes_later(tmp_path: Path) -> None:
    with fakes.gcs(wants="abc") as port:
        source = GcsSource(f"127.0.0.1:{port}", PATIENCE_SECONDS, RayToken(path=tmp_path / "token"))
        with pytest.raises(SourceUnavailableError, match=r"UNAUTHENTICATED .*set RAY_AUTH_TOKEN_PATH"):
            source.read(0)
        (tmp_path / "token").write_text("abc")
        assert source.read(0).nodes
        source.close()


def test_a_dashboard_that_wants_a_token_gets_it() -> None:
    with fakes.dashboard(pages(), wants="abc") as port:
        for token, nodes in ((RayToken("abc"), True), (RayToken("other"), False)):
            dashboard = Dashboard(f"http://127.0.0.1:{port}/api/", token)
            if nodes:
                assert dashboard.nodes()
            else:
                with pytest.raises(SourceUnavailableError, match="HTTP 401"):
                    dashboard.nodes()
            dashboard.close()


def test_a_proxy_in_the_environment_is_not_on_the_way(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with fakes.gcs() as gcs_port, fakes.dashboard(pages()) as port:
        assert sources.gcs(gcs_port, deadline=PATIENCE_SECONDS).read(0).nodes
        assert DashboardSource(sources.dashboard(port), 15).read(RECORDED_AT).nodes


def test_failing_reads_leave_no_threads_and_no_files_behind(sources: Any) -> None:
    with fakes.dead() as nobody, fakes.frozen() as stopped, fakes.dashboard({}) as port:
        tried = (
            sources.gcs(nobody),
            sources.gcs(stopped, deadline=0.02),
            DashboardSource(sources.dashboard(port), 15),
            CpuHeuristicSource(sources.dashboard(nobody), 15),
        )
        read_first(tried, 0)
        before = resources_of_this_process()
        for _ in range(READS):
            assert read_first(tried, 0).state is None
        threads, files = resources_of_this_process()

    assert threads - before[0] < READS / 2  # gRPC may be half-way through a reconnect; a leak is one for each read
    assert files - before[1] < READS / 2


def resources_of_this_process() -> tuple[int, int]:
    """Threads (gRPC's native ones too) and open files."""
    return len(list(Path("/proc/self/task").iterdir())), len(list(Path("/proc/self/fd").iterdir()))


# --- dashboard ---------------------------------------------------------------------------------------------


def test_the_dashboard_answers_as_of_the_time_it_gives(sources: Any) -> None:
    with fakes.dashboard(pages()) as port:
        state = DashboardSource(sources.dashboard(port), 15).read(RECORDED_AT + 5)

    assert (state.source, state.observed_at, state.pending) == (Source.DASHBOARD, RECORDED_AT, 124)


def test_http_200_with_old_numbers_is_refused(sources: Any) -> None:
    with fakes.dashboard(pages()) as port, pytest.raises(SourceStaleError, match="60 s old"):
        DashboardSource(sources.dashboard(port), 15).read(RECORDED_AT + 60)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"{}", SourceUnavailableError),
        (404, b"404: Not Found", SourceUnavailableError),
        (200, b"<html>another program</html>", SourceBrokenError),
        (200, b"[]", SourceBrokenError),
        (200, b'{"data": {}}', SourceBrokenError),
        (200, b'{"data": null}', SourceBrokenError),
        (200, b'{"data": {"clusterStatus": null}}', SourceUnavailableError),
    ],
    ids=["HTTP 500", "HTTP 404", "no JSON", "a list", "no status", "null", "nothing written yet"],
)
def test_a_broken_dashboard_is_no_answer(sources: Any, status: int, body: bytes, error: type[SourceError]) -> None:
    with fakes.dashboard({STATUS_PAGE: (status, body)}) as port, pytest.raises(error):
        DashboardSource(sources.dashboard(port), 15).read(RECORDED_AT)


def test_a_dashboard_that_cannot_tell_its_nodes_is_no_answer(sources: Any) -> None:
    served = {STATUS_PAGE: pages()[STATUS_PAGE]}
    with fakes.dashboard(served) as port, pytest.raises(SourceUnavailableError, match="HTTP 404"):
        DashboardSource(sources.dashboard(port), 15).read(RECORDED_AT)


def test_a_dead_dashboard_is_told_at_once(sources: Any) -> None:
    with fakes.dead() as port, pytest.raises(SourceUnavailableError, match="connection refused"):
        DashboardSource(sources.dashboard(port), 15).read(0)


def test_a_frozen_dashboard_times_out(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.sources.dashboard.TIMEOUTS", (0.1, 0.1))
    with fakes.frozen() as port, pytest.raises(SourceUnavailableError, match="timed out"):
        DashboardSource(sources.dashboard(port), 15).read(0)


def test_the_heuristic_asks_beside_the_api(sources: Any) -> None:
    with fakes.dashboard({NODES_PAGE: pages()[NODES_PAGE]}) as port:
        state = CpuHeuristicSource(sources.dashboard(port), 15).read(RECORDED_AT)

    assert (state.source, state.demand_known) == (Source.CPU_HEURISTIC, False)


# --- the chain ---------------------------------------------------------------------------------------------


def chain(sources: Any, gcs_port: int, dashboard_port: int) -> tuple[Any, ...]:
    """The three, as the program has them."""
    dashboard = sources.dashboard(dashboard_port)
    return sources.gcs(gcs_port, 5), DashboardSource(dashboard, 15), CpuHeuristicSource(dashboard, 15)


def test_while_the_gcs_answers_nobody_else_is_asked(sources: Any) -> None:
    with fakes.gcs() as gcs_port, fakes.dead() as port:
        reading = read_first(chain(sources, gcs_port, port), RECORDED_AT)

    assert [attempt.source for attempt in reading.attempts] == [Source.GCS]
    assert reading.problems == {}


def test_the_chain_falls_from_source_to_source_and_says_why(sources: Any) -> None:
    served = pages()
    with fakes.dead() as nobody, fakes.dashboard(served) as port:
        three = chain(sources, nobody, port)
        second = read_first(three, RECORDED_AT)
        served.pop(STATUS_PAGE)
        third = read_first(three, RECORDED_AT)
        served.clear()
        none = read_first(three, RECORDED_AT)

    assert [reading.state and reading.state.source for reading in (second, third, none)] == [
        Source.DASHBOARD,
        Source.CPU_HEURISTIC,
        None,
    ]
    assert [list(reading.problems) for reading in (second, third, none)] == [
        ["gcs"],
        ["gcs", "dashboard"],
        ["gcs", "dashboard", "cpu_heuristic"],
    ]


def test_a_fault_in_one_source_does_not_hide_the_next() -> None:
    class Faulty:
        source = Source.GCS

        def read(self, now: float) -> ClusterState:
            raise RuntimeError(f"bug at {now}")

    class Sound:
        source = Source.DASHBOARD

        def read(self, now: float) -> ClusterState:
            return ClusterState(now, Source.DASHBOARD.value)

    reading = read_first([Faulty(), Sound()], 3.0)
    assert reading.state == ClusterState(3.0, Source.DASHBOARD.value)
    assert reading.problems == {"gcs": "gcs: unexpected RuntimeError('bug at 3.0')"}


def test_threads_of_the_fakes_end() -> None:
    with fakes.gcs(), fakes.dashboard({}):
        pass

    assert not [thread for thread in threading.enumerate() if "serve_forever" in thread.name]
