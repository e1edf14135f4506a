"""Errors over HTTP: `application/problem+json` (RFC 9457), with what was got and what was wanted in `detail`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, jsonify

PROBLEM_TYPE = "application/problem+json"


def problem(status: int, detail: str, **more: Any) -> dict[str, Any]:
    """The document of an error; `more` are members of our own."""
    code = HTTPStatus(status)
    return {"type": "about:blank", "title": code.phrase, "status": int(code), "detail": detail, **more}


def reply(document: Any, status: int = 200) -> Response:
    """An answer with this JSON document; with the type of a problem from status 400 on."""
    answer = jsonify(document)
    answer.status_code = int(status)
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        answer.content_type = PROBLEM_TYPE
    return answer
