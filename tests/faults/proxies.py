"""Small proxies between the programs: what passes through them can be cut, held up, delayed or broken."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import requests

from faults.record import Accepted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

CHUNK_BYTES = 65536
SLOW_SECONDS = 1.5  # before each piece that passes
HANG_POLL_SECONDS = 0.1
FAILURE = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b'Content-Length: 29\r\n\r\n{"message": "made to fail"}  '
)
FORWARD_SECONDS = 20.0
DELAY_SECONDS = (0.5, 4.0)


class Pipe:
    """Forwards connections. `mode`: pass, cut (refused), hang (nothing passes), slow, fail (HTTP 500 at once)."""

    def __init__(self, listening: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self.mode = "pass"
        self._listening, self._connect = listening, connect
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, mode: str) -> None:
        """From now on; connections that are open feel it too."""
        self.mode = mode
        if mode in {"cut", "fail"}:
            for connection in list(self._open):
                _close(connection)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if self.mode == "fail":
            with contextlib.suppress(OSError):
                client.recv(CHUNK_BYTES)
                client.sendall(FAILURE)
        if self.mode in {"cut", "fail"}:
            _close(client)
            return
        try:
            server = self._connect()
        except OSError:
            _close(client)
            return
        self._open |= {client, server}
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(CHUNK_BYTES):
                if self.mode == "slow":
                    time.sleep(SLOW_SECONDS)
                while self.mode == "hang":
                    time.sleep(HANG_POLL_SECONDS)
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        self._open -= {source}
        if target not in self._open:
            _close(source)
            _close(target)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def tcp(port: int, target: str) -> Pipe:
    """127.0.0.1:`port` → `target` (`HOST:PORT`)."""
    host, _, target_port = target.rpartition(":")
    listening = socket.create_server(("127.0.0.1", port))
    return Pipe(listening, lambda: socket.create_connection((host, int(target_port)), timeout=FORWARD_SECONDS))


def unix(path: Path, target: str) -> Pipe:
    """A unix socket at `path` → another one."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(target)
        return connection

    return Pipe(listening, connect)


@dataclass
class Webhooks:
    """Between Alertmanager and scaler. `mode`: pass, duplicated, reordered, truncated, delayed, lost, cut."""

    target: str
    mode: str = "pass"
    accepted: list[Accepted] = field(default_factory=list)
    answers: set[int] = field(default_factory=set)
    authorization: str = ""  # as the last notification had it

    def answer(self, body: bytes) -> int | None:
        """What Alertmanager is told; None: the connection ends without a word."""
        mode = self.mode
        if mode == "truncated":
            body = body[: len(body) // 2]
        elif mode == "delayed":
            time.sleep(random.uniform(*DELAY_SECONDS))  # noqa: S311  # no secret
        elif mode == "duplicated":
            self._forward(body)
        elif mode == "reordered":  # told to be there, and comes after those that follow
            threading.Timer(random.uniform(*DELAY_SECONDS), self._forward, (body,)).start()  # noqa: S311  # no secret
        not_now: dict[str, int | None] = {"cut": None, "lost": 200, "reordered": 200}
        return not_now[mode] if mode in not_now else self._forward(body)

    def _forward(self, body: bytes) -> int | None:
        headers = {"Content-Type": "application/json", "Authorization": self.authorization}
        try:
            with requests.Session() as session:
                session.trust_env = False
                reply = session.post(self.target, data=body, headers=headers, timeout=FORWARD_SECONDS)
        except requests.RequestException:
            return None
        self.answers.add(reply.status_code)
        if reply.ok:
            self.accepted += accepted(body, time.time())
        return reply.status_code


def accepted(body: bytes, at: float) -> Iterable[Accepted]:
    """The scaling alerts of a notification."""
    document = json.loads(body)
    for alert in document["alerts"]:
        if alert["labels"].get("ray_scale") in {"up", "down"}:
            starts_at = datetime.fromisoformat(alert["startsAt"].replace("Z", "+00:00")).timestamp()
            yield Accepted(at, alert["fingerprint"], starts_at)


def serve_webhooks(port: int, webhooks: Webhooks) -> ThreadingHTTPServer:
    """Let `webhooks` answer on 127.0.0.1:`port`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the base class's name
            webhooks.authorization = self.headers.get("Authorization", "")
            status = webhooks.answer(self.rfile.read(int(self.headers["Content-Length"])))
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
