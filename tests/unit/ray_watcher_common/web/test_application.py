"""What browsers may do with the pages, and under which names they may be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import jsonify

from ray_watcher_common.web.application import Access, new_app, own_hosts

if TYPE_CHECKING:
    from collections.abc import Collection

    from flask import Flask


def application(hosts: Collection[str]) -> Flask:
    app = new_app("ray_watcher_common.web", Access(hosts))
    app.add_url_rule("/", "page", lambda: "a page")
    app.add_url_rule("/state", "state", lambda: jsonify(a=1))
    app.add_url_rule("/fault", "fault", lambda: str(1 / 0))
    return app


@pytest.mark.parametrize(
    ("listen", "asked", "code"),
    [
        pytest.param("127.0.0.1:9812", "127.0.0.1:9812", 200, id="its address"),
        pytest.param("127.0.0.1:9812", "localhost", 200, id="a name of loopback"),
        pytest.param("127.0.0.1:9812", "LOCALHOST:80", 200, id="in capitals, with a port"),
        pytest.param("127.0.0.1:9812", "[::1]:9812", 200, id="IPv6"),
        pytest.param("127.0.0.1:9812", "127.8.9.1", 200, id="any address of loopback"),
        pytest.param("[::1]:9812", "[::1]", 200, id="listening on IPv6"),
        pytest.param("localhost:9812", "127.0.0.1", 200, id="listening on a name"),
        pytest.param("127.0.0.1:9812", "evil.example", 403, id="another name"),
        pytest.param("127.0.0.1:9812", "evil.example:9812", 403, id="with our port"),
        pytest.param("127.0.0.1:9812", "127.0.0.1.evil.example", 403, id="one that begins like ours"),
        pytest.param("127.0.0.1:9812", "localhost.evil.example", 403, id="one that begins with a loopback name"),
        pytest.param("127.0.0.1:9812", "10.0.0.1", 403, id="another address"),
        pytest.param("127.0.0.1:9812", "", 403, id="empty"),
        pytest.param("127.0.0.1:9812", "[evil.example]", 403, id="in brackets"),
        pytest.param("0.0.0.0:9812", "watcher.example", 200, id="reachable for others: any name"),
        pytest.param("10.0.0.5:9812", "watcher.example", 200, id="at an address of its own: any name"),
    ],
)
def test_a_program_on_loopback_is_asked_for_by_names_of_loopback(listen: str, asked: str, code: int) -> None:
    client = application(own_hosts(listen)).test_client()

    assert client.get("/", headers={"Host": asked}).status_code == code
    assert client.get("/nowhere", headers={"Host": asked}).status_code == (404 if code == 200 else 403)


@pytest.mark.parametrize(("asked", "code"), [("watcher.example", 200), ("localhost", 200), ("evil.example", 403)])
def test_behind_a_proxy_the_name_that_people_use_is_known_too(asked: str, code: int) -> None:
    client = application(own_hosts("127.0.0.1:9812", "https://Watcher.example/scaler")).test_client()

    assert client.get("/", headers={"Host": asked}).status_code == code


@pytest.mark.parametrize(("path", "code"), [("/", 200), ("/state", 200), ("/nowhere", 404), ("/fault", 500)])
def test_browsers_neither_guess_nor_frame_nor_keep_what_they_get(path: str, code: int) -> None:
    answer = application(()).test_client().get(path)

    assert answer.status_code == code
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")


@pytest.mark.parametrize(
    ("method", "path", "code"), [("GET", "/nowhere", 404), ("POST", "/state", 405), ("GET", "/fault", 500)]
)
def test_errors_are_problem_documents_and_show_nothing_of_the_inside(method: str, path: str, code: int) -> None:
    answer = application(()).test_client().open(path, method=method)

    assert (answer.status_code, answer.content_type) == (code, "application/problem+json")
    assert (answer.json or {}).keys() == {"type", "title", "status", "detail"}
    assert (answer.json or {})["status"] == code
    assert "division" not in answer.text
    assert ("Allow" in answer.headers) is (code == 405)
