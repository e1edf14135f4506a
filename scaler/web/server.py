"""Serve an ASGI application until SIGTERM or SIGINT, then end cleanly."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import TYPE_CHECKING, Any

import uvicorn

from ray_watcher_common.serving import until_signalled

if TYPE_CHECKING:
    import socket

CONNECTIONS = 512  # beyond them 503: Alertmanager tries again
KEEP_ALIVE_SECONDS = 120  # longer than the 90 s after which Go's clients close an idle connection themselves
GRACEFUL_SECONDS = 3  # for answers that are on their way
COLLECTIONS = (50_000, 20, 20)
"""When Python looks for cycles. By default (700) it does so in the midst of each notification of 1,000 alerts, which
has none, and takes a fifth of its time."""


def serve(app: Any, listening: socket.socket) -> None:
    """Serve `app` until SIGTERM or SIGINT; closes the socket."""
    gc.freeze()  # collections need not look at what was imported
    gc.set_threshold(*COLLECTIONS)
    logging.getLogger("uvicorn.error").addFilter(_is_no_end)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
    )
    with until_signalled():  # uvicorn ends by the signal, and then raises it once more
        server.run([listening])


def _is_no_end(record: logging.LogRecord) -> bool:
    """Whether it is not the traceback of a request that was cut off because the program ends."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
