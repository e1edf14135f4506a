"""Serve a WSGI application until SIGTERM or SIGINT, then end cleanly."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING

import waitress

from common.settings import split_host_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from wsgiref.types import WSGIApplication

THREADS = 8  # a webhook waits for the disk, a scrape for one read; eight at once is ample
LARGEST_BODY_BYTES = 8 * 1024 * 1024  # a notification of 1,000 alerts is below 1 MB


class AddressInUseError(OSError):
    """Something else already listens on the address."""


@contextlib.contextmanager
def _until_signalled() -> Iterator[None]:
    def stop(_signum: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop)
    with contextlib.suppress(SystemExit):
        yield


def serve(app: WSGIApplication, listen: str) -> None:
    """Serve `app` on `listen` (`HOST:PORT`); returns after SIGTERM or SIGINT.

    Raises `AddressInUseError` where the address is taken.
    """
    host, port = split_host_port(listen)
    try:
        server = waitress.create_server(
            app,
            host=host,
            port=port,
            threads=THREADS,
            ident=None,
            max_request_body_size=LARGEST_BODY_BYTES,
        )
    except OSError as error:
        raise AddressInUseError(f"cannot listen on {listen}: {error.strerror or error}") from error
    with _until_signalled():
        server.run()
    server.close()


def fail(message: str) -> None:
    """End the program for a user's mistake: the message on standard error, exit code 2."""
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(2)
