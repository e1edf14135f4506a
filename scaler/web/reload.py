"""`POST /-/reload`: read policy file and token file again, as Prometheus and Alertmanager do at the same address."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import request

from ray_watcher_common.program.reloading import HTTP
from ray_watcher_common.web.application import refuse_web_pages
from ray_watcher_common.web.problems import reply
from scaler.control.reload import ReloadError
from scaler.web.auth import JSON_TYPE, refused

if TYPE_CHECKING:
    from flask import Response

    from scaler.control.reload import Reloader
    from scaler.web.auth import Callers


def answer(reloader: Reloader, callers: Callers) -> Response:
    """The changes; or 500, as Prometheus answers, with the mistakes in the files. The old token is the one to send.

    `curl -X POST` sends no Content-Type; a page of another site in a browser sends an Origin.
    """
    refuse_web_pages()
    if no := callers.refusal(request.headers.get("Authorization", ""), JSON_TYPE):
        return reply(*no)
    try:
        return reply({"changes": list(reloader.reload(HTTP))})
    except ReloadError as error:
        return reply(*refused(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)))
