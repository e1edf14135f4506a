"""The web configuration file of Prometheus' programs: TLS, users and headers of an HTTP server.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md. A key that our server has no use
for is refused, so that nobody relies on it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from ray_watcher_common.documents import yaml_lines, yaml_models
from ray_watcher_common.documents.yaml_models import SECRET
from ray_watcher_common.web import tls
from ray_watcher_common.web.config import WebConfig, WebConfigError
from ray_watcher_common.web.tls import VERIFIED, UnusableTlsError

if TYPE_CHECKING:
    from pathlib import Path


def _refused(instead: str) -> AfterValidator:
    def refuse(_value: object) -> object:
        raise ValueError(f"wants it unset: {instead}")

    return AfterValidator(refuse)


InAFile = Annotated[object, _refused("put it into a file, and name that one")]
HASH = re.compile(r"\$2[abxy]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")  # a cost above takes half a minute and more


def _hash(value: str) -> str:
    if not HASH.fullmatch(value):
        raise PydanticCustomError(SECRET, "wants a bcrypt hash with a cost from 4 to 16: htpasswd -nBC 10 USER")
    return value


Hash = Annotated[str, AfterValidator(_hash)]
Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f\x7f]+$")]  # RFC 7617: no colon, no control character
Header = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Tls(_Section):
    cert_file: Text = Field(description="PEM file of the certificate, and of those between it and its CA")
    key_file: Text = Field(description="PEM file of its key")
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: Text | None = Field(None, description="PEM file of the CA of clients' certificates")
    client_allowed_sans: list[Text] = Field(default_factory=list, description="names in clients' certificates")
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"
    cipher_suites: list[Text] = Field(default_factory=list, description="suites of TLS 1.2, by the names of Go")
    prefer_server_cipher_suites: bool = True
    curve_preferences: Annotated[object, _refused("all curves of the TLS library are offered")] = None
    cert: InAFile = None
    key: InAFile = None
    client_ca: InAFile = None

    @model_validator(mode="after")
    def _fits(self) -> _Tls:
        if (self.client_auth_type in VERIFIED) != (self.client_ca_file is not None):
            raise ValueError("wants client_ca_file together with a client_auth_type that verifies, or neither")
        if self.client_allowed_sans and self.client_ca_file is None:
            raise ValueError("wants client_ca_file for client_allowed_sans")
        if self.min_version > self.max_version:
            raise ValueError("wants a min_version that is not above max_version")
        return self


class _Headers(_Section):
    csp: Header | None = Field(None, alias="Content-Security-Policy")
    frames: Literal["deny", "sameorigin", "DENY", "SAMEORIGIN"] | None = Field(None, alias="X-Frame-Options")
    sniff: Literal["nosniff"] | None = Field(None, alias="X-Content-Type-Options")
    xss: Header | None = Field(None, alias="X-XSS-Protection")
    hsts: Header | None = Field(None, alias="Strict-Transport-Security")


class _Http(_Section):
    http2: bool = Field(
        default=True, description="whether clients may speak HTTP/2; all may speak 1.1, which they do here"
    )
    headers: _Headers | None = None


class _File(_Section):
    tls_server_config: _Tls | None = None
    http_server_config: _Http = _Http()
    basic_auth_users: dict[Name, Hash] = Field(default_factory=dict, description="bcrypt hash of each user's password")
    rate_limit: Annotated[object, _refused("this server has limits of its own")] = None


def read(path: Path, shown: str | None = None) -> WebConfig:
    """The file at `path`, called `shown` in messages; paths in it are relative to it. Raises `WebConfigError`."""
    try:
        document = yaml_lines.read(path, shown)
    except yaml_lines.UnreadableError as error:
        if error.finding.message == yaml_lines.EMPTY:
            return WebConfig(files=(path,))  # to Prometheus' programs an empty file is as good as none
        raise WebConfigError([error.finding]) from None
    findings = list(document.problems)
    content = yaml_models.validated(_File, document, (), findings)
    if content is None or findings:
        raise WebConfigError(findings)
    chosen = content.http_server_config.headers
    headers = chosen.model_dump(by_alias=True, exclude_none=True) if chosen else {}
    if content.tls_server_config is None:
        return WebConfig(users=content.basic_auth_users, headers=headers, files=(path,))
    wanted = _tls_files(content.tls_server_config, path.parent)
    try:
        context = tls.context(wanted)
    except UnusableTlsError as error:
        where = ("tls_server_config", error.key)
        raise WebConfigError([document.error(where, f"{yaml_models.key_text(where)}{error}")]) from None
    return WebConfig(
        context=context,
        client_names=frozenset(content.tls_server_config.client_allowed_sans),
        users=content.basic_auth_users,
        headers=headers,
        verifies_clients=wanted.client_auth_type == "RequireAndVerifyClientCert",
        files=(path, *wanted.files),
    )


def _tls_files(section: _Tls, directory: Path) -> tls.Wanted:
    return tls.Wanted(
        cert_file=directory / section.cert_file,
        key_file=directory / section.key_file,
        client_auth_type=section.client_auth_type,
        client_ca_file=directory / section.client_ca_file if section.client_ca_file else None,
        min_version=section.min_version,
        max_version=section.max_version,
        cipher_suites=tuple(section.cipher_suites),
        prefers_own=section.prefer_server_cipher_suites,
    )
