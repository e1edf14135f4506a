"""One connection with TLS: waitress' channel on a socket that encrypts.

The handshake is made by the loop that reads all connections, as far as bytes are there, so a slow client costs only its
own connection, and has the same time as for the head of a request.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import Any

import structlog

from ray_watcher_common.web.channel import Channel
from ray_watcher_common.web.tls import peer_names
from ray_watcher_common.web.usage import Refusal

log = structlog.get_logger()

LATER = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
NOT_TLS = frozenset({"HTTP_REQUEST", "HTTPS_PROXY_REQUEST"})  # OpenSSL's reasons for a client that does not use TLS
PLAIN_ANSWER = (
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    b'{"error": "got a request in plain HTTP, wanted https"}'
)


class _NothingYetError(Exception):
    """No whole TLS record has come; waitress would take an `OSError` for the end of the connection."""


class TlsChannel(Channel):
    """A `Channel` whose socket is an `SSLSocket` with the handshake still to make."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._shaken, self._shake_writes = False, False
        self._one_at_a_time = threading.RLock()  # OpenSSL's connections are not for two threads at once
        super().__init__(*args, **options)

    def readable(self) -> bool:
        """Whether bytes of the client are wanted."""
        return super().readable() if self._shaken else not self._shake_writes

    def writable(self) -> bool:
        """Whether bytes can be sent."""
        return super().writable() if self._shaken else self._shake_writes or self.will_close

    def handle_read(self) -> None:
        """Take what has come."""
        if self._shaken or self._shake():
            with suppress(_NothingYetError):
                super().handle_read()

    def handle_write(self) -> None:
        """Send what can be sent."""
        if self._shaken or self._shake():
            super().handle_write()

    def recv(self, buffer_size: int) -> bytes:
        """Decrypted bytes; a record has at most 16 KiB, fewer than `buffer_size`, so none stays behind."""
        try:
            with self._one_at_a_time:
                received: bytes = super().recv(buffer_size)
        except LATER:
            raise _NothingYetError from None
        return received

    def send(self, data: bytes, do_close: bool = True) -> int:  # noqa: FBT001, FBT002  # as overridden
        """Send some of `data`; returns how many bytes."""
        try:
            with self._one_at_a_time:
                return super().send(data, do_close)
        except LATER:
            return 0

    def handle_close(self) -> None:
        """Close; a client that has shaken hands learns that nothing was cut off."""
        if self._shaken and self.socket is not None:
            with suppress(OSError, ValueError), self._one_at_a_time:
                self.socket.unwrap()
        super().handle_close()

    def _shake(self) -> bool:
        """Go on with the handshake; returns whether it is finished."""
        try:
            self.socket.do_handshake()
        except LATER as error:
            self._shake_writes = isinstance(error, ssl.SSLWantWriteError)
            return False
        except OSError as error:  # of the client, or of TLS
            self._refuse(error)
            return False
        self._shaken, self._shake_writes = True, False
        wanted = self.server.web().client_names
        if wanted and not wanted & peer_names(self.socket.getpeercert()):
            self._refuse(None)
            return False
        return True

    def _refuse(self, error: OSError | None) -> None:
        if getattr(error, "reason", None) in NOT_TLS:
            with suppress(OSError):
                socket.socket.send(self.socket, PLAIN_ANSWER)
        self.server.usage.refused[Refusal.TLS_FAILED] += 1
        self._shaken = False
        self.handle_close()
