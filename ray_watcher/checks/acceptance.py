"""Whether the scaler accepts what Alertmanager's webhook sends: address, credentials, body. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ray_watcher.checks.matching import mapping
from ray_watcher.stack.monitoring import SCALER_RECEIVER
from ray_watcher_common.urls import shown_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ray_watcher_common.documents.findings import Finding
    from ray_watcher_common.documents.yaml_lines import Document
    from ray_watcher_common.documents.yaml_models import Place

WEBHOOK_PATH = "/alerts"
FALSE = frozenset({"false", "no", "off", "n"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
NO_BEARER = {
    "basic_auth": "a user name and password",
    "oauth2": "an OAuth 2 token",
    "sigv4": "a signature",
}
"""What `http_config` can send in place of a bearer token."""


@dataclass(frozen=True)
class Scaler:
    """What the scaler wants: `HOST:PORT` where it listens, its cluster and receiver, whether it has a token or users.

    `expiry`: seconds after which it forgets an alert without news. `is_filled_in`: start-watcher puts address and token
    into this file when it starts Alertmanager.
    """

    listen: str
    expiry: float
    receiver: str = SCALER_RECEIVER
    cluster: str = "default"
    has_token: bool = False
    scheme: str = "http"
    users: frozenset[str] = frozenset()
    is_filled_in: bool = False

    @property
    def has_users(self) -> bool:
        """Whether a user's password is as good as the token."""
        return bool(self.users)


@dataclass(frozen=True)
class Webhook:
    """One webhook of a receiver, with its place; `is_first` of that receiver."""

    place: Place
    receiver: str
    content: Mapping[str, Any]
    is_first: bool = True

    @property
    def url(self) -> str:
        """Where it posts; "" if a file has the address."""
        return str(self.content.get("url", ""))

    @property
    def has_the_path(self) -> bool:
        """Whether the scaler would answer there; an address in a file is believed."""
        return "url_file" in self.content or urlsplit(self.url).path.endswith(WEBHOOK_PATH)

    def is_the_scalers(self, scaler: Scaler) -> bool:
        """Whether it is meant for the scaler, however wrong its path: by its address or its receiver's name."""
        named = self.receiver in {SCALER_RECEIVER, scaler.receiver}
        return named or self.has_the_path or _is_address(self.url, scaler.listen)

    def is_filled_in(self, scaler: Scaler) -> bool:
        """Whether start-watcher replaces address and credentials."""
        return scaler.is_filled_in and self.is_first and self.receiver == SCALER_RECEIVER


def webhook_findings(document: Document, hook: Webhook, scaler: Scaler) -> Iterator[Finding]:
    """What keeps the scaler from accepting, or from understanding, what this webhook sends."""
    if not hook.is_filled_in(scaler):
        yield from _address_findings(document, hook, scaler)
        yield from _credential_findings(document, hook, scaler)
    yield from _other_credential_findings(document, hook, scaler)
    if "payload" in hook.content:
        where = (*hook.place, "payload")
        yield document.error(where, "payload: the scaler accepts Alertmanager's own body only; remove it")
    if str(hook.content.get("send_resolved", "")).lower() in FALSE:
        yield document.error(
            (*hook.place, "send_resolved"),
            "send_resolved is off: the scaler would learn only by WATCHER_ALERT_EXPIRY that an alert has ended",
        )
    if str(hook.content.get("max_alerts", "0")) != "0":
        yield document.warning(
            (*hook.place, "max_alerts"),
            f"max_alerts is {hook.content['max_alerts']}: the scaler does not receive the rest",
        )


def _address_findings(document: Document, hook: Webhook, scaler: Scaler) -> Iterator[Finding]:
    where = (*hook.place, "url")
    if not hook.has_the_path:
        yield document.error(where, f"url: got {shown_url(hook.url)!r}, wanted one that ends in {WEBHOOK_PATH}")
    elif "url_file" in hook.content:
        return
    elif not _is_address(hook.url, scaler.listen):
        yield document.warning(
            where,
            f"url: got {shown_url(hook.url)!r}, but the scaler listens on {scaler.listen} (WATCHER_LISTEN); "
            "right only if that address leads to it",
        )
    elif urlsplit(hook.url).scheme != scaler.scheme:
        serves = "serves TLS there" if scaler.scheme == "https" else "does not serve TLS there"
        yield document.error(
            where,
            f"url: got {shown_url(hook.url)!r}, wanted {scaler.scheme}: the scaler {serves} (WATCHER_WEB_CONFIG_FILE)",
        )


def _credential_findings(document: Document, hook: Webhook, scaler: Scaler) -> Iterator[Finding]:
    """The token of `authorization` is not compared: it may stand in a file of another machine."""
    config = mapping(hook.content.get("http_config"))
    authorization = mapping(config.get("authorization"))
    if not (scaler.has_token or scaler.has_users) or "bearer_token" in config or "bearer_token_file" in config:
        return
    if scaler.has_users and urlsplit(hook.url).username:
        return
    if not authorization and not NO_BEARER.keys() & config.keys():
        yield document.error(
            (*hook.place, "http_config"),
            "http_config: sends no token, but the scaler wants one (WATCHER_TOKEN, WATCHER_TOKEN_FILE); wanted "
            "`authorization: {type: Bearer, credentials_file: FILE}`"
            if scaler.has_token
            else "http_config: sends no password, but the scaler has users (WATCHER_WEB_CONFIG_FILE); wanted "
            "`basic_auth: {username: USER, password_file: FILE}`",
        )


def _other_credential_findings(document: Document, hook: Webhook, scaler: Scaler) -> Iterator[Finding]:
    config = mapping(hook.content.get("http_config"))
    place = (*hook.place, "http_config")
    for key, what in NO_BEARER.items():
        if key in config and not (key == "basic_auth" and scaler.has_users):
            yield document.error((*place, key), f"{key}: sends {what}; the scaler accepts only a bearer token")
    if scaler.has_users and (user := mapping(config.get("basic_auth")).get("username")) not in {None, *scaler.users}:
        known = " or ".join(sorted(scaler.users))
        yield document.error((*place, "basic_auth", "username"), f"basic_auth: got user {user!r}, wanted {known}")
    kind = str(mapping(config.get("authorization")).get("type", "Bearer"))
    if kind.strip().lower() != "bearer":
        where = (*place, "authorization", "type")
        yield document.error(where, f"authorization: got type {kind!r}, wanted Bearer")


def _is_address(url: str, listen: str) -> bool:
    """Whether the URL leads to `listen` (`HOST:PORT`); all names of loopback are one, 0.0.0.0 is every host."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return False
    host, _, wanted_port = listen.rpartition(":")
    own = host.strip("[]")
    same_host = parts.hostname == own or own in {"0.0.0.0", "::"} or {parts.hostname, own} <= LOOPBACK  # noqa: S104
    return same_host and str(port) == wanted_port
