"""The health check of our images, against a real server."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

import pytest

from ray_watcher_common.probe import problem
from support.own import own_ports

if TYPE_CHECKING:
    from collections.abc import Iterator


class Page(http.server.BaseHTTPRequestHandler):
    """Healthy at `/-/healthy`, not ready elsewhere."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/-/healthy" else 503)
        self.end_headers()
        self.wfile.write(b"because\n")

    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_healthy_page_is_no_problem(url: str) -> None:
    assert problem(f"{url}/-/healthy") == ""


def test_a_page_that_answers_otherwise_is_told_with_its_words(url: str) -> None:
    assert problem(f"{url}/-/ready").endswith("HTTP 503: because")


def test_nobody_there_is_a_problem() -> None:
    assert "refused" in problem(f"http://127.0.0.1:{own_ports(1)[0]}/")
