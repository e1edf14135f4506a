"""One connection of the server: its client has time for a head, a body and an answer, and no more."""

from __future__ import annotations

import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel

from ray_watcher_common.web.requests import Request
from ray_watcher_common.web.usage import Refusal

if TYPE_CHECKING:
    from ray_watcher_common.web.limits import Limits
    from ray_watcher_common.web.server import Server

FIRST = frozenset({"/-/healthy", "/-/ready", "/metrics"})


class Channel(HTTPChannel):
    """One connection. `active` is when it was opened or last took some of an answer, by the server's clock."""

    close_when_flushed: bool
    request: Request | None

    def __init__(self, server: Server, sock: socket.socket, addr: object, adj: Any, map: Any) -> None:  # noqa: A002
        self.active, self.served = server.now(), False
        self.refused, self.discarded = False, -1  # bytes since the refusal was sent; -1: there was none
        self.parser_class = partial(Request, server=server)
        super().__init__(server, sock, addr, adj, map=map)

    @property
    def waits(self) -> bool:
        """Whether it is its client's turn, to send a request or to take an answer."""
        return not self.requests

    @property
    def since(self) -> float:
        """When its client's turn began."""
        return self.request.began if self.request is not None and self.served else self.active

    @property
    def goes_first(self) -> bool:
        """Whether its next request is one of `FIRST`."""
        return bool(self.requests) and getattr(self.requests[0], "path", "") in FIRST

    def deadline(self) -> tuple[float, Refusal | None]:
        """When its client's turn ends, and what is counted if it ends like that."""
        limits: Limits = self.server.limits
        if self.total_outbufs_len:
            return self.active + limits.send_seconds, Refusal.ANSWER_NOT_TAKEN
        if self.discarded >= 0:
            return self.active + limits.discard_seconds, None
        if self.request is not None and self.request.headers_finished:
            return self.request.head_ended + limits.body_seconds, Refusal.BODY_TOO_SLOW
        if self.request is not None or not self.served:
            return self.since + limits.head_seconds, Refusal.HEAD_TOO_SLOW
        return self.active + limits.idle_seconds, None

    def received(self, data: bytes) -> bool:
        """Take what a client has sent; after a refusal, throw it away."""
        if self.discarded < 0:
            taken: bool = super().received(data)
            self.refused = self.refused or any(request.error is not None for request in self.requests)
            return taken
        self.discarded += len(data)
        if self.discarded > self.server.limits.discarded:
            self.handle_close()
        return True

    def handle_write(self) -> None:
        """Send; a refusal is followed by the end of our side alone.

        To close at once, with something unread, would reset the connection, and the client could not read the refusal.
        """
        if not (self.refused and self.close_when_flushed):
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if not self.total_outbufs_len and self.connected:
            self.close_when_flushed, self.discarded = False, 0
            with suppress(OSError):  # the client has gone
                self.socket.shutdown(socket.SHUT_WR)

    def writable(self) -> bool:
        """Whether there is something to send that no other thread is about to send.

        Without the second half the loop spins, and keeps the interpreter from the very thread that it waits for: with
        64 busy connections 166 requests a second instead of 905.
        """
        if not super().writable() or not self.outbuf_lock.acquire(blocking=False):
            return False
        self.outbuf_lock.release()
        return True

    def send(self, data: bytes, do_close: bool = True) -> int:  # noqa: FBT001, FBT002  # as overridden
        """Send some of `data`; returns how many bytes."""
        sent: int = super().send(data, do_close)
        if sent:
            self.active, self.served = self.server.now(), True
        return sent
