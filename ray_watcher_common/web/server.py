"""The one server of exporter and scaler: waitress, with time limits, and room for those who behave.

Waitress reads all connections in one thread and hands complete requests to a few others, so a slow client takes no
thread. What it lacks is here: a head, a body and an answer have their time; a new connection always gets in, because
the one that has waited longest is closed for it; health and scrapes go before all other requests.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from ray_watcher_common.web.limits import KIB, Limits
from ray_watcher_common.web.requests import Request
from ray_watcher_common.web.serving import until_signalled
from ray_watcher_common.web.usage import Refusal, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import WSGIApplication

    Credentials = Callable[[str], bool]

FIRST = frozenset({"/-/healthy", "/-/ready", "/metrics"})
ENDING_SECONDS = 3  # for requests that run


def serve(
    app: WSGIApplication,
    listening: socket.socket,
    limits: Limits = Limits(),  # noqa: B008  # a frozen value
    usage: Usage | None = None,
    trusts: Credentials = lambda _authorization: False,
) -> None:
    """Serve `app` until SIGTERM or SIGINT; closes the socket. See `Server`."""
    server = Server(app, listening, limits, usage or Usage(), trusts)
    with until_signalled():
        server.run()


class Channel(HTTPChannel):
    """One connection. `active` is when it was opened or last took some of an answer, by the server's clock."""

    close_when_flushed: bool

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


class Dispatcher(ThreadedTaskDispatcher):
    """The threads and their queue, at whose head are the requests that go first."""

    def add_task(self, task: Channel) -> None:
        """Queue the next request of a connection."""
        with self.lock:
            (self.queue.appendleft if task.goes_first else self.queue.append)(task)
            self.queue_cv.notify()


class Server(TcpWSGIServer):
    """Serves `app` at `listening` within `limits`, and counts in `usage`.

    `trusts` is whether a request with this header Authorization may have a body of up to `trusted_body`.
    `now` is a clock that never goes back, in seconds.
    """

    channel_class = Channel

    def __init__(
        self,
        app: WSGIApplication,
        listening: socket.socket,
        limits: Limits,
        usage: Usage,
        trusts: Credentials,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits, self.usage, self.trusts, self.now = limits, usage, trusts, now
        self._next_check = now()
        threads = Dispatcher()
        threads.set_thread_count(limits.threads)
        adjustments = Adjustments(
            sockets=[listening],
            ident=None,
            log_socket_errors=False,
            recv_bytes=64 * KIB,
            max_request_header_size=limits.head,
            inbuf_overflow=limits.trusted_body + 1,  # in memory: a read-only container may have nowhere to put a file
            outbuf_overflow=limits.unsent,
        )
        about = (listening.family, listening.type, listening.proto, listening.getsockname())
        super().__init__(app, _sock=listening, dispatcher=threads, adj=adjustments, sockinfo=about, bind_socket=False)

    def run(self) -> None:
        """Serve until `stop`, or an exception of a signal handler."""
        try:
            wasyncore.loop(timeout=self.limits.check_seconds, map=self._map, use_poll=True)
        finally:
            self.task_dispatcher.shutdown(timeout=ENDING_SECONDS)
            wasyncore.close_all(self._map)

    def stop(self) -> None:
        """Make `run` return, from any thread."""
        self.trigger.pull_trigger(partial(wasyncore.close_all, self._map))

    def readable(self) -> bool:
        """Whether a new connection can be taken; called in each round of the loop."""
        self.usage.connections = len(self.active_channels)
        now = self.now()
        if now >= self._next_check:
            self._next_check = now + self.limits.check_seconds
            self._close_overdue(now)
        return self.accepting and (self.usage.connections < self.limits.connections or any(self._waiting()))

    def handle_accept(self) -> None:
        """Take a connection; beyond the limit, or if there are no more files to open, close another one for it."""
        before = len(self.active_channels)
        super().handle_accept()
        if len(self.active_channels) > self.limits.connections or len(self.active_channels) == before:
            self._close_longest_waiting(self._waiting(), Refusal.TOO_MANY_CONNECTIONS)

    def body_bytes(self) -> int:
        """Bytes of all large bodies that are read or worked on."""
        requests = (one for channel in self.active_channels.values() for one in (*channel.requests, channel.request))
        return sum(one.size for one in requests if one is not None and one.size > self.limits.body)

    def _waiting(self) -> list[Channel]:
        return [channel for channel in self.active_channels.values() if channel.waits]

    def _close_overdue(self, now: float) -> None:
        for channel in self._waiting():
            deadline, why = channel.deadline()
            if now > deadline:
                self._close(channel, why)
        while sum(channel.total_outbufs_len for channel in self._waiting()) > self.limits.unsent:
            holding = [channel for channel in self._waiting() if channel.total_outbufs_len]
            self._close_longest_waiting(holding, Refusal.ANSWER_NOT_TAKEN)

    def _close_longest_waiting(self, channels: Iterable[Channel], why: Refusal) -> None:
        """Close the one that has waited longest, rather one that never had an answer."""
        if longest := min(channels, key=lambda channel: (channel.served, channel.since), default=None):
            self._close(longest, why)

    def _close(self, channel: Channel, why: Refusal | None) -> None:
        if why is not None:
            self.usage.refused[why] += 1
        channel.handle_close()
