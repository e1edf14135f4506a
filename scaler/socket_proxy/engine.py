"""The Docker Engine behind its socket, asked with exactly the bytes that `admission` wrote."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaler.socket_proxy.admission import Call

if TYPE_CHECKING:
    from collections.abc import Iterator

USUAL_SECONDS = 20.0
CHUNK_BYTES = 64 * 1024


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Reply:
    """The engine's answer; `body` comes in parts and closes the connection at its end."""

    code: int
    content_type: str
    body: Iterator[bytes]

    def document(self) -> Any:
        """The JSON document of the body."""
        return json.loads(b"".join(self.body))


class EngineSocket:
    """The engine at the socket `path`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def ask(self, call: Call) -> Reply:
        """One request, on a connection of its own. Raises `OSError`, `http.client.HTTPException`."""
        connection = _SocketConnection(self._path, USUAL_SECONDS + call.patience)
        headers = {"Content-Type": call.content_type} if call.content_type else {}
        try:
            connection.request(call.method, call.target, call.body or None, headers)
            reply = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        return Reply(reply.status, reply.headers.get("Content-Type", ""), _parts(connection, reply))

    def inspected(self, name: str) -> Any:
        """What the engine knows of a container, None if it does not know it."""
        reply = self.ask(Call("GET", f"/containers/{name}/json"))
        document = reply.document()
        return document if reply.code == http.HTTPStatus.OK else None


def _parts(connection: http.client.HTTPConnection, reply: http.client.HTTPResponse) -> Iterator[bytes]:
    with contextlib.closing(connection):
        while part := reply.read1(CHUNK_BYTES):
            yield part
