"""A GCS and a dashboard on loopback that answer what a test tells them to: replies, nothing at all, or nonsense."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc

from exporter.sources.errors import SourceError
from exporter.sources.gcs import KV_METHOD, METHOD
from support.paths import TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.sources.chain import ClusterSource
    from ray_watcher_common.state import ClusterState

RECORDED = TESTS / "recorded"
GCS_REPLY = (RECORDED / "gcs_busy.pb").read_bytes()
KV_REPLY = (RECORDED / "kv_busy.pb").read_bytes()


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc comes without types
    def __init__(self, reply: bytes, wants: str | None) -> None:
        self._replies = {METHOD: reply, KV_METHOD: KV_REPLY}
        self._wants = wants

    def service(self, call: Any) -> Any:
        """The methods that the exporter calls; None for others, which gRPC answers with UNIMPLEMENTED."""
        if (reply := self._replies.get(call.method)) is None:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda _request, context: self._answer(reply, context))

    def _answer(self, reply: bytes, context: Any) -> bytes:
        if self._wants and ("authorization", f"Bearer {self._wants}") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken: Authentication token is missing")
        return reply


@contextlib.contextmanager
def gcs(reply: bytes = GCS_REPLY, port: int = 0, wants: str | None = None) -> Iterator[int]:
    """A GCS that answers `reply` to whoever presents the token it `wants`; gives its port, and is dead at the end."""
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, handlers=(_Methods(reply, wants),), options=(("grpc.so_reuseport", 0),))
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        try:
            yield bound
        finally:
            server.stop(grace=None).wait(5)


@contextlib.contextmanager
def frozen() -> Iterator[int]:
    """Something that accepts connections, as the kernel does for a stopped process, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def dead() -> Iterator[int]:
    """A port that refuses connections: it is taken, so that nobody else comes to listen there."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@contextlib.contextmanager
def dashboard(pages: dict[str, tuple[int, bytes]], wants: str | None = None) -> Iterator[int]:
    """Answers each path (without its query) with a status and a body, 404 for others; `pages` may change meanwhile.

    It `wants` this token, if any, and answers 401 without it.
    """

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's own name
            status, body = pages.get(self.path.partition("?")[0], (404, b"404: Not Found"))
            if wants and self.headers["authorization"] != f"Bearer {wants}":
                status, body = 401, b"Unauthorized"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's own name
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(5)


def answers_within(source: ClusterSource, seconds: float) -> ClusterState:
    """Ask until there is an answer: how soon a channel reconnects is gRPC's business, so this has to poll."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return source.read(time.time())
        except SourceError:  # noqa: PERF203  asking again is what this loop is for
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
