"""How the stack's programs ask exporter and scaler, which may serve TLS, and may want users or client certificates."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray_watcher_common.program.environment import ca_file, client_certificate
from ray_watcher_common.program.settings import SettingsError
from ray_watcher_common.urls import user_of

if TYPE_CHECKING:
    from pathlib import Path

    from ray_watcher.settings import OperatorSettings
    from ray_watcher_common.web.config import WebConfig


@dataclass(frozen=True)
class Door:
    """Scheme, and what a client presents; files are absolute. Empty: plain HTTP for everybody."""

    scheme: str = "http"
    ca_file: str | None = None
    certificate: tuple[str, str] | None = None
    user: str = ""
    password_file: Path | None = None
    wants_token: bool = False

    def url(self, address: str) -> str:
        """The base URL at `address` (`HOST:PORT`), without a user."""
        return f"{self.scheme}://{address}"

    def tls_config(self) -> dict[str, str]:
        """`tls_config` of a client in the configuration of Prometheus or Alertmanager."""
        certificate, key = self.certificate or (None, None)
        named = {"ca_file": self.ca_file, "cert_file": certificate, "key_file": key}
        return {name: os.path.abspath(file) for name, file in named.items() if file}  # noqa: PTH100  # links stay

    def client(self) -> dict[str, Any]:
        """Keys for a scrape that asks here; those of a plain one stay as they are written."""
        keys: dict[str, Any] = {}
        if self.scheme == "https":
            keys["scheme"] = self.scheme
            if tls := self.tls_config():
                keys["tls_config"] = tls
        if self.password_file:
            keys["basic_auth"] = {"username": self.user, "password_file": str(self.password_file)}
        return keys


def exporter_door(settings: OperatorSettings) -> Door:
    """How scaler and Prometheus ask the exporter. Raises `SettingsError` if they could not."""
    web = settings.exporter_web().current
    user = user_of(settings.exporter_url)
    if web.users and settings.exporter_password_file is None:
        raise SettingsError(
            "WATCHER_EXPORTER_WEB_CONFIG_FILE: has users, and scaler and Prometheus have to be one of them; "
            f"set WATCHER_EXPORTER_URL to {web.scheme}://USER@{settings.exporter_listen}, and "
            "WATCHER_EXPORTER_PASSWORD_FILE"
        )
    if web.users and user not in web.users:
        known = ", ".join(sorted(web.users))
        raise SettingsError(
            f"WATCHER_EXPORTER_URL: got the user {user!r}, wanted one of the web configuration: {known}"
        )
    return Door(
        **_tls(web, "WATCHER_EXPORTER_WEB_CONFIG_FILE"),
        user=user,
        password_file=settings.exporter_password_file,
    )


def scaler_door(settings: OperatorSettings) -> Door:
    """How Prometheus and Alertmanager ask the scaler; its token is good for every request."""
    web = settings.web().current
    return Door(**_tls(web, "WATCHER_WEB_CONFIG_FILE"), wants_token=bool(web.users))


def _tls(web: WebConfig, variable: str) -> dict[str, Any]:
    if web.context is None:
        return {}
    certificate = client_certificate(os.environ)
    if web.verifies_clients and certificate is None:
        raise SettingsError(f"{variable}: wants clients with certificates; set WATCHER_CLIENT_CERT_FILE to ours")
    return {"scheme": web.scheme, "ca_file": ca_file(os.environ), "certificate": certificate}
