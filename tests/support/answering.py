"""A small HTTP server that stands for exporter, scaler, Prometheus and Ray's dashboard at once."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

PATHS = {
    "/state": "state",
    "/api/v1/status": "status",
    "/api/v1/history": "history",
    "/api/v1/alerts": "alerts",
    "/api/v1/pause": "pause",
    "/api/v1/resume": "resume",
    "/-/reload": "reload",
    "/api/jobs/": "jobs",
    "/api/jobs/job-1": "job",
    "/api/jobs/job-1/logs": "job_logs",
}


@contextmanager
def answering(code: int = 200, **replies: Any) -> Iterator[tuple[str, list[str]]]:
    """Its address and the paths it was asked for; it answers with the reply named as in `PATHS`, or 404."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            reply = replies.get(PATHS.get(urlsplit(self.path).path, ""))
            self.send_response(404 if reply is None else code)
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def log_message(self, *_args: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()
