"""A small Alertmanager: the two pages of its API that the scaler reads, over real HTTP."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def listed(
    key: str = "f1",
    state: str = "active",
    receiver: str = "ray-watcher",
    muted_by: Sequence[str] = (),
    **labels: str,
) -> dict[str, Any]:
    """One alert as `/api/v2/alerts` shows it."""
    return {
        "annotations": {"summary": "3 tasks wait"},
        "endsAt": "2026-01-02T03:09:05.678Z",
        "fingerprint": key,
        "receivers": [{"name": receiver}],
        "startsAt": "2026-01-02T03:04:05.678Z",
        "status": {"inhibitedBy": [], "silencedBy": [], "mutedBy": list(muted_by), "state": state},
        "updatedAt": "2026-01-02T03:04:05.678Z",
        "labels": {"alertname": "RayPendingTasks", "ray_scale": "up", **labels},
    }


@dataclass
class FakeAlertmanager:
    """`alerts` is what it lists; it has been up for `up_seconds`; `broken` is a status and body to answer instead."""

    alerts: list[dict[str, Any]] = field(default_factory=list)
    up_seconds: float = 3600.0
    broken: tuple[int, bytes] | None = None
    url: str = ""

    def reply(self, path: str) -> tuple[int, bytes]:
        """HTTP status and body."""
        if self.broken:
            return self.broken
        if path == "/api/v2/alerts":
            return 200, json.dumps(self.alerts).encode()
        up_since = datetime.fromtimestamp(time.time() - self.up_seconds, tz=timezone.utc)
        return 200, json.dumps({"uptime": up_since.isoformat(), "cluster": {"status": "disabled"}}).encode()

    @contextmanager
    def served(self) -> Iterator[FakeAlertmanager]:
        """Answer at `url` until the end."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805  # `self` is the Alertmanager
                code, body = self.reply(urlsplit(handler.path).path)
                handler.send_response(code)
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Keep quiet."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()
