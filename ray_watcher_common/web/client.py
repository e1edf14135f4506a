"""The one way to ask another program over HTTP: no proxies, no endless waits, the CA file of the environment."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter

from ray_watcher_common.program.environment import CA_VARIABLES, ca_file

if TYPE_CHECKING:
    from collections.abc import Mapping

KNOWN: Mapping[type[requests.RequestException], str] = {
    requests.Timeout: "timed out",
    requests.exceptions.InvalidURL: "not a URL",
    requests.exceptions.MissingSchema: "not a URL",
    requests.exceptions.JSONDecodeError: "not JSON",
}
Timeouts = tuple[float, float]  # seconds to connect, and between two bytes of the answer


class _Bounded(HTTPAdapter):
    """Requests without a timeout of their own get this one."""

    def __init__(self, timeouts: Timeouts) -> None:
        super().__init__()
        self._timeouts = timeouts

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send with the timeouts."""
        options["timeout"] = options.get("timeout") or self._timeouts
        return super().send(request, *args, **options)


def session(timeouts: Timeouts, environment: Mapping[str, str] = os.environ) -> requests.Session:
    """A session for programs of ours and their neighbours.

    `~/.netrc` and the proxies of the environment are for the web, and are not used.
    """
    made = requests.Session()
    made.trust_env = False
    made.verify = ca_file(environment) or True
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Bounded(timeouts))
    return made


def why(error: requests.RequestException) -> str:
    """Why a request failed, in a few words without URLs and addresses of Python objects."""
    if error.response is not None:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS failed ({_innermost(error)}); for a CA of your own set {CA_VARIABLES[0]}"
    for kind, reason in KNOWN.items():
        if isinstance(error, kind):
            return reason
    return _innermost(error) if isinstance(error, requests.ConnectionError) else type(error).__name__


def _innermost(error: BaseException) -> str:
    """The reason of the operating system or TLS, at the end of a chain of the library's errors."""
    while inner := _inner(error):
        error = inner
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    reason = error.strerror if isinstance(error, OSError) else None
    return reason.lower() if reason else type(error).__name__


def _inner(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    return error.__cause__ or error.__context__
