"""HTTP with JSON to a program on this machine, within seconds."""

from __future__ import annotations

from typing import Any

import requests

_session = requests.Session()
_session.trust_env = False  # our own programs are never behind a proxy

TIMEOUT_SECONDS = (1.0, 3.0)  # to connect, to read: loopback answers in milliseconds or not at all


class UnreachableError(Exception):
    """The address does not answer, or not with JSON; the message says which."""


def get_json(url: str, params: dict[str, str] | None = None) -> Any:
    """The JSON behind `url`. Raises `UnreachableError`."""
    try:
        reply = _session.get(url, params=params, timeout=TIMEOUT_SECONDS)
        reply.raise_for_status()
        return reply.json()
    except requests.RequestException as error:
        raise UnreachableError(f"{url} is not responding: {_reason(error)}") from error
    except RecursionError:
        raise UnreachableError(f"{url} is not responding: its JSON is nested too deeply") from None


def post_json(url: str, document: dict[str, Any], token: str | None) -> tuple[int, dict[str, Any]]:
    """HTTP status and JSON of the answer to `document`, sent with the bearer `token`. Raises `UnreachableError`."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        reply = _session.post(url, json=document, headers=headers, timeout=TIMEOUT_SECONDS)
        answer = reply.json()
    except requests.RequestException as error:
        raise UnreachableError(f"{url} is not responding: {_reason(error)}") from error
    return reply.status_code, answer if isinstance(answer, dict) else {}


def answers(url: str) -> bool:
    """Whether `url` answers with success."""
    try:
        return _session.get(url, timeout=TIMEOUT_SECONDS).ok
    except requests.RequestException:
        return False


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"HTTP {error.response.status_code}: {error.response.text.strip()[:200]}"
    return "connection refused" if "refused" in str(error) else type(error).__name__
