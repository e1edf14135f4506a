"""`POST /alerts`: Alertmanager's webhook, as an ASGI application in front of the pages.

A notification is answered 200 only after it is on disk, 4xx where it can never be accepted (Alertmanager drops it),
and 503 where it should be sent again (Alertmanager retries). One event loop reads what all connections bring, and
what they bring at the same moment is one transaction.
"""

from __future__ import annotations

import json
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from a2wsgi import WSGIMiddleware

from scaler.alerting import payload
from scaler.model.errors import InvalidAlertError, JournalError
from scaler.web.auth import JSON_TYPE, LARGEST_BODY_BYTES, refusal
from scaler.web.group_commit import Groups
from scaler.web.pages import create_pages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from scaler.web.auth import Answer
    from scaler.web.pages import ScalerApi

    Scope = Mapping[str, Any]
    Receive = Callable[[], Awaitable[Mapping[str, Any]]]
    Send = Callable[[Mapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = structlog.get_logger()

PATH = "/alerts"
PAGE_THREADS = 4  # for people and scrapes


class Webhook:
    """Takes the notifications of `api`'s cluster; `pages` answers all other requests."""

    def __init__(self, api: ScalerApi, pages: App) -> None:
        self._api = api
        self._pages = pages
        self._groups = Groups(api.journal.absorb_all)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._pages(scope, receive, send)
            return
        try:
            document, code = await self._answer(scope, receive)
        except _DisconnectedError:
            return
        except Exception:
            log.exception("notification failed")
            document, code = {"error": "the scaler failed; its log says why"}, HTTPStatus.INTERNAL_SERVER_ERROR
        self._api.metrics.webhooks.labels(str(int(code))).inc()
        body = json.dumps(document).encode()
        headers = [(b"content-type", JSON_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        if code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append((b"allow", b"POST"))
        await send({"type": "http.response.start", "status": int(code), "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            return {"error": f"{scope['method']} {PATH}: wanted POST"}, HTTPStatus.METHOD_NOT_ALLOWED
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if refused := refusal(self._api.token, headers.get(b"authorization", ""), headers.get(b"content-type", "")):
            return refused
        try:
            received = payload.read(await _body(receive), self._api.clock.now(), self._api.cluster)
            absorbed = await self._groups.do(received.alerts)
        except _TooLargeError:
            error = f"wanted at most {LARGEST_BODY_BYTES} bytes; Alertmanager's max_alerts makes them fewer"
            return {"error": error}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        except InvalidAlertError as error:
            log.warning("notification refused", problem=str(error))
            return {"error": str(error)}, HTTPStatus.BAD_REQUEST
        except JournalError as error:
            log.warning("notification not stored", problem=str(error))
            return {"error": f"{error}; send it again"}, HTTPStatus.SERVICE_UNAVAILABLE
        self._account_for(received)
        self._api.metrics.webhook_duplicates.inc(absorbed.repeated)
        self._api.wakeup.wake("webhook")
        told = {"accepted": len(received.alerts), "news": absorbed.news, "ignored": received.ignored}
        return {**told, "problems": list(received.problems)}, HTTPStatus.OK

    def _account_for(self, received: payload.Received) -> None:
        for problem in received.problems:
            log.warning("alert not used as meant", problem=problem)
        counts = Counter("firing" if alert.firing else "resolved" for alert in received.alerts)
        counts.update(ignored=received.ignored - received.other_cluster, other_cluster=received.other_cluster)
        for state, count in counts.items():
            self._api.metrics.webhook_alerts.labels(state).inc(count)


def create_app(api: ScalerApi) -> Webhook:
    """The scaler's HTTP side: the webhook, and Flask's pages behind it."""
    pages: Any = create_pages(api)  # a2wsgi's types are its own kinds of dict
    behind: Any = WSGIMiddleware(pages, PAGE_THREADS)
    return Webhook(api, behind)


class _TooLargeError(Exception):
    """A body beyond `LARGEST_BODY_BYTES`."""


class _DisconnectedError(Exception):
    """The caller is gone before all of its body came; nobody waits for an answer."""


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _DisconnectedError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY_BYTES:
            raise _TooLargeError
        more = message.get("more_body", False)
    return b"".join(parts)
