"""Who may send us something: callers with the scaler's token or a password, that are no web page in a browser."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ray_watcher_common.web.config import WebConfig
from ray_watcher_common.web.limits import MIB, Limits
from ray_watcher_common.web.problems import problem
from ray_watcher_common.web.users import Users

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = tuple[dict[str, Any], int]
"""A JSON document and the HTTP status it goes with."""

JSON_TYPE = "application/json"
LIMITS = Limits(threads=16, trusted_body=2 * MIB, bodies=8 * MIB)  # a notification of 1,000 alerts is below 1 MB


@dataclass
class Callers:
    """Who may do what, by the header Authorization: a holder of `token`, if there is one, and the users of `web`.

    A reload replaces `token`; the one before is no longer valid then.

    Who may ask may also change something, except that with a token and no users everybody may ask.
    """

    token: str | None = None
    web: Callable[[], WebConfig] = WebConfig
    _users: Users = field(default_factory=Users)

    def may_ask(self, authorization: str) -> bool:
        """Whether a request that changes nothing is answered. Raises `BusyError`."""
        return not self.web().users or self._is_known(authorization)

    def may_change(self, authorization: str) -> bool:
        """Whether a request may change something. Raises `BusyError`."""
        return (self.token is None and not self.web().users) or self._is_known(authorization)

    def trusts(self, authorization: str) -> bool | None:
        """`may_change` without computing a hash; None: that is needed to know."""
        users = self.web().users
        if (self.token is None and not users) or presents(self.token, authorization):
            return True
        return self._users.known(users, authorization)

    def refusal(self, authorization: str, content_type: str) -> Answer | None:
        """Why a caller with these headers may not change anything; None where it may. Raises `BusyError`."""
        if not self.may_change(authorization):
            wanted = "the header 'Authorization: Bearer TOKEN' with the scaler's token" if self.token else "a password"
            return refused(HTTPStatus.UNAUTHORIZED, f"wanted {wanted}")
        if content_type.partition(";")[0].strip().lower() != JSON_TYPE:  # a browser's page sends anything else unasked
            detail = f"got Content-Type {content_type!r}, wanted {JSON_TYPE}"
            return refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
        return None

    def _is_known(self, authorization: str) -> bool:
        return presents(self.token, authorization) or self._users.check(self.web().users, authorization)


def refused(status: HTTPStatus, detail: str) -> Answer:
    """The answer to a request that is refused."""
    return problem(status, detail), status


def presents(token: str | None, authorization: str) -> bool:
    """Whether the header `authorization` has the token."""
    scheme, _, presented = authorization.partition(" ")
    given = presented.strip().encode()
    return token is not None and scheme.lower() == "bearer" and hmac.compare_digest(given, token.encode())
