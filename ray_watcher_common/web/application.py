"""What the pages of exporter and scaler have in common: who may ask, errors, and headers for browsers."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, request, send_file
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from ray_watcher_common.program.settings import split_host_port
from ray_watcher_common.web.problems import problem, reply
from ray_watcher_common.web.users import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from flask import Response

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Our pages use files of this program only, nothing that stands in them, and belong into no other page."""
STYLE = Path(__file__).parent / "static" / "style.css"
FOR_EVER = "public, max-age=31536000, immutable"  # a file whose address has a version of its content


HEALTH = "/-/healthy"
BUSY = HTTPStatus.SERVICE_UNAVAILABLE


@dataclass(frozen=True)
class Access:
    """Who gets an answer, and with which headers besides ours.

    `hosts`: only requests to these and to loopback names are answered, so that a web page cannot make a browser ask
    under a name of its own that leads here (DNS rebinding). Empty: requests to any name are.
    `allows` is whether a request with this header Authorization is answered; health is for everybody. It may raise
    `BusyError`. `headers` are those of the web configuration file.
    """

    hosts: Collection[str] = ()
    allows: Callable[[str], bool] = lambda _authorization: True
    headers: Callable[[], Mapping[str, str]] = dict


def new_app(name: str, access: Access = Access()) -> Flask:  # a frozen value
    """An application of the package `name`."""
    app = Flask(name)
    app.jinja_env.globals["style_version"] = style_version()
    app.add_url_rule("/style.css", "style", lambda: send_file(STYLE, mimetype="text/css"))
    if access.hosts:
        app.before_request(lambda: _refuse_other_hosts(access.hosts))
    app.before_request(lambda: _require(access.allows))
    app.after_request(lambda response: _with_headers(response, access.headers()))
    app.register_error_handler(HTTPException, _error)
    app.register_error_handler(BusyError, lambda error: reply(problem(BUSY, str(error)), BUSY))
    return app


@cache
def style_version() -> str:
    """Changes with the style."""
    return hashlib.blake2s(STYLE.read_bytes(), digest_size=4).hexdigest()


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


def refuse_web_pages() -> None:
    """Raise `Forbidden` for a request of a web page, which sends the header Origin; other programs send none."""
    if "Origin" in request.headers:
        raise Forbidden("got a request of a web page, wanted one without the header Origin")


def _without_port(authority: str) -> str:
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]


def _require(allows: Callable[[str], bool]) -> None:
    """Raise `Unauthorized` for a request that is not allowed."""
    if request.path == HEALTH:
        return
    if not allows(request.headers.get("Authorization", "")):
        asking = WWWAuthenticate("basic", {"realm": "ray watcher"})
        raise Unauthorized("wanted a user and password", www_authenticate=asking)


def _with_headers(response: Response, chosen: Mapping[str, str]) -> Response:
    response.headers.update({**HEADERS, **chosen})
    if request.endpoint in {"style", "static"} and "v" in request.args and response.status_code == HTTPStatus.OK:
        response.headers["Cache-Control"] = FOR_EVER
    return response


def _error(error: HTTPException) -> Response:
    failed = error.code in (None, HTTPStatus.INTERNAL_SERVER_ERROR)
    text = "a fault of the program; its log has it" if failed else error.description
    code = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    answer = reply(problem(code, f"{request.method} {request.path}: {text}"), code)
    for name in ("Allow", "WWW-Authenticate"):
        if found := error.get_response().headers.get(name):
            answer.headers[name] = found
    return answer
