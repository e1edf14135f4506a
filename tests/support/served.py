"""The programs' server on a socket of loopback, with limits short enough for a test."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ray_watcher_common.web.config import WebConfig
from ray_watcher_common.web.server import Server
from ray_watcher_common.web.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from wsgiref.types import WSGIApplication

    from ray_watcher_common.web.channel import Channel
    from ray_watcher_common.web.limits import Limits
    from ray_watcher_common.web.usage import Refusal

ANSWER_SECONDS = 30.0  # a bound for what takes some milliseconds


@dataclass(frozen=True)
class Served:
    """A server that runs, and how it was used."""

    port: int
    usage: Usage
    server: Server

    def channels(self) -> list[Channel]:
        return list(self.server.active_channels.values())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS)

    def ask(self, request: bytes) -> bytes:
        """All that comes back until the server closes; "" for a connection that is reset."""
        with self.connect() as connection:
            with suppress(OSError):  # closed before all was sent; its answer may still be there
                connection.sendall(request)
            return answer(connection)

    def get(self, path: str) -> int:
        return status(self.ask(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()))

    def refused(self, why: Refusal) -> int:
        return self.usage.refused[why]


def answer(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def status(answered: bytes) -> int:
    """The status code of an answer; 0 if there was none."""
    return int(answered.split(b" ", 2)[1]) if answered.startswith(b"HTTP/") else 0


@contextmanager
def served(
    app: WSGIApplication,
    limits: Limits,
    trusts: Callable[[str], bool | None] = lambda _authorization: False,
    web: Callable[[], WebConfig] = WebConfig,
) -> Iterator[Served]:
    """`app` behind the server, until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    usage = Usage()
    server = Server(app, listening, limits, usage, trusts, web)
    thread = threading.Thread(target=server.run, name="served")
    thread.start()
    try:
        yield Served(listening.getsockname()[1], usage, server)
    finally:
        server.stop()
        thread.join(ANSWER_SECONDS)
