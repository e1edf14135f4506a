"""The scaler's server on a real socket: what comes in pieces, in heaps or as nonsense; and how it ends."""

from __future__ import annotations

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import requests

from scaler.journal.journal import Journal
from support.scaler_program import ANSWER_SECONDS, CLUSTER, Scaler
from support.site import NOTIFICATION
from support.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

HEAD = b"POST /alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BODY = json.dumps(NOTIFICATION).encode()
IN_CHUNKS = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:7], BODY[7:100], BODY[100:])) + b"0\r\n\r\n"


@pytest.fixture
def scaler(start: Callable[..., Scaler]) -> Scaler:  # the fixture
    started = start()
    eventually(lambda: started.get("/-/healthy")[0] == 200)
    return started


@pytest.fixture
def connection(scaler: Scaler) -> Iterator[socket.socket]:
    host, _, port = scaler.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS) as made:
        yield made


@pytest.fixture
def stored(scaler: Scaler, tmp_path: Path) -> Callable[[], int]:
    """How many alerts are on disk."""
    del scaler

    def count() -> int:
        with closing(Journal(tmp_path / "journal" / f"{CLUSTER}.db")) as journal:
            return len(journal.alerts())

    return count


def reply(connection: socket.socket) -> bytes:
    """The head of one answer, and what of its body came with it."""
    return connection.recv(65536)


@pytest.mark.parametrize(
    ("sent", "status", "news"),
    [
        pytest.param(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY, 200, 1, id="in one piece"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + IN_CHUNKS, 200, 1, id="in chunks"),
        pytest.param(HEAD + b"\r\n", 400, 0, id="without a body"),
        pytest.param(b"\x16\x03\x01\x02\x00 TLS\r\n\r\n", 400, 0, id="TLS to a plain port"),
        pytest.param(b"GET /alerts HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405, 0, id="another method"),
        pytest.param(b"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404, 0, id="another path"),
        pytest.param(
            b"GET /api/v1/history?since=\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, 0, id="a query of bytes"
        ),
    ],
)
def test_each_request_gets_its_answer(
    connection: socket.socket, stored: Callable[[], int], sent: bytes, status: int, news: int
) -> None:
    connection.sendall(sent)

    assert reply(connection).split(b" ", 2)[1] == b"%d" % status
    assert stored() == news


def test_a_notification_that_is_cut_short_counts_for_nothing_and_stops_nobody(
    scaler: Scaler, connection: socket.socket, stored: Callable[[], int]
) -> None:
    connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY[:50])
    connection.close()

    assert (stored(), "Traceback" in scaler.log()) == (0, False)
    assert requests.post(f"{scaler.url}/alerts", json=NOTIFICATION, timeout=ANSWER_SECONDS).status_code == 200


def test_too_large_a_body_is_refused_whether_it_says_its_size_or_not(scaler: Scaler) -> None:
    large, headers = b"x" * (9 * 1024 * 1024), {"Content-Type": "application/json"}

    for body in (large, iter([large])):
        refused = requests.post(f"{scaler.url}/alerts", data=body, headers=headers, timeout=ANSWER_SECONDS)
        assert (refused.status_code, refused.json()["status"]) == (413, 413)
    assert 'rayscaler_http_refused_total{reason="body_too_large"} 2.0' in scaler.get("/metrics")[1]


def test_the_pages_answer_while_notifications_pour_in(scaler: Scaler, stored: Callable[[], int]) -> None:
    def pour(number: int) -> int:
        (told,) = NOTIFICATION["alerts"]
        own = {**NOTIFICATION, "alerts": [{**told, "fingerprint": f"f{number}"}]}
        return requests.post(f"{scaler.url}/alerts", json=own, timeout=ANSWER_SECONDS).status_code

    with ThreadPoolExecutor(16) as clients:
        poured = [clients.submit(pour, number) for number in range(200)]
        pages = [scaler.get(page)[0] for page in ("/", "/metrics", "/api/v1/status", "/-/ready") * 3]
    assert ({one.result() for one in poured}, set(pages)) == ({200}, {200})
    assert stored() == 200


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_by_a_signal_whatever_connections_are_open(
    scaler: Scaler, connection: socket.socket, signum: signal.Signals
) -> None:
    connection.sendall(HEAD + b"Content-Length: 9\r\n\r\n")
    with closing(connection):
        scaler.process.send_signal(signum)

        assert scaler.process.wait(PATIENCE_SECONDS) == 0
    assert "scaler stopped" in scaler.log()
    assert "Traceback" not in scaler.log()
