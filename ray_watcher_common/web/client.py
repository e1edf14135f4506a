"""The one way to ask another program over HTTP: no proxies, no endless waits, the certificates of the environment."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth

from ray_watcher_common.program.environment import CA_VARIABLES, ca_file, client_certificate
from ray_watcher_common.urls import user_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KNOWN: Mapping[type[requests.RequestException], str] = {
    requests.Timeout: "timed out",
    requests.exceptions.InvalidURL: "not a URL",
    requests.exceptions.MissingSchema: "not a URL",
    requests.exceptions.JSONDecodeError: "not JSON",
}
Timeouts = tuple[float, float]  # seconds to connect, and between two bytes of the answer


class _Bounded(HTTPAdapter):
    """Requests without a timeout of their own get this one, and the credentials of `auth`, if any."""

    def __init__(self, timeouts: Timeouts, auth: AuthBase | None = None) -> None:
        super().__init__()
        self._timeouts, self._auth = timeouts, auth

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send with the timeouts."""
        options["timeout"] = options.get("timeout") or self._timeouts
        if self._auth is not None and "Authorization" not in request.headers:
            request = self._auth(request)
        return super().send(request, *args, **options)


class PasswordFile(AuthBase):
    """The user of the URL, and the password in the file at `path`, which is read for each request: it may change."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header. Raises `UnreadablePasswordError`."""
        try:
            password = self._path.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "is not text in UTF-8"
            raise UnreadablePasswordError(f"cannot read the password in {self._path}: {why}") from error
        signed: requests.PreparedRequest = HTTPBasicAuth(user_of(request.url or "").encode(), password.encode())(
            request
        )
        return signed


class Bearer(AuthBase):
    """A bearer token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class UnreadablePasswordError(requests.RequestException):
    """There is no password to send."""


def session(
    timeouts: Timeouts, environment: Mapping[str, str] = os.environ, password_file: Path | None = None
) -> requests.Session:
    """A session for programs of ours and their neighbours; `password_file` belongs to the user in its URLs.

    `~/.netrc` and the proxies of the environment are for the web, and are not used.
    """
    made = requests.Session()
    made.trust_env = False
    made.verify = ca_file(environment) or True
    made.cert = client_certificate(environment)
    made.auth = PasswordFile(password_file) if password_file else None
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Bounded(timeouts))
    return made


def sign(made: requests.Session, url: str, auth: AuthBase, timeouts: Timeouts) -> None:
    """Make `made` present `auth` wherever a URL begins with `url`."""
    made.mount(f"{url.rstrip('/')}/", _Bounded(timeouts, auth))


def why(error: requests.RequestException) -> str:
    """Why a request failed, in a few words without URLs and addresses of Python objects."""
    if error.response is not None:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, UnreadablePasswordError):
        return str(error)
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
