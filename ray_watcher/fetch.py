"""HTTP with JSON to a program on this machine, within seconds."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import requests

from ray_watcher_common.shown import shown
from ray_watcher_common.urls import shown_url
from ray_watcher_common.web.client import session, sign, why

if TYPE_CHECKING:
    from requests.auth import AuthBase

POST_TIMEOUTS = (3.0, 15.0)  # what is asked of the loop waits for its next round
TIMEOUTS = (1.0, 3.0)  # loopback answers in milliseconds or not at all


class UnreachableError(Exception):
    """The address does not answer, or not with JSON; the message names the reason."""


def get_json(url: str, params: dict[str, str] | None = None) -> Any:
    """The JSON behind `url`. Raises `UnreachableError`."""
    try:
        reply = _session().get(url, params=params)
        reply.raise_for_status()
        return reply.json()
    except requests.RequestException as error:
        raise UnreachableError(f"{shown_url(url)} is not responding: {_reason(error)}") from error
    except RecursionError:
        raise UnreachableError(f"{shown_url(url)} is not responding: its JSON is nested too deeply") from None


def post_json(url: str, document: dict[str, Any], token: str | None) -> tuple[int, dict[str, Any]]:
    """HTTP status and JSON of the answer to `document`, sent with the bearer `token`. Raises `UnreachableError`."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        reply = _session().post(url, json=document, headers=headers, timeout=POST_TIMEOUTS)
        answer = reply.json()
    except requests.RequestException as error:
        raise UnreachableError(f"{shown_url(url)} is not responding: {_reason(error)}") from error
    return reply.status_code, answer if isinstance(answer, dict) else {}


def refusal(status: int, answer: dict[str, Any]) -> str:
    """Why a program of ours refused, in its own words."""
    return shown(str(answer.get("detail") or f"HTTP {status}"))


def answers(url: str) -> bool:
    """Whether `url` answers with success."""
    try:
        return _session().get(url).ok
    except requests.RequestException:
        return False


def present(url: str, auth: AuthBase) -> None:
    """From now on present `auth` to the program at `url`, a base URL."""
    sign(_session(), url, auth, TIMEOUTS)


@cache
def _session() -> requests.Session:
    """One for the process: it keeps connections open."""
    return session(TIMEOUTS)


def _reason(error: requests.RequestException) -> str:
    """The reason, with the text of the response if there is one."""
    text = _words(error.response) if error.response is not None else ""
    return f"{why(error)}: {text}" if text else why(error)


def _words(response: requests.Response) -> str:
    """What the program answered, of a problem document its detail."""
    try:
        document = response.json()
    except (requests.RequestException, RecursionError):
        document = None
    detail = document.get("detail") if isinstance(document, dict) else None
    return shown(str(detail or response.text.strip())[:200])
