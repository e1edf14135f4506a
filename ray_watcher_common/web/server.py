"""The one server of exporter and scaler: waitress, with time limits, and room for those who behave.

Waitress reads all connections in one thread and hands complete requests to a few others, so a slow client takes no
thread. What it lacks is here: a head, a body and an answer have their time; a new connection always gets in, because
the one that has waited longest is closed for it; health and scrapes go before all other requests.
"""

from __future__ import annotations

import ssl
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from ray_watcher_common.web.channel import Channel
from ray_watcher_common.web.config import WebConfig
from ray_watcher_common.web.limits import KIB, Limits
from ray_watcher_common.web.serving import until_signalled
from ray_watcher_common.web.usage import Refusal, Usage

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import WSGIApplication

    from ray_watcher_common.web.requests import Request

    Credentials = Callable[[str], bool | None]

ENDING_SECONDS = 3  # for requests that run


def serve(
    app: WSGIApplication,
    listening: socket.socket,
    limits: Limits = Limits(),  # noqa: B008  # a frozen value
    usage: Usage | None = None,
    trusts: Credentials = lambda _authorization: False,
    web: Callable[[], WebConfig] = WebConfig,
) -> None:
    """Serve `app` until SIGTERM or SIGINT; closes the socket. See `Server`."""
    server = Server(app, listening, limits, usage or Usage(), trusts, web)
    with until_signalled():
        server.run()


class Dispatcher(ThreadedTaskDispatcher):
    """The threads and their queue, at whose head are the requests that go first."""

    def add_task(self, task: Channel) -> None:
        """Queue the next request of a connection."""
        with self.lock:
            (self.queue.appendleft if task.goes_first else self.queue.append)(task)
            self.queue_cv.notify()


class Server(TcpWSGIServer):
    """Serves `app` at `listening` within `limits`, and counts in `usage`.

    `trusts` is whether a request with this header Authorization may have a body of up to `trusted_body`; None: that is
    still to be found out, and one such body is taken at a time. `web` has the TLS of new connections.
    `now` is a clock that never goes back, in seconds.
    """

    def __init__(
        self,
        app: WSGIApplication,
        listening: socket.socket,
        limits: Limits,
        usage: Usage,
        trusts: Credentials,
        web: Callable[[], WebConfig] = WebConfig,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits, self.usage, self.trusts, self.web, self.now = limits, usage, trusts, web, now
        self._next_check = now()
        self._left = False  # whether the client of the newest connection had gone before TLS began
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
            url_scheme=web().scheme,
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
        with self.trigger.lock:  # else `run`, woken by another thread meanwhile, closes what is about to be written to
            self.trigger.thunks.append(partial(wasyncore.close_all, self._map))
            self.trigger.pull_trigger()

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
        before, self._left = len(self.active_channels), False
        super().handle_accept()
        had_no_file = len(self.active_channels) == before and not self._left
        if len(self.active_channels) > self.limits.connections or had_no_file:
            self._close_longest_waiting(self._waiting(), Refusal.TOO_MANY_CONNECTIONS)

    def accept(self) -> tuple[socket.socket, Any] | None:
        """Take a connection from the system; its TLS handshake is its channel's."""
        accepted: tuple[socket.socket, Any] | None = super().accept()
        context = self.web().context
        if accepted is None or context is None:
            return accepted
        try:
            accepted[0].setblocking(False)  # noqa: FBT003  # of the standard library
            return context.wrap_socket(accepted[0], server_side=True, do_handshake_on_connect=False), accepted[1]
        except (OSError, ValueError):
            self._left = True
            accepted[0].close()
            return None

    def channel_class(self, _server: Server, sock: socket.socket, *about: Any, **options: Any) -> Channel:
        """Make the channel of a new connection."""
        if isinstance(sock, ssl.SSLSocket):
            from ray_watcher_common.web.tls_channel import TlsChannel

            return TlsChannel(self, sock, *about, **options)
        return Channel(self, sock, *about, **options)

    def body_bytes(self) -> int:
        """Bytes of all large bodies that are read or worked on."""
        return sum(request.size for request in self._requests() if request.size > self.limits.body)

    def unverified(self) -> int:
        """Number of large bodies whose credentials are still to be checked."""
        return sum(request.unverified for request in self._requests())

    def _requests(self) -> Iterator[Request]:
        """All that are read or worked on."""
        for channel in self.active_channels.values():
            yield from (one for one in (*channel.requests, channel.request) if one is not None)

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
