"""Serve a WSGI application until SIGTERM or SIGINT, then end cleanly."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import waitress

from ray_watcher_common.serving import until_signalled

if TYPE_CHECKING:
    import socket
    from wsgiref.types import WSGIApplication

THREADS = 8  # what waits is a read of Ray that all share; eight at once is ample
LARGEST_BODY_BYTES = 64 * 1024  # of requests that need none


def serve(app: WSGIApplication, listening: socket.socket) -> None:
    """Serve `app` until SIGTERM or SIGINT; closes the socket."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # else a line for each request that finds all busy
    server = waitress.create_server(
        app, sockets=[listening], threads=THREADS, ident=None, max_request_body_size=LARGEST_BODY_BYTES
    )
    with until_signalled():
        server.run()
    server.close()
