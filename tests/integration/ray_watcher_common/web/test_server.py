"""Hostile, slow and greedy clients of the server: what each of them gets, and that others get their answers."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from ray_watcher_common.web.limits import KIB, MIB, Limits
from ray_watcher_common.web.usage import Refusal
from support.served import ANSWER_SECONDS, Served, answer, served, status
from support.waiting import eventually

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

LIMITS = Limits(
    threads=2,
    connections=16,
    head=16 * KIB,
    head_seconds=0.3,
    body=16 * KIB,
    trusted_body=256 * KIB,
    bodies=512 * KIB,
    body_seconds=0.3,
    unsent=8 * MIB,
    send_seconds=0.3,
    idle_seconds=0.6,
)
PATIENT = replace(LIMITS, head_seconds=60, body_seconds=60, idle_seconds=60, send_seconds=60)
HEAD = b"POST /body HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
TRUSTED = HEAD + b"Authorization: Bearer right\r\n"
LARGE_ANSWER = 6 * MIB  # more than sockets hold for a client that takes nothing


class App:
    """Answers with the size of the body it got; `/held` waits until it is let go, `/large` is a large answer."""

    def __init__(self) -> None:
        self.held, self.go = threading.Semaphore(0), threading.Event()
        self.asked: list[str] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        if path == "/held":
            self.held.release()
            assert self.go.wait(ANSWER_SECONDS)
        size = len(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x" * LARGE_ANSWER if path == "/large" else str(size).encode()]


@contextmanager
def serving(limits: Limits = LIMITS) -> Iterator[tuple[Served, App]]:
    app = App()
    with served(app, limits, lambda authorization: authorization == "Bearer right") as site:
        try:
            yield site, app
        finally:
            app.go.set()


@contextmanager
def clients(site: Served, number: int, sends: bytes) -> Iterator[list[socket.socket]]:
    """`number` connections that have sent `sends`, and stay."""
    with ExitStack() as stack:
        made = [stack.enter_context(site.connect()) for _ in range(number)]
        for connection in made:
            connection.sendall(sends)
        yield made


@pytest.mark.parametrize(
    ("sent", "code", "why"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n" + b"x-a: b\r\n" * 9000, 431, Refusal.HEAD_TOO_LARGE, id="endless headers"),
        pytest.param(b"GET / HTTP/1.1\r\nx-a: " + b"b" * 70_000, 431, Refusal.HEAD_TOO_LARGE, id="an endless header"),
        pytest.param(b"GET /" + b"a" * 70_000, 431, Refusal.HEAD_TOO_LARGE, id="an endless URL"),
        pytest.param(b"GET / HTTP/1.1\r\nno header\r\n\r\n", 400, Refusal.MALFORMED, id="a header without a name"),
        pytest.param(b"nonsense\r\n\r\n", 400, Refusal.MALFORMED, id="no HTTP"),
        pytest.param(HEAD + b"Content-Length: -1\r\n\r\n", 400, Refusal.MALFORMED, id="a negative length"),
        pytest.param(HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501, Refusal.MALFORMED, id="an unknown encoding"),
        pytest.param(HEAD + b"Content-Length: 20000\r\n\r\n", 401, Refusal.UNAUTHORIZED, id="a large body of anybody"),
        pytest.param(TRUSTED + b"Content-Length: 999999999\r\n\r\n", 413, Refusal.BODY_TOO_LARGE, id="too large"),
        pytest.param(HEAD + b"Content-Length: 999999999\r\n\r\n", 413, Refusal.BODY_TOO_LARGE, id="too large for all"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1000\r\n" + b"a" * 4096 + b"\r\n") * 5,
            413,
            Refusal.BODY_TOO_LARGE,
            id="endless chunks of anybody",
        ),
        pytest.param(
            TRUSTED + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1000\r\n" + b"a" * 4096 + b"\r\n") * 65,
            413,
            Refusal.BODY_TOO_LARGE,
            id="endless chunks with credentials",
        ),
    ],
)
def test_what_is_refused_by_its_size_or_form(sent: bytes, code: int, why: Refusal) -> None:
    with serving(PATIENT) as (site, app):
        answered = site.ask(sent)

    assert (status(answered), site.refused(why), app.asked) == (code, 1, [])
    assert set(json.loads(answered.partition(b"\r\n\r\n")[2])) == {"type", "title", "status", "detail"}


@pytest.mark.parametrize(
    ("head", "code"),
    [
        pytest.param(TRUSTED + b"Content-Length: 5000000\r\n\r\n", 413, id="too large a body"),
        pytest.param(HEAD + b"Content-Length: 200000\r\n\r\n", 401, id="a large body of anybody"),
        pytest.param(b"GET / HTTP/1.1\r\nx-a: ", 431, id="too large a head"),
    ],
)
def test_a_client_that_sends_all_it_has_before_it_reads_gets_its_refusal(head: bytes, code: int) -> None:
    with serving(PATIENT) as (site, _app), site.connect() as connection:
        connection.sendall(head + b"x" * 5_000_000)  # raises if the connection is reset

        assert status(answer(connection)) == code


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(replace(PATIENT, discard_seconds=0.3, head_seconds=1), id="in time"),
        pytest.param(replace(PATIENT, discarded=1 * MIB, discard_seconds=60), id="in size"),
    ],
)
def test_what_a_refused_client_goes_on_to_send_has_its_limit(limits: Limits) -> None:
    with serving(limits) as (site, _app), site.connect() as connection:
        connection.sendall(TRUSTED + b"Content-Length: 999999999\r\n\r\n")
        with pytest.raises(ConnectionError):
            send_without_end(connection)
        eventually(lambda: site.usage.connections == 0)


@pytest.mark.parametrize(
    ("sent", "size"),
    [
        pytest.param(HEAD + b"Content-Length: 16384\r\n\r\n" + b"x" * 16384, 16384, id="a small body of anybody"),
        pytest.param(TRUSTED + b"Content-Length: 262144\r\n\r\n" + b"x" * 262144, 262144, id="a large one, trusted"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 3, id="in chunks"),
        pytest.param(b"GET /" + b"a" * 16000 + b" HTTP/1.0\r\n\r\n", 0, id="a head just below its limit"),
    ],
)
def test_what_keeps_within_the_limits_is_answered(sent: bytes, size: int) -> None:
    with serving(PATIENT) as (site, _app):
        answered = site.ask(sent)

    assert (status(answered), int(answered.partition(b"\r\n\r\n")[2])) == (200, size)
    assert not site.usage.refused


SLOW = [
    pytest.param(b"", Refusal.HEAD_TOO_SLOW, id="says nothing"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n", Refusal.HEAD_TOO_SLOW, id="half a head"),
    pytest.param(HEAD + b"Content-Length: 9\r\n\r\n{", Refusal.BODY_TOO_SLOW, id="half a body"),
    pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab", Refusal.BODY_TOO_SLOW, id="half a chunk"),
    pytest.param(b"GET /large HTTP/1.1\r\n\r\n", Refusal.ANSWER_NOT_TAKEN, id="takes nothing of a large answer"),
]


@pytest.mark.parametrize(("sends", "why"), SLOW)
def test_a_slow_client_is_closed_in_its_time(sends: bytes, why: Refusal) -> None:
    with serving() as (site, _app), clients(site, 4, sends) as slow:
        if why is Refusal.ANSWER_NOT_TAKEN:
            eventually(lambda: site.refused(why) == 4)
        else:
            assert [answer(one) for one in slow] == [b""] * 4

        assert site.refused(why) == 4
        eventually(lambda: site.get("/-/healthy") == 200)


def test_a_client_that_dribbles_gets_no_more_time_than_one_that_stops() -> None:
    with serving() as (site, _app), site.connect() as connection:
        connection.settimeout(0.02)
        began = time.monotonic()
        while time.monotonic() - began < ANSWER_SECONDS:
            try:
                connection.sendall(b"x-a: b\r\n")
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break

        assert (site.refused(Refusal.HEAD_TOO_SLOW), time.monotonic() - began < ANSWER_SECONDS) == (1, True)


def test_a_connection_may_rest_between_two_requests_for_longer_than_a_head_may_take() -> None:
    limits = replace(LIMITS, idle_seconds=60)
    with serving(limits) as (site, _app), site.connect() as resting:
        for _ in range(2):
            assert asked(resting) == 200
            with site.connect() as slow:  # closed when a head has had its time
                assert answer(slow) == b""

        assert site.refused(Refusal.HEAD_TOO_SLOW) == 2


def test_an_idle_connection_is_closed_in_the_end() -> None:
    with serving() as (site, _app), site.connect() as idle:
        idle.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert status(answer(idle)) == 200  # `answer` ends when the server closes

        assert not site.usage.refused


@pytest.mark.parametrize(("sends", "why"), SLOW[:4])
def test_while_others_hold_more_connections_than_there_may_be_everyone_new_is_answered(
    sends: bytes, why: Refusal
) -> None:
    del why
    with serving(PATIENT) as (site, _app), clients(site, 3 * PATIENT.connections, sends):
        pages = [site.get(path) for path in ("/-/healthy", "/metrics", "/") * 5]

        assert pages == [200] * 15
        assert site.usage.connections <= PATIENT.connections
        assert site.refused(Refusal.TOO_MANY_CONNECTIONS) >= 2 * PATIENT.connections


def test_those_who_never_asked_for_anything_give_way_before_those_who_did() -> None:
    with serving(PATIENT) as (site, _app), site.connect() as known:
        assert asked(known) == 200
        with clients(site, 3 * PATIENT.connections, b"GET"):
            eventually(lambda: site.refused(Refusal.TOO_MANY_CONNECTIONS) > 2 * PATIENT.connections)

            assert asked(known) == 200


def test_health_and_scrapes_go_before_what_is_queued() -> None:
    with serving(PATIENT) as (site, app), clients(site, 8, b"GET /held HTTP/1.1\r\n\r\n"):
        for _ in range(PATIENT.threads):
            assert app.held.acquire(timeout=ANSWER_SECONDS)
        eventually(lambda: site.usage.connections == 8)
        with clients(site, 2, b"GET /metrics HTTP/1.1\r\n\r\n") as scrapes:
            eventually(lambda: site.usage.connections == 10)
            app.go.set()

            assert [status(one.recv(65536)) for one in scrapes] == [200, 200]
        assert set(app.asked[PATIENT.threads : PATIENT.threads + 2]) == {"/metrics"}


def test_large_bodies_together_have_a_limit_and_who_comes_later_is_asked_to_come_again() -> None:
    large = TRUSTED + b"Content-Length: 262144\r\n\r\n"
    with serving(PATIENT) as (site, _app), clients(site, 2, large + b"x" * 262000):
        eventually(lambda: site.usage.connections == 2)
        late = site.ask(large)
        small = site.ask(HEAD + b"Content-Length: 3\r\n\r\nabc")

    assert (status(late), status(small), site.refused(Refusal.TOO_MANY_BODIES)) == (503, 200, 1)


def test_answers_that_are_not_taken_are_not_piled_up() -> None:
    limits = replace(PATIENT, head_seconds=0.3)  # how often it looks
    with serving(limits) as (site, _app), clients(site, 8, b"GET /large HTTP/1.1\r\n\r\n"):
        eventually(lambda: site.refused(Refusal.ANSWER_NOT_TAKEN) >= 5)

        assert site.get("/-/healthy") == 200


@pytest.mark.parametrize(
    "sends",
    [
        pytest.param(b"GET / HTTP/1.1\r\n" + b"x-a: " + b"b" * 16_000, id="heads"),
        pytest.param(HEAD + b"Content-Length: 16384\r\n\r\n" + b"x" * 16_000, id="bodies"),
        pytest.param(TRUSTED + b"Content-Length: 262144\r\n\r\n" + b"x" * 16_000, id="large bodies"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n" * 800, id="many requests at once"),
    ],
)
def test_memory_stays_bounded_however_often_it_is_tried(sends: bytes) -> None:
    process = psutil.Process()
    with serving(PATIENT) as (site, _app):
        with clients(site, PATIENT.connections, sends):
            before = process.memory_info().rss
        for _ in range(20):
            with clients(site, PATIENT.connections, sends):
                pass
        grown = process.memory_info().rss - before

    assert grown < 16 * MIB


def test_the_loop_does_not_spin_on_an_answer_that_another_thread_is_about_to_send() -> None:
    with serving(PATIENT) as (site, _app), clients(site, 1, b"GET"):
        eventually(lambda: site.usage.connections == 1)
        (channel,) = site.channels()
        channel.total_outbufs_len = 1
        with channel.outbuf_lock:
            assert in_another_thread(channel.writable) is False
        assert channel.writable()
        channel.total_outbufs_len = 0


def in_another_thread(ask: Callable[[], bool]) -> bool:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask).result(ANSWER_SECONDS)


def send_without_end(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x" * 65536)


def asked(connection: socket.socket) -> int:
    """The status of one more answer on a connection that stays open."""
    connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
    answered = b""
    while not answered.endswith(b"\r\n\r\n0"):  # the size of no body
        part = connection.recv(65536)
        assert part, "closed before its answer"
        answered += part
    return status(answered)


def test_to_stop_is_safe_while_another_thread_wakes_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as (site, _app):
        trigger = site.server.trigger
        pull = trigger._physical_pull  # noqa: SLF001  # what another thread's pull does too

        def pull_twice() -> None:
            pull()
            (loop,) = (thread for thread in threading.enumerate() if thread.name == "served")
            loop.join(0.2)  # time for the loop to end, and to close what the second pull writes to
            pull()

        monkeypatch.setattr(trigger, "_physical_pull", pull_twice)
