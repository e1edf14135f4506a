"""A Ray head as a process, with a program in Ray's place that opens the ports it is told."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ray_watcher.cluster.base import HeadOptions
from ray_watcher.cluster.process import ProcessCluster
from ray_watcher.errors import (
    AlreadyRunningError,
    MissingError,
    NotRunningError,
    PortTakenError,
    TimedOutError,
    WatcherError,
)
from ray_watcher_common.host import processes
from ray_watcher_common.host.detached import MARKER
from support.own import own_ports
from support.provider_worlds import SLEEPS, ProcessWorld
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# `ray start --head` for these tests: listens on the three ports, answers HTTP 200 on the dashboard's
STAND_IN = f"""#!{sys.executable}
import http.server, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200), self.end_headers()
    def log_message(self, *args):
        pass
flags = dict(argument.split("=", 1) for argument in sys.argv[1:] if "=" in argument)
print("asked for", flags["--num-cpus"], "CPUs", flush=True)
for flag in ("--port", "--dashboard-port", "--ray-client-server-port"):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(flags[flag])), Handler)
    threading.Thread(target=server.serve_forever).start()
"""


@pytest.fixture
def options() -> HeadOptions:
    gcs, dashboard, client = own_ports(3)
    return HeadOptions(num_cpus=0, gcs_port=gcs, dashboard_port=dashboard, client_port=client)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ProcessCluster]:
    with contextlib.closing(ProcessWorld(tmp_path)) as world:
        cluster = ProcessCluster(
            world.provider(SLEEPS), state_dir=tmp_path, cluster="one", knows_head=lambda _address, _token: True
        )
        yield cluster
        with contextlib.suppress(NotRunningError):
            cluster.stop_head()


@pytest.fixture
def ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a script in Ray's place."""

    def install(script: str) -> None:
        program = tmp_path / "ray"
        program.write_text(script)
        program.chmod(0o755)
        monkeypatch.setattr("ray_watcher.cluster.process.ray_program", lambda: str(program))

    return install


def leftovers(tmp_path: Path) -> list[str]:
    directory = tmp_path.resolve() / "head" / "one"
    left = [str(process.pid) for process in processes.marked(MARKER, str(directory))]
    return left + [str(path) for path in (directory,) if path.exists()]


def test_no_head_is_there_at_first(cluster: ProcessCluster) -> None:
    assert cluster.head() is None


def test_a_started_head_runs_and_says_where_it_answers(
    cluster: ProcessCluster, options: HeadOptions, ray: Callable[[str], None]
) -> None:
    ray(STAND_IN)
    started = cluster.start_head(options)
    assert started.running
    assert started.gcs_address == f"127.0.0.1:{options.gcs_port}"
    assert started.dashboard_url == f"http://127.0.0.1:{options.dashboard_port}"
    assert cluster.head() == started
    assert list(cluster.head_logs(tail=None, follow=False)) == ["asked for 0 CPUs"]


def test_a_stopped_head_leaves_nothing_not_even_its_temporary_directory(
    cluster: ProcessCluster, options: HeadOptions, ray: Callable[[str], None], tmp_path: Path
) -> None:
    ray(STAND_IN)
    cluster.start_head(options)
    temp_dir = Path(cluster._node().temp_dir)  # noqa: SLF001  # the directory is nobody else's business
    assert temp_dir.is_dir()
    cluster.stop_head()
    assert leftovers(tmp_path) == []
    assert not temp_dir.exists()
    assert cluster.head() is None


def test_a_second_head_is_refused_and_the_first_stays(
    cluster: ProcessCluster, options: HeadOptions, ray: Callable[[str], None]
) -> None:
    ray(STAND_IN)
    first = cluster.start_head(options)
    with pytest.raises(AlreadyRunningError, match="stop-ray"):
        cluster.start_head(options)
    assert cluster.head() == first


def test_a_head_that_died_is_told_and_makes_room_for_another(
    cluster: ProcessCluster, options: HeadOptions, ray: Callable[[str], None], tmp_path: Path
) -> None:
    ray(STAND_IN)
    cluster.start_head(options)
    directory = tmp_path.resolve() / "head" / "one"
    processes.kill(processes.marked(MARKER, str(directory)))
    dead = cluster.head()
    assert dead is not None
    assert (dead.running, dead.detail) == (False, "killed, exit code unknown: asked for 0 CPUs")
    assert cluster.start_head(options).running


def test_what_runs_on_after_the_process_that_watches_it_was_killed_is_told(
    cluster: ProcessCluster, options: HeadOptions, ray: Callable[[str], None], tmp_path: Path
) -> None:
    ray(STAND_IN)
    started = cluster.start_head(options)
    os.kill(int((tmp_path / "head" / "one" / "pid").read_text()), signal.SIGKILL)
    eventually(lambda: "1 of its processes still run; end them with: " in (cluster.head() or started).detail, every=0)


def test_a_head_that_ends_while_it_starts_is_told_with_its_last_words(
    cluster: ProcessCluster, options: HeadOptions, ray: Callable[[str], None], tmp_path: Path
) -> None:
    ray("#!/bin/sh\necho cannot do this; exit 1\n")
    with pytest.raises(WatcherError, match="cannot do this"):
        cluster.start_head(options)
    assert leftovers(tmp_path) == []


def test_a_head_that_never_answers_is_given_up_and_leaves_nothing(
    cluster: ProcessCluster, options: HeadOptions, ray: Callable[[str], None], tmp_path: Path
) -> None:
    ray("#!/bin/sh\necho starting; exec sleep 300\n")
    with pytest.raises(TimedOutError, match=r"GCS .* 0\.3 s"):
        cluster.start_head(options, timeout_seconds=0.3)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["gcs_port", "dashboard_port", "client_port"])
def test_a_taken_port_is_told_with_who_holds_it_before_anything_starts(
    cluster: ProcessCluster, options: HeadOptions, ray: Callable[[str], None], tmp_path: Path, name: str
) -> None:
    ray(STAND_IN)
    port: int = getattr(options, name)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTakenError, match=f"{port} is held by process"):
        cluster.start_head(options)
    assert leftovers(tmp_path) == []


def test_a_missing_ray_is_told(
    cluster: ProcessCluster, options: HeadOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ray_watcher.cluster.process.ray_program", lambda: "/no/such/ray")
    with pytest.raises(MissingError, match="/no/such/ray is missing"):
        cluster.start_head(options)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("directory", ["with space", "with;shell", "a:b"])
def test_a_path_that_ray_cannot_run_from_is_refused(
    directory: str, cluster: ProcessCluster, options: HeadOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / directory / "ray"
    program.parent.mkdir()
    program.touch()
    monkeypatch.setattr("ray_watcher.cluster.process.ray_program", lambda: str(program))
    with pytest.raises(MissingError, match=re.escape(f"{program}; move the checkout")):
        cluster.start_head(options)
    program.unlink()
    program.parent.rmdir()
    assert leftovers(tmp_path) == []


def test_what_is_not_running_can_neither_be_stopped_nor_read(cluster: ProcessCluster) -> None:
    with pytest.raises(NotRunningError, match="start-ray"):
        cluster.stop_head()
    with pytest.raises(NotRunningError):
        cluster.head_logs(tail=None, follow=False)


def test_a_torn_record_is_told_by_its_file(cluster: ProcessCluster, tmp_path: Path) -> None:
    record = tmp_path / "head" / "one" / "record.json"
    record.parent.mkdir(parents=True)
    record.write_text("")

    with pytest.raises(WatcherError, match=r"record\.json .*; remove .*head/one"):
        cluster.head()
    record.unlink()
