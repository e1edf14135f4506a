"""What the pages of exporter and scaler have in common: who may ask, JSON errors, and headers for browsers."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, jsonify, request
from werkzeug.exceptions import Forbidden, HTTPException

from ray_watcher_common.program.settings import split_host_port

if TYPE_CHECKING:
    from collections.abc import Collection

    from flask import Response

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Our pages show text, need no script, and belong into no other page; nothing keeps a copy of them."""


def new_app(name: str, hosts: Collection[str] = ()) -> Flask:
    """An application of the package `name`.

    `hosts`: only requests to these and to loopback names are answered, so that a web page cannot make a browser ask
    under a name of its own that leads here (DNS rebinding). Empty: requests to any name are.
    """
    app = Flask(name)
    if hosts:
        app.before_request(lambda: _refuse_other_hosts(hosts))
    app.after_request(_with_headers)
    app.register_error_handler(HTTPException, _error)
    return app


def own_hosts(listen: str, url: str | None = None) -> frozenset[str]:
    """The `hosts` of a program that listens at `listen`, and that people reach at `url`, if only this machine can.

    Empty if others can reach it: they may use any name.
    """
    host, _port = split_host_port(listen)
    named = urlsplit(url).hostname if url else None
    return frozenset({host.lower(), *([named] if named else [])}) if is_loopback(host) else frozenset()


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without port, leads to this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_other_hosts(own: Collection[str]) -> None:
    """Raise `Forbidden` if the header Host names another machine. A browser always sends one."""
    asked = _without_port(request.headers.get("Host", "localhost"))
    if not (is_loopback(asked) or asked.lower() in own):
        raise Forbidden(f"got the header Host: {asked[:100]!r}, wanted {' or '.join(sorted(own))}")


def _without_port(authority: str) -> str:
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]


def _with_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def _error(error: HTTPException) -> tuple[Response, int]:
    failed = error.code in (None, HTTPStatus.INTERNAL_SERVER_ERROR)
    text = "a fault of the program; its log has it" if failed else error.description
    answer = jsonify(error=f"{request.method} {request.path}: {text}")
    if error.get_response().headers.get("Allow"):
        answer.headers["Allow"] = error.get_response().headers["Allow"]
    return answer, error.code or HTTPStatus.INTERNAL_SERVER_ERROR
