"""Flask's kind of test client for an ASGI application."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any

from a2wsgi import ASGIMiddleware
from werkzeug.test import Client


def client(app: Any) -> Client:
    """What sends requests to `app` without a server."""
    return Client(ASGIMiddleware(app, loop=_loop()))


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """One that runs, for the whole test run."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="asgi", daemon=True).start()
    return loop
