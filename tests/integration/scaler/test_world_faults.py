"""The loop on an engine and an exporter that are down, hung, refusing or full: it says so, holds, and recovers."""

from __future__ import annotations

import gc
import json
import re
import socket
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from scaler.clients.exporter import StateReader
from scaler.model.decision import Cause
from scaler.model.workers import WorkerState
from scaler.providers.docker import DockerProvider
from scaler.providers.engine import Engine
from scaler.providers.worker_container import CLUSTER_LABEL, INDEX_LABEL, WORKER_ID_LABEL
from support.builders import NOW, alert, demand, head, node, snapshot
from support.fake_exporter import exporter
from support.fake_provider import FakeProvider
from support.fakes import AtOnceExecutor
from support.loop_world import World
from support.provider_worlds import request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HUNG_SECONDS = 3  # in place of the engine's 20; less, and a busy machine hangs too


class FakeDaemon:
    """A Docker Engine's API on a Unix socket: as much of it as listing and launching needs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.containers: list[dict[str, Any]] = []
        self.refuses: tuple[int, str] | None = None  # what it answers to create
        self.unknown_for = 0  # so many looks at a container it answers 404, though it lists it
        self.go_on = threading.Event()  # cleared: it accepts and never answers
        self.go_on.set()

    def reply(self, path: str, query: str, body: Any) -> tuple[int, Any]:
        known = {
            "version": {"ApiVersion": "1.41"},
            "info": {"NCPU": 2, "MemTotal": 2**33},
            "containers/json": [one for one in self.containers if has_labels(one, query)],
        }
        asked = re.sub(r"^(/v[\d.]+)?/", "", path)
        if asked in known:
            return 200, known[asked]
        if asked == "containers/create":
            return self.create(body["Labels"])
        if asked.endswith("/json"):
            self.unknown_for -= 1
            if self.unknown_for >= 0:
                return 404, {"message": "No such container"}
            return 200, {"Config": {"User": "", "Tty": True}, "State": {}}
        return 204, None

    def create(self, labels: dict[str, str]) -> tuple[int, Any]:
        if self.refuses:
            return self.refuses[0], {"message": self.refuses[1]}
        self.containers.append(listing(f"c{len(self.containers)}", labels))
        return 201, {"Id": self.containers[-1]["Id"]}

    @contextmanager
    def served(self) -> Iterator[FakeDaemon]:
        daemon = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def answer(self) -> None:
                length = int(self.headers["Content-Length"] or 0)
                sent = self.rfile.read(length)
                body = json.loads(sent) if sent and self.headers["Content-Type"] == "application/json" else None
                daemon.go_on.wait(20)
                asked = urlsplit(self.path)
                code, document = daemon.reply(asked.path, asked.query, body)
                content = b"" if document is None else json.dumps(document).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # the names that http.server looks for

            def address_string(self) -> str:
                return "socket"

            def log_message(self, *_args: object) -> None:
                """Keep quiet."""

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_UNIX

            def server_bind(self) -> None:
                self.socket.bind(self.server_address)
                self.server_name, self.server_port = "fake", 0

            def handle_error(self, *_args: object) -> None:
                """A client that gave up is no news."""

        with Server(str(self.path), Handler) as server:  # type: ignore[arg-type]
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield self
            finally:
                self.go_on.set()
                server.shutdown()
                thread.join()
                self.path.unlink()


def has_labels(container: dict[str, Any], query: str) -> bool:
    """Whether it passes the filter by labels, `KEY` or `KEY=VALUE`, that a listing asks for."""
    (filters,) = parse_qs(query).get("filters", ["{}"])
    pairs = [f"{key}={value}" for key, value in container["Labels"].items()]
    return all(wanted in pairs or wanted in container["Labels"] for wanted in json.loads(filters).get("label", []))


def listing(name: str, labels: dict[str, str], state: str = "running", created: float = NOW) -> dict[str, Any]:
    """A container as the engine lists it."""
    return {
        "Id": name * 8,
        "Names": [f"/ray-blue-worker-{name[1:]}"],
        "Image": "ray",
        "Labels": labels,
        "State": state,
        "Status": "Up 3 seconds" if state == "running" else "Created",
        "Created": created,
    }


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    made = FakeDaemon(tmp_path / "docker.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{made.path}")
    return made


@pytest.fixture
def docker_world(daemon: FakeDaemon) -> Iterator[World]:
    """A scaler whose workers are containers of the fake daemon."""
    del daemon
    engine = Engine(HUNG_SECONDS)
    provider = DockerProvider(
        engine, cluster="blue", image="ray", network="ray", command=lambda _: ["ray", "start"], stop_grace=1
    )
    made = World(provider=provider, executor=AtOnceExecutor())  # type: ignore[arg-type]
    made.journal.absorb_alerts([alert()])
    made.see(waiting=2)
    yield made
    made.journal.close()
    engine.close()


def held(world: World) -> list[Cause]:
    return [one.cause for one in world.reconcile().held]


def test_a_daemon_that_is_down_holds_everything_and_is_used_when_it_comes(
    docker_world: World, daemon: FakeDaemon
) -> None:
    assert held(docker_world) == [Cause.PROVIDER_UNAVAILABLE]
    assert "does not answer" in docker_world.reconciler.view.observation.provider_problem

    with daemon.served():
        assert len(docker_world.reconcile().actions) == 2
    assert [record.outcome for record in docker_world.journal.actions(9)] == ["done", "done"]


def test_a_daemon_that_hangs_holds_everything_and_is_used_when_it_goes_on(
    docker_world: World, daemon: FakeDaemon
) -> None:
    with daemon.served():
        docker_world.provider.list()
        daemon.go_on.clear()
        assert held(docker_world) == [Cause.PROVIDER_UNAVAILABLE]
        assert "does not reply in time" in docker_world.reconciler.view.observation.provider_problem
        daemon.go_on.set()
        assert len(docker_world.reconcile().actions) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a dead socket that docker-py drops
def test_a_daemon_that_dies_in_between_removes_nothing_and_keeps_what_was_seen(
    docker_world: World, daemon: FakeDaemon
) -> None:
    with daemon.served():
        docker_world.reconcile()
        docker_world.reconcile()
    assert (held(docker_world), len(docker_world.states())) == ([Cause.PROVIDER_UNAVAILABLE], 2)
    gc.collect()  # here, where it is expected


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("mkdir /var/lib/docker/overlay2: no space left on device", id="its disk is full"),
        pytest.param("cannot allocate memory", id="its memory is full"),
    ],
)
def test_a_daemon_that_is_full_is_told_and_asked_again_after_the_cooldown(
    docker_world: World, daemon: FakeDaemon, message: str
) -> None:
    daemon.refuses = (500, message)
    with daemon.served():
        docker_world.reconcile()
        assert [message in record.detail for record in docker_world.journal.actions(9)] == [True, True]
        assert docker_world.reconcile().actions == ()
        daemon.refuses = None
        docker_world.clock.pass_(61)
        docker_world.journal.absorb_alerts([alert(received_at=docker_world.clock.time)])
        docker_world.reconcile()
    assert {record.outcome for record in docker_world.journal.actions(2)} == {"done"}


@pytest.mark.parametrize(
    ("labels", "index"),
    [
        pytest.param({WORKER_ID_LABEL: "worker-4-00000a"}, 4, id="the id has the number that the label lacks"),
        pytest.param({WORKER_ID_LABEL: "worker-4-00000a", INDEX_LABEL: "four"}, 4, id="a label that is no number"),
        pytest.param({WORKER_ID_LABEL: "mine", INDEX_LABEL: "7"}, 7, id="an id of its own making"),
        pytest.param({WORKER_ID_LABEL: "worker-4-00000a", INDEX_LABEL: "9" * 5000}, 4, id="an absurd number"),
        pytest.param({WORKER_ID_LABEL: "worker-4-00000a", INDEX_LABEL: "\u00b2"}, 4, id="a digit that is no number"),
        pytest.param({WORKER_ID_LABEL: f"worker-{'9' * 5000}-00000a"}, -1, id="an absurd number in the id"),
        pytest.param({WORKER_ID_LABEL: "mine"}, -1, id="no number at all"),
        pytest.param({WORKER_ID_LABEL: ""}, -1, id="an empty id"),
    ],
)
def test_a_container_with_broken_labels_is_a_worker_that_counts(
    docker_world: World, daemon: FakeDaemon, labels: dict[str, str], index: int
) -> None:
    daemon.containers.append(listing("c9", {CLUSTER_LABEL: "blue", **labels}))
    with daemon.served():
        docker_world.reconcile()

    (worker, *_launched) = docker_world.reconciler.view.observation.workers
    assert (worker.index, worker.state, worker.counts) == (index, WorkerState.ALLOCATED, True)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"Created": None}, id="no time"),
        pytest.param({"Created": "9" * 400}, id="a time beyond all numbers"),
        pytest.param({"Status": None}, id="no status"),
        pytest.param({"Names": [None]}, id="no name"),
    ],
)
def test_a_container_that_cannot_be_read_costs_no_other(
    docker_world: World, daemon: FakeDaemon, changes: dict[str, Any]
) -> None:
    labels = {CLUSTER_LABEL: "blue", WORKER_ID_LABEL: "worker-1-00000a", INDEX_LABEL: "1"}
    odd = {**labels, WORKER_ID_LABEL: "worker-2-00000b", INDEX_LABEL: "2"}
    daemon.containers += [listing("c9", labels), {**listing("c8", odd), **changes}]
    with daemon.served():
        assert "worker-1-00000a" in [worker.worker_id for worker in docker_world.provider.list()]
        assert docker_world.reconcile()


def test_a_container_that_the_engine_lists_before_it_answers_for_it_is_started(
    docker_world: World, daemon: FakeDaemon
) -> None:
    labels = {CLUSTER_LABEL: "blue", WORKER_ID_LABEL: "worker-1-abc123", INDEX_LABEL: "1"}
    daemon.containers.append(listing("c9", labels, state="created"))
    daemon.unknown_for = 2
    with daemon.served():
        assert docker_world.provider.launch(request()).worker_id == "worker-1-abc123"
    assert daemon.unknown_for < 0


def test_a_container_that_was_created_and_never_started_is_a_leftover(docker_world: World, daemon: FakeDaemon) -> None:
    labels = {CLUSTER_LABEL: "blue", WORKER_ID_LABEL: "worker-1-00000a", INDEX_LABEL: "1"}
    daemon.containers.append(listing("c9", labels, state="created"))
    docker_world.see()
    with daemon.served():
        proposed = docker_world.reconcile()

    assert [action.cause for action in proposed.actions] == [Cause.LAUNCH_FAILED]
    assert [anomaly.case.value for anomaly in docker_world.reconciler.view.anomalies] == ["leftover"]


# --- the exporter, and Ray's GCS behind it ---------------------------------------------------------------------------


def state(**changes: Any) -> bytes:
    document = {
        "version": 1,
        "observed_at": NOW,
        "age_seconds": 0.5,
        "source": "gcs",
        "nodes": [],
        "demands": [],
        "gangs": [],
        "demand_known": True,
    }
    return json.dumps({**document, **changes}).encode()


@pytest.mark.parametrize(
    ("code", "body", "says"),
    [
        pytest.param(503, b'{"detail": "no source answers"}', "no source answers", id="GCS down"),
        pytest.param(200, state(age_seconds=40), "40 s old", id="GCS frozen"),
        pytest.param(200, b"<html>", "", id="something else at its address"),
    ],
)
def test_without_a_fresh_snapshot_nothing_is_done_on_a_guess(code: int, body: bytes, says: str) -> None:
    world = World(executor=AtOnceExecutor())
    world.journal.absorb_alerts([alert()])
    world.see(waiting=2)
    with ExitStack() as served:
        url = served.enter_context(exporter(code, body))
        broken = StateReader(url, stale_after=15)
        sight, world.reconciler._reader = world.reconciler._reader, broken  # noqa: SLF001
        proposed = world.reconcile()

    assert (proposed.actions, [one.cause for one in proposed.held]) == ((), [Cause.SNAPSHOT_UNAVAILABLE])
    assert says in proposed.held[0].reason
    world.reconciler._reader = sight  # noqa: SLF001
    assert len(world.reconcile().actions) == 2
    world.journal.close()


def test_after_a_restart_of_the_gcs_workers_that_come_back_in_time_stay() -> None:
    provider = FakeProvider()
    world = World(provider=provider, executor=AtOnceExecutor())
    world.journal.absorb_alerts([alert()])
    world.see(waiting=1)
    world.reconcile()
    (launched,) = provider.list()
    world.see(node(launched.worker_id))
    world.reconcile()

    world.reader.snapshot = snapshot(head(), demands=(demand(1),), observed_at=NOW + 1)  # it has forgotten its nodes
    assert (world.reconcile().actions, world.states()) == ((), [WorkerState.RUNNING])
    world.see(node(launched.worker_id))
    world.reconcile()
    assert world.states() == [WorkerState.RUNNING]
    world.journal.close()
