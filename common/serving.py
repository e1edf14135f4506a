"""Serve a WSGI application until SIGTERM or SIGINT, then end cleanly."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import waitress

from common.settings import split_host_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from wsgiref.types import WSGIApplication

THREADS = 8  # what waits is a read of Ray that all share; eight at once is ample
SWITCH_SECONDS = 0.0005  # Python's 5 ms let the thread that reads and writes sockets wait for each of the others
LARGEST_BODY_BYTES = 8 * 1024 * 1024  # a notification of 1,000 alerts is below 1 MB


class AddressInUseError(OSError):
    """The address cannot be listened on: something else has it, or it is not this host's."""


@contextlib.contextmanager
def _until_signalled() -> Iterator[None]:
    def stop(_signum: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop)
    with contextlib.suppress(SystemExit):
        yield


def bind(listen: str) -> socket.socket:
    """A socket that holds the address `listen` (`HOST:PORT`): take it before doing what only one may do.

    Raises `AddressInUseError` where the address cannot be had.
    """
    host, port = split_host_port(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except socket.gaierror as error:
        raise AddressInUseError(f"cannot listen on {listen}: {error.strerror}") from error
    except OSError as error:
        raise AddressInUseError(f"cannot listen on {listen}: {os.strerror(error.errno or 0)}") from error


def serve(app: WSGIApplication, listening: socket.socket, threads: int = THREADS) -> None:
    """Serve `app` until SIGTERM or SIGINT; closes the socket."""
    sys.setswitchinterval(SWITCH_SECONDS)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # else a line for each request that finds all busy
    server = waitress.create_server(
        app, sockets=[listening], threads=threads, ident=None, max_request_body_size=LARGEST_BODY_BYTES
    )
    with _until_signalled():
        server.run()
    server.close()


def fail(message: str) -> None:
    """End the program for a user's mistake: the message on standard error, exit code 2."""
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(2)
