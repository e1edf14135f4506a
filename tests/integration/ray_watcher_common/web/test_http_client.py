"""The one HTTP session: whom it trusts, how long it waits, and why a request failed, in a few words."""

from __future__ import annotations

import base64
import contextlib
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import requests

from ray_watcher_common.web.client import Bearer, session, sign, why
from support.certificates import self_signed
from support.own import own_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = (0.2, 0.2)


class Answer(BaseHTTPRequestHandler):
    """200 with the authorization that it got, 503 at /broken; nothing for a while at /slow."""

    slow = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.slow.wait(5)
        self.send_response(503 if self.path == "/broken" else 200)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(self.headers.get("Authorization", "none").encode())

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def answering(tls: tuple[Path, Path] | None = None) -> Iterator[str]:
    """HOST:PORT of a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        Answer.slow.set()
        server.shutdown()
        thread.join()
    Answer.slow.clear()


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_certificate_of_an_own_authority_is_trusted_by_its_file(tmp_path: Path, variable: str) -> None:
    certificate, key = self_signed(tmp_path)

    with answering((certificate, key)) as address, session((2, 2), {variable: str(certificate)}) as asking:
        assert asking.get(f"https://{address}/").status_code == 200


def test_without_that_file_it_is_not_trusted_and_the_reason_names_the_variable(tmp_path: Path) -> None:
    with (
        answering(self_signed(tmp_path)) as address,
        session((2, 2), {}) as asking,
        pytest.raises(requests.RequestException) as failed,
    ):
        asking.get(f"https://{address}/")

    assert "REQUESTS_CA_BUNDLE" in why(failed.value)
    assert "certificate" in why(failed.value)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{own_ports(1)[0]}")

    with answering() as address, session((2, 2), {}) as asking:
        assert asking.get(f"http://{address}/").text == "none"


def test_user_and_password_of_a_url_are_presented() -> None:
    with answering() as address, session((2, 2), {}) as asking:
        assert asking.get(f"http://am:pass@{address}/").text.startswith("Basic ")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        pytest.param("/slow", "timed out", id="no answer in time, though the caller set no timeout"),
        pytest.param("/broken", "HTTP 503", id="a failure that the program reports"),
    ],
)
def test_why_a_request_failed(path: str, reason: str) -> None:
    with (
        answering() as address,
        session(PATIENCE, {}) as asking,
        pytest.raises(requests.RequestException) as failed,
    ):
        asking.get(f"http://{address}{path}").raise_for_status()

    assert why(failed.value) == reason


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("http://127.0.0.1:{port}/", "connection refused", id="nothing listens"),
        pytest.param("http://am:secret@[::1/", "not a URL", id="brackets that do not close"),
    ],
)
def test_why_nothing_was_reached(url: str, reason: str) -> None:
    with session(PATIENCE, {}) as asking, pytest.raises(requests.RequestException) as failed:
        asking.get(url.format(port=own_ports(1)[0]))

    assert why(failed.value) == reason


def test_an_answer_that_is_not_json() -> None:
    with answering() as address, session((2, 2), {}) as asking, pytest.raises(requests.RequestException) as failed:
        asking.get(f"http://{address}/").json()

    assert why(failed.value) == "not JSON"


def test_the_password_in_a_file_belongs_to_the_user_of_the_url_and_may_change(tmp_path: Path) -> None:
    file = tmp_path / "password"
    with answering() as address:
        asking = session(PATIENCE, {}, password_file=file)
        got = []
        for password in ("one\n", "two"):
            file.write_text(password, encoding="utf-8")
            got.append(asking.get(f"http://me@{address}/").text)

    assert got == [f"Basic {base64.b64encode(pair).decode()}" for pair in (b"me:one", b"me:two")]


def test_a_password_file_that_has_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(requests.RequestException) as failed:
        session(PATIENCE, {}, password_file=tmp_path / "gone").get("http://me@127.0.0.1:1/")

    assert str(tmp_path / "gone") in why(failed.value)


def test_credentials_are_presented_to_the_program_that_they_are_for_alone() -> None:
    with answering() as one, answering() as other:
        asking = session(PATIENCE, {})
        sign(asking, f"http://{one}", Bearer("mine"), PATIENCE)

        assert asking.get(f"http://{one}/").text == "Bearer mine"
        assert asking.get(f"http://{other}/").text == "none"
