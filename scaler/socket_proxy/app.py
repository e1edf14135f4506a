"""The proxy's HTTP side."""

from __future__ import annotations

import http.client
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from flask import Flask, Response, request

from scaler.socket_proxy.admission import admitted, is_worker
from scaler.socket_proxy.descriptions import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaler.socket_proxy.admission import Call
    from scaler.socket_proxy.descriptions import Limits
    from scaler.socket_proxy.engine import EngineSocket

log = structlog.get_logger()

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
LARGEST_BODY_BYTES = 4 * 1024 * 1024


def create_app(engine: EngineSocket, limits: Limits) -> Flask:
    """The WSGI application."""
    app = Flask("scaler.socket_proxy", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.url_map.merge_slashes = False

    def answer(path: str) -> Response:
        query = request.args.to_dict()
        try:
            call = admitted(request.method, f"/{path}", query, request.get_data(), limits)
        except RefusedError as error:
            log.warning("request refused", method=request.method, path=f"/{path}", reason=str(error))
            return _message(403, f"the socket proxy refuses {error}")
        try:
            return _passed_on(engine, call, limits)
        except (OSError, http.client.HTTPException, ValueError) as error:
            log.warning("engine not reached", error=str(error))
            return _message(502, f"the Docker Engine does not answer: {error}")

    app.add_url_rule("/", view_func=answer, defaults={"path": ""}, methods=METHODS, provide_automatic_options=False)
    app.add_url_rule("/<path:path>", view_func=answer, methods=METHODS, provide_automatic_options=False)
    return app


def _passed_on(engine: EngineSocket, call: Call, limits: Limits) -> Response:
    if call.subject is not None:
        found = engine.inspected(call.subject)
        if found is None or not is_worker(found, limits):
            return _message(404, f"No such container: {call.subject}")
        # By its id from here on: a name may have been given to another container meanwhile.
        call = replace(call, path=call.path.replace(f"/containers/{call.subject}", f"/containers/{found['Id']}", 1))
    reply = engine.ask(call)
    if call.shown is None or reply.code != http.HTTPStatus.OK:
        return Response(_first(reply.body, call.largest), reply.code, content_type=reply.content_type or None)
    return Response(json.dumps(call.shown(reply.document())), content_type="application/json")


def _first(parts: Iterator[bytes], most: int | None) -> Iterator[bytes]:
    """`parts` up to the one that exceeds `most` bytes."""
    size = 0
    for part in parts:
        size += len(part)
        if most is not None and size > most:
            return
        yield part


def _message(code: int, text: str) -> Response:
    return Response(json.dumps({"message": text}), code, content_type="application/json")
