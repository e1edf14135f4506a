"""The scaler's HTTP side: the webhook, and the pages."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from ray_watcher_common.web.application import Access, new_app
from ray_watcher_common.web.problems import reply
from scaler.model.errors import JournalError
from scaler.web import runbooks
from scaler.web.auth import LIMITS, refused

if TYPE_CHECKING:
    from collections.abc import Collection

    from flask import Flask

    from scaler.web.auth import Callers
    from scaler.web.pages import ScalerApi
    from scaler.web.webhook import Webhook


def create_app(pages: ScalerApi, webhook: Webhook, callers: Callers, hosts: Collection[str] = ()) -> Flask:
    """The WSGI application; for `hosts` see `Access`."""
    app = new_app("scaler.web", Access(hosts, callers.may_ask, lambda: callers.web().headers))
    app.config["MAX_CONTENT_LENGTH"] = LIMITS.trusted_body
    app.register_error_handler(JournalError, lambda error: reply(*refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error))))
    pages.add_to(app)
    runbooks.add_to(app)
    webhook.add_to(app)
    return app
