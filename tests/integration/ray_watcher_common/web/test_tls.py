"""The server with TLS: real clients, wrong ones and hostile ones, and what others get meanwhile."""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests

from ray_watcher_common.web.config import WebConfigFile
from ray_watcher_common.web.limits import KIB, MIB, Limits
from ray_watcher_common.web.usage import Refusal
from support.certificates import self_signed
from support.served import ANSWER_SECONDS, Served, answer, served, status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

LIMITS = Limits(threads=2, connections=16, body=1 * MIB, trusted_body=1 * MIB, unsent=32 * MIB)
LARGE = 6 * MIB
REQUEST = b"GET /some HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CLIENTS = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: client.pem\n"


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers with scheme, path and the size of the body; `/large` with much."""
    size = len(environ["wsgi.input"].read())
    text = f"{environ['wsgi.url_scheme']} {environ['PATH_INFO']} {size}".encode()
    found = b"x" * LARGE if environ["PATH_INFO"] == "/large" else text
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(found)))])
    return [found]


class Site(Served):
    """A server with TLS, and the directory of its files."""

    directory: Path

    def get(self, path: str, **options: object) -> requests.Response:  # type: ignore[override]
        options = {"verify": str(self.directory / "ca.pem"), "timeout": ANSWER_SECONDS, **options}
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"https://127.0.0.1:{self.port}{path}", **options)  # type: ignore[arg-type]

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.directory / "ca.pem"))


@contextmanager
def serving(directory: Path, more: str = "", limits: Limits = LIMITS) -> Iterator[Site]:
    for name in ("ca", "client", "other"):
        self_signed(directory, name)
    text = f"tls_server_config:\n  cert_file: ca.pem\n  key_file: key.pem\n{more}"
    (directory / "web.yml").write_text(text, encoding="utf-8")
    clock = iter(range(10**9))  # each look is a second after the last one, so that changes are seen at once
    web = WebConfigFile(directory / "web.yml", "X", lambda: next(clock))
    with served(app, limits, web=lambda: web.current) as made:
        site = Site(made.port, made.usage, made.server)
        object.__setattr__(site, "directory", directory)
        yield site


def test_a_client_that_trusts_the_authority_is_served(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        reply = site.get("/some")

        assert (reply.status_code, reply.text) == (200, "https /some 0")


def test_a_large_answer_and_a_large_body_come_whole_on_one_connection(tmp_path: Path) -> None:
    with serving(tmp_path) as site, requests.Session() as session:
        session.trust_env, session.verify = False, str(tmp_path / "ca.pem")
        url = f"https://127.0.0.1:{site.port}"
        for _ in range(3):
            assert len(session.get(f"{url}/large", timeout=ANSWER_SECONDS).content) == LARGE
            body = os.urandom(600 * KIB)
            assert session.post(f"{url}/b", data=body, timeout=ANSWER_SECONDS).text == f"https /b {600 * KIB}"
        assert site.usage.connections <= 1


def test_a_client_that_does_not_know_the_authority_ends_the_handshake(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        with pytest.raises(requests.exceptions.SSLError):
            site.get("/some", verify=str(tmp_path / "other.pem"))

        assert site.get("/some").ok
        assert site.refused(Refusal.TLS_FAILED) == 1


@pytest.mark.parametrize(
    ("client", "served_"),
    [
        pytest.param(None, False, id="without a certificate"),
        pytest.param("other", False, id="with one of another authority"),
        pytest.param("client", True, id="with one of the right authority"),
    ],
)
def test_only_clients_with_the_right_certificate_are_served(tmp_path: Path, client: str | None, served_: bool) -> None:
    with serving(tmp_path, CLIENTS) as site:
        shown = (str(tmp_path / f"{client}.pem"), str(tmp_path / f"{client}-key.pem")) if client else None
        try:
            answered = site.get("/some", cert=shown).ok
        except requests.exceptions.ConnectionError:  # TLS errors are among them
            answered = False

        assert (answered, site.refused(Refusal.TLS_FAILED)) == (served_, 0 if served_ else 1)


@pytest.mark.parametrize(("name", "served_"), [("client.example", True), ("127.0.0.1", True), ("else.example", False)])
def test_of_verified_clients_only_those_with_an_allowed_name_are_served(
    tmp_path: Path, name: str, served_: bool
) -> None:
    with serving(tmp_path, f"{CLIENTS}  client_allowed_sans: [{name}]\n") as site:
        try:
            answered = site.get("/", cert=(str(tmp_path / "client.pem"), str(tmp_path / "client-key.pem"))).ok
        except requests.exceptions.ConnectionError:
            answered = False

        assert answered is served_


def test_a_certificate_is_optional_where_it_is_verified_if_given(tmp_path: Path) -> None:
    with serving(tmp_path, CLIENTS.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven")) as site:
        assert site.get("/").ok
        with pytest.raises(requests.exceptions.ConnectionError):
            site.get("/", cert=(str(tmp_path / "other.pem"), str(tmp_path / "other-key.pem")))


def test_plain_http_is_refused_with_words_that_its_client_can_read(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        answered = site.ask(REQUEST)

        assert (status(answered), site.refused(Refusal.TLS_FAILED)) == (400, 1)
        assert b"https" in answered


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\0" * 3000, id="zeros"),
        pytest.param(b"\x16\x03\x01\xff\xff" + b"a" * 70_000, id="a record that never ends"),
        pytest.param(b"\x80\x2e\x01\x00\x02" + b"a" * 100, id="SSL 2"),
        pytest.param(os.urandom(200), id="noise"),
        pytest.param(b"SSH-2.0-OpenSSH_9\r\n", id="another protocol"),
    ],
)
def test_what_is_no_tls_costs_its_connection_alone(tmp_path: Path, sent: bytes) -> None:
    with serving(tmp_path, limits=replace(LIMITS, head_seconds=0.3)) as site:
        site.ask(sent)

        assert site.get("/some").ok


def test_clients_that_never_shake_hands_do_not_hold_up_others_and_are_closed_in_time(tmp_path: Path) -> None:
    with serving(tmp_path, limits=replace(LIMITS, head_seconds=0.5)) as site, ExitStack() as stack:
        slow = [stack.enter_context(site.connect()) for _ in range(40)]  # more than connections
        for number, connection in enumerate(slow):
            connection.sendall(b"\x16\x03\x01\x02\x00\x01"[: number % 7])  # the beginning of a handshake
        assert site.get("/some").ok
        for connection in slow:
            answer(connection)  # returns at the end of the connection

        assert site.refused(Refusal.TOO_MANY_CONNECTIONS) > 0
        assert site.refused(Refusal.HEAD_TOO_SLOW) > 0


def test_a_handshake_byte_by_byte_succeeds(tmp_path: Path) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with serving(tmp_path) as site, site.connect() as connection:
        client = site.context().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                _send_in_pieces(connection, outgoing.read())
                incoming.write(connection.recv(100))
        client.write(REQUEST)
        _send_in_pieces(connection, outgoing.read())
        incoming.write(answer(connection))

        assert status(client.read(65536)) == 200


def _send_in_pieces(connection: socket.socket, data: bytes) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for position in range(len(data)):
        connection.sendall(data[position : position + 1])


def test_a_client_that_takes_nothing_is_closed_and_its_answer_given_up(tmp_path: Path) -> None:
    with serving(tmp_path, limits=replace(LIMITS, send_seconds=0.3, head_seconds=5)) as site:
        with site.context().wrap_socket(site.connect(), server_hostname="127.0.0.1") as connection:
            connection.sendall(REQUEST.replace(b"/some", b"/large"))
            _until_refused(site, Refusal.ANSWER_NOT_TAKEN)
        assert site.get("/some").ok


def _until_refused(site: Site, why: Refusal) -> None:
    for _ in range(200):
        if site.refused(why):
            return
        site.get("/some")  # takes some milliseconds
    pytest.fail(f"not refused: {why}")


def test_a_head_without_end_is_refused_with_tls_too(tmp_path: Path) -> None:
    with serving(tmp_path, limits=replace(LIMITS, head=16 * KIB)) as site:
        with site.context().wrap_socket(site.connect(), server_hostname="127.0.0.1") as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n" + b"x-a: b\r\n" * 4000)
            answered = connection.recv(65536)

        assert status(answered) == 431


def test_a_renewed_certificate_is_served_without_a_restart_and_a_broken_one_is_not_used(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        (tmp_path / "kept.pem").write_bytes((tmp_path / "ca.pem").read_bytes())
        (tmp_path / "ca.pem").write_text("nothing", encoding="utf-8")
        assert site.get("/", verify=str(tmp_path / "kept.pem")).ok
        self_signed(tmp_path)
        assert site.get("/").ok
