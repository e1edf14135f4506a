"""A request on its way in: what is too large, or not wanted at the moment, is refused before it is read."""

from __future__ import annotations

import copy
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from waitress.parser import HTTPRequestParser
from waitress.utilities import Error

from ray_watcher_common.web.problems import PROBLEM_TYPE, problem
from ray_watcher_common.web.usage import Refusal

if TYPE_CHECKING:
    from ray_watcher_common.web.server import Server

REFUSALS = {
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: Refusal.HEAD_TOO_LARGE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Refusal.BODY_TOO_LARGE,
    HTTPStatus.UNAUTHORIZED: Refusal.UNAUTHORIZED,
    HTTPStatus.SERVICE_UNAVAILABLE: Refusal.TOO_MANY_BODIES,
}


class RequestError(Error):
    """An answer of the server itself, as a problem document."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.code, self.reason = int(status), status.phrase

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status line, headers, body."""
        del ident  # clients need not know the server's name
        body = json.dumps(problem(self.code, self.body)).encode()
        return f"{self.code} {self.reason}", [("Content-Type", PROBLEM_TYPE)], body


class Request(HTTPRequestParser):
    """Reads one request. `began` and `head_ended` are times by the server's clock; `size` is that of the body.

    `unverified`: it has a large body, and credentials that are still to be checked.
    """

    error: Any  # of waitress, or ours

    def __init__(self, adj: Any, server: Server) -> None:
        super().__init__(adj)
        self._server, self._limits = server, server.limits
        self.began, self.head_ended = server.now(), 0.0
        self.size, self.unverified = 0, False

    def received(self, data: bytes) -> int:
        """Take `data`; returns how many bytes of it belong to this request."""
        in_head = not self.headers_finished
        consumed: int = super().received(data)
        if in_head and self.headers_finished:
            self.head_ended = self._server.now()
        if self.error is not None:
            self._refuse()
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head, and decide by it how large the body may be."""
        super().parse_header(header_plus)
        limits = self._limits
        trusted = self._server.trusts(self.headers.get("AUTHORIZATION", ""))
        most = limits.body if trusted is False else limits.trusted_body
        self.size = most if self.chunked else self.content_length
        self.adj = copy.copy(self._server.adj)
        self.adj.max_request_body_size = 1 + (most if self.chunked else limits.trusted_body)  # refused if reached
        if limits.body < self.size <= limits.trusted_body:
            self.unverified = trusted is None
            if trusted is False:
                text = f"wanted the header Authorization with credentials for a body of more than {limits.body} bytes"
                self.error = RequestError(HTTPStatus.UNAUTHORIZED, text)
            elif self._server.body_bytes() > limits.bodies or self._server.unverified() > 1:  # this one is among them
                text = "too many large requests at the moment; send it again"
                self.error = RequestError(HTTPStatus.SERVICE_UNAVAILABLE, text)

    def _refuse(self) -> None:
        """End the request here, whatever else its client sends."""
        if not isinstance(self.error, RequestError):
            status = HTTPStatus(self.error.code)
            self.error = RequestError(status, self._wanted(status) or self.error.body)
        self.completed = True
        self._server.usage.refused[REFUSALS.get(HTTPStatus(self.error.code), Refusal.MALFORMED)] += 1

    def _wanted(self, status: HTTPStatus) -> str:
        if status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            return f"wanted at most {self._limits.head} bytes of request line and headers"
        if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return f"wanted a body of at most {self._limits.trusted_body} bytes"
        return ""
