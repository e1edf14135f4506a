"""The scaler's HTTP side: the webhook, and the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import jsonify

from ray_watcher_common.web.application import new_app
from scaler.model.errors import JournalError
from scaler.web import runbooks
from scaler.web.auth import LIMITS

if TYPE_CHECKING:
    from collections.abc import Collection

    from flask import Flask

    from scaler.web.pages import ScalerApi
    from scaler.web.webhook import Webhook


def create_app(pages: ScalerApi, webhook: Webhook, hosts: Collection[str] = ()) -> Flask:
    """The WSGI application; for `hosts` see `new_app`."""
    app = new_app("scaler.web", hosts)
    app.config["MAX_CONTENT_LENGTH"] = LIMITS.trusted_body
    app.register_error_handler(JournalError, lambda error: (jsonify(error=str(error)), 503))
    pages.add_to(app)
    runbooks.add_to(app)
    webhook.add_to(app)
    return app
