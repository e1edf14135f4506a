"""The scaler's two questions to the world: `/state` and DrainNode, against small real servers."""

from __future__ import annotations

import json
import socket
from concurrent import futures
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from ray_watcher_common.ray_auth import RayToken
from scaler.clients import gcs
from scaler.clients.drain_pb2 import DRAIN_NODE_REASON_IDLE_TERMINATION, DrainNodeReply, DrainNodeRequest
from scaler.clients.exporter import StateReader
from scaler.clients.gcs import DRAIN_NODE, GcsDrainer
from scaler.model.errors import DrainFailedError, SnapshotUnavailableError
from support.fake_exporter import exporter
from support.paths import TESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STATE = json.loads((TESTS / "golden" / "state.json").read_text())
SELECTOR = {"key": "zone", "operator": "in", "values": ["a"]}


def free_port() -> int:
    """A port where nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_exporters_golden_state_is_read() -> None:
    with exporter(200, json.dumps({**STATE, "age_seconds": 0.1}).encode()) as url:
        snapshot = StateReader(url, stale_after=15).read()

    assert len(snapshot.nodes) == len(STATE["nodes"])
    assert {node.status.value for node in snapshot.nodes} == {node["status"] for node in STATE["nodes"]}
    assert [node.is_head for node in snapshot.nodes] == [node["is_head"] for node in STATE["nodes"]]
    waiting = [*STATE["demands"], *(bundle for gang in STATE["gangs"] for bundle in gang["bundles"])]
    assert snapshot.pending == sum(demand["count"] for demand in waiting)


def changed(**changes: object) -> bytes:
    return json.dumps({**STATE, "age_seconds": 0.1, **changes}).encode()


def waits(**changes: object) -> bytes:
    return changed(demands=[{"count": 1, "shape": {"CPU": 1}, "selectors": [], **changes}])


@pytest.mark.parametrize(
    ("code", "body", "says"),
    [
        pytest.param(200, changed(age_seconds=16), "16 s old, more than 15 s", id="stale"),
        pytest.param(503, b'{"detail": "no source answers"}', "HTTP 503, no source answers", id="no source"),
        pytest.param(
            503,
            b'{"detail": "no source answers", "reasons": {"gcs": "GCS: refused", "dashboard": "dashboard: HTTP 401"}}',
            "HTTP 503, no source answers: GCS: refused; dashboard: HTTP 401",
            id="the reason of each source",
        ),
        pytest.param(503, b'{"reasons": [1]}', "HTTP 503", id="reasons of another form"),
        pytest.param(200, b"<html>", "not JSON", id="not JSON"),
        pytest.param(200, changed(version=2), "version 2, wanted 1", id="another version"),
        pytest.param(200, changed(nodes=[{}]), "not readable", id="broken"),
        pytest.param(200, b"[]", "not readable", id="a list"),
        pytest.param(200, b"[" * 5000 + b"]" * 5000, "not readable", id="nested without end"),
        pytest.param(200, waits(selectors=[{**SELECTOR, "key": []}]), "not readable", id="a key that is no text"),
        pytest.param(200, waits(selectors=[{**SELECTOR, "operator": "like"}]), "operator 'like'", id="an operator"),
    ],
)
def test_an_unusable_snapshot_is_refused_with_its_reason(code: int, body: bytes, says: str) -> None:
    with exporter(code, body) as url, pytest.raises(SnapshotUnavailableError) as refused:
        StateReader(url, stale_after=15).read()

    assert says in str(refused.value)


def test_a_dead_exporter_is_told_by_its_address() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(SnapshotUnavailableError, match=f"{url}/state: connection refused"):
        StateReader(url, stale_after=15).read()


@contextmanager
def fake_gcs(answer: Callable[[DrainNodeRequest], DrainNodeReply], presented: list[Any] | None = None) -> Iterator[str]:
    """A gRPC server with Ray's DrainNode; metadata of its calls is added to `presented`."""

    def handle(request: bytes, context: Any) -> bytes:
        if presented is not None:
            presented.extend(context.invocation_metadata())
        return answer(DrainNodeRequest.FromString(request)).SerializeToString()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    service, method = DRAIN_NODE.strip("/").split("/")
    handlers = {method: grpc.unary_unary_rpc_method_handler(handle)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_a_drain_asks_for_idle_termination_of_the_nodes_raw_id() -> None:
    asked: list[DrainNodeRequest] = []

    def accept(request: DrainNodeRequest) -> DrainNodeReply:
        asked.append(request)
        return DrainNodeReply(is_accepted=True)

    with fake_gcs(accept) as address:
        drainer = GcsDrainer(address)
        reply = drainer.drain_idle("00ff" * 14, "idle for 60 s")
        drainer.close()

    assert reply.accepted
    assert asked[0].node_id == b"\x00\xff" * 14
    assert asked[0].reason == DRAIN_NODE_REASON_IDLE_TERMINATION
    assert asked[0].reason_message == "idle for 60 s"


def test_a_refused_drain_carries_rays_reason() -> None:
    with fake_gcs(lambda _: DrainNodeReply(rejection_reason_message="node is busy")) as address:
        drainer = GcsDrainer(address)
        reply = drainer.drain_idle("00" * 28, "idle")
        drainer.close()

    assert (reply.accepted, reply.message) == (False, "node is busy")


def test_a_drain_presents_the_clusters_token() -> None:
    presented: list[Any] = []
    with fake_gcs(lambda _: DrainNodeReply(is_accepted=True), presented) as address:
        drainer = GcsDrainer(address, RayToken("abc"))
        drainer.drain_idle("00" * 28, "idle")
        drainer.close()

    assert ("authorization", "Bearer abc") in presented


def test_a_gcs_that_does_not_answer_is_an_error_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcs, "DEADLINE_SECONDS", 0.2)
    drainer = GcsDrainer(f"127.0.0.1:{free_port()}")

    with pytest.raises(DrainFailedError, match="GCS"):
        drainer.drain_idle("00" * 28, "idle")
    drainer.close()
