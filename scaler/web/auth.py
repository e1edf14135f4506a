"""Who may send us something: callers with the scaler's token, that are no web page in somebody's browser."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import Any

from ray_watcher_common.web.limits import MIB, Limits
from ray_watcher_common.web.problems import problem

Answer = tuple[dict[str, Any], int]
"""A JSON document and the HTTP status it goes with."""

JSON_TYPE = "application/json"
LIMITS = Limits(threads=16, trusted_body=2 * MIB, bodies=8 * MIB)  # a notification of 1,000 alerts is below 1 MB


def refusal(token: str | None, authorization: str, content_type: str) -> Answer | None:
    """Why a caller with these headers may not change anything; None if it may. Without a `token` everyone may."""
    if not presents(token, authorization):
        detail = "wanted the header 'Authorization: Bearer TOKEN' with the scaler's token"
        return refused(HTTPStatus.UNAUTHORIZED, detail)
    if content_type.partition(";")[0].strip().lower() != JSON_TYPE:  # a page in a browser sends anything else unasked
        detail = f"got Content-Type {content_type!r}, wanted {JSON_TYPE}"
        return refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    return None


def refused(status: HTTPStatus, detail: str) -> Answer:
    """The answer to a request that is refused."""
    return problem(status, detail), status


def presents(token: str | None, authorization: str) -> bool:
    """Whether the header `authorization` has the token; `token` None: nobody needs one."""
    if token is None:
        return True
    scheme, _, presented = authorization.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(presented.strip().encode(), token.encode())
