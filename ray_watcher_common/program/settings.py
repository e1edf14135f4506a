"""Typed settings from the environment, with errors a person can act on.

Each program has one settings model that extends `EnvSettings`. A field names its environment variable as
its alias, its unit in its description; `load` is the only way in, so that every mistake is reported in the same form.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ray_watcher_common.program.environment import CLIENT_CERTIFICATE, CLIENT_KEY, mistakes
from ray_watcher_common.ray_auth import NO_TOKEN, RayToken
from ray_watcher_common.urls import shown_url, user_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

GCS_PORT = 6379  # Ray's default for `ray start --head --port`


class SettingsError(ValueError):
    """The environment holds values that cannot be used; the message has one line for each."""


class EnvSettings(BaseSettings):
    """Base of all settings models: environment first, an empty variable counts as unset."""

    model_config = SettingsConfigDict(
        allow_inf_nan=False,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )


def _host_port(value: str) -> str:
    scheme, separator, address = value.partition("://")
    if separator:
        raise ValueError(f"wants HOST:PORT without {scheme}://, such as {address.partition('/')[0]}")
    host, _, port = value.rpartition(":")
    if not HOST.fullmatch(host) or not PORT.fullmatch(port) or not 0 < int(port) <= LAST_PORT:
        raise ValueError("wants HOST:PORT with a port from 1 to 65535")
    return value


HOST = re.compile(r"\[[0-9A-Fa-f:.]+(%\w+)?\]|[^\s\[\]/@:?#]+")  # IPv6 in brackets, or a name or IPv4 address
PORT, LAST_PORT = re.compile(r"[0-9]{1,5}"), 65535
HostPort = Annotated[str, AfterValidator(_host_port)]
"""`HOST:PORT`, for example `127.0.0.1:9811`."""


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # not a port, or brackets that are not an address
        usable = False
    if not usable:
        raise ValueError("wants http://HOST:PORT/PATH")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
"""A URL as `requests` takes it, for example `http://localhost:8265/api`."""

HttpUrls = Annotated[str, AfterValidator(lambda urls: ",".join(_http_url(url.strip()) for url in urls.split(",")))]
"""One URL or several, with commas between them."""


def links_of(text: str) -> tuple[tuple[str, str], ...]:
    """Names and URLs of `NAME=URL,NAME=URL`. Raises `ValueError`."""
    pairs = [entry.strip().partition("=") for entry in text.split(",")]
    for name, _, url in pairs:
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise ValueError("wants NAME=URL,NAME=URL with a name before each URL")
        _http_url(url.strip())
    return tuple((name.strip(), url.strip()) for name, _, url in pairs)


def _links(text: str) -> str:
    links_of(text)
    return text


LONGEST_NAME = 40
Links = Annotated[str, AfterValidator(_links)]
"""`NAME=URL,NAME=URL`; a comma within a URL is `%2C`."""


def _absolute(path: Path) -> Path:
    if not str(path).isprintable():
        raise ValueError("wants a path without line breaks and other control characters")
    try:
        return path.expanduser().resolve()
    except (RuntimeError, OSError) as error:
        raise ValueError(f"wants a path that exists on this machine: {error}") from None


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
"""A path that means the same in every directory; `~` is the user's home."""


def _not_blank(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise ValueError("wants a secret, not blanks")
    return value


Secret = Annotated[SecretStr, AfterValidator(_not_blank)]
"""A secret as the value of a variable. Blanks are refused: they would stand for no secret at all."""


def split_host_port(address: str) -> tuple[str, int]:
    """Host and port of an address that a `HostPort` field has checked."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


class ClusterAddresses(EnvSettings):
    """Addresses and token of the Ray cluster."""

    ray_head_address: HostPort = Field(
        default="localhost:10001",
        validation_alias="RAY_HEAD_ADDRESS",
        description="Ray head and its client port; only the host is used, see RAY_GCS_ADDRESS",
    )
    ray_gcs_address: HostPort | None = Field(
        default=None,
        validation_alias="RAY_GCS_ADDRESS",
        description="Ray's GCS; unset: port 6379 on the host of RAY_HEAD_ADDRESS",
    )
    ray_dashboard_metric_api: HttpUrl = Field(
        default="http://localhost:8265/api",
        validation_alias="RAY_DASHBOARD_METRIC_API",
        description="base URL of Ray's dashboard API",
    )

    ray_auth_mode: Literal["token", "disabled"] = Field(
        default="token",
        validation_alias="RAY_AUTH_MODE",
        description="whether clusters of start-ray require a token; disabled: no token is made or sent",
    )
    ray_auth_token: Secret | None = Field(
        default=None, validation_alias="RAY_AUTH_TOKEN", description="token of the Ray cluster"
    )
    ray_auth_token_path: AbsolutePath | None = Field(
        default=None,
        validation_alias="RAY_AUTH_TOKEN_PATH",
        description="file with the token of the Ray cluster; unset: that of start-ray, if it made one; commands take "
        "the token of a head on this machine from the head itself",
    )

    @property
    def given_ray_token(self) -> RayToken:
        """The cluster's token from the environment."""
        if self.ray_auth_mode == "disabled":
            return NO_TOKEN
        given = self.ray_auth_token.get_secret_value() if self.ray_auth_token else None
        return RayToken(given, self.ray_auth_token_path)

    @property
    def gcs_address(self) -> str:
        """`HOST:PORT` of the GCS."""
        return self.ray_gcs_address or f"{self.ray_head_address.rpartition(':')[0]}:{GCS_PORT}"


Settings = TypeVar("Settings", bound=EnvSettings)


def password_mistake(variable: str, file: Path | None, url_variable: str, urls: Iterable[str]) -> str | None:
    """What is wrong with the file of a password for the user in each of `urls`; None if nothing is."""
    if file is None:
        return None
    if not os.access(file, os.R_OK):
        return f"{variable}: got {str(file)!r}, wanted a file that can be read"
    for url in urls:
        if not user_of(url) or urlsplit(url).password:
            return f"{url_variable}: got {shown_url(url)!r}, wanted http://USER@HOST:PORT with {variable}"
    return None


def load(model: type[Settings], **overrides: object) -> Settings:
    """Read `model` from the environment; `overrides` (by field name) win.

    Raises `SettingsError` with one line per bad value: its variable, what it got, what it wants.
    """
    wrong = list(mistakes(os.environ))
    try:
        loaded = model(**overrides)
    except ValidationError as error:
        wrong += [_explain(model, detail) for detail in error.errors()]
    if wrong:
        raise SettingsError("\n".join(wrong))
    return loaded


def variables(*models: type[EnvSettings]) -> list[str]:
    """The environment variables of the models' fields."""
    return [str(field.validation_alias) for model in models for field in model.model_fields.values()]


_WANTED = {
    "bool_parsing": "true or false",
    **dict.fromkeys(("byte_size", "byte_size_unit"), "a size such as 8GB"),
    **dict.fromkeys(("float_parsing", "float_type"), "a number"),
    **dict.fromkeys(("int_from_float", "int_parsing", "int_type"), "a whole number"),
}
"""Clearer words for some of pydantic's errors, by its names for them."""


def wanted(detail: ErrorDetails) -> str:
    """What a value has to be, to stand after `wanted`."""
    if known := _WANTED.get(detail["type"]):
        return known
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ").removeprefix("wants ")
    return text.replace("String should match pattern", "text that matches")


def _explain(model: type[EnvSettings], detail: ErrorDetails) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if not name:
        return wanted(detail)
    field = model.model_fields.get(name) or next(
        (f for f in model.model_fields.values() if f.validation_alias == name), None
    )
    variable = field.validation_alias if field else name
    meaning = f" ({field.description})" if field and field.description else ""
    return f"{variable}: got {_shown(field, detail['input'])}, wanted {wanted(detail)}{meaning}"


def _shown(field: FieldInfo | None, value: object) -> str:
    """What was got, without the passwords of URLs, and nothing of a secret."""
    return "a value" if field and "Secret" in str(field.annotation) else shown_url(repr(value))


class ProgramSettings(ClusterAddresses):
    """What exporter and scaler both read: the exporter makes it thresholds of alerts, the scaler its limits."""

    client_cert_file: AbsolutePath | None = Field(
        default=None,
        validation_alias=CLIENT_CERTIFICATE,
        description="PEM file of the certificate that our programs present to servers that want one",
    )
    client_key_file: AbsolutePath | None = Field(
        default=None, validation_alias=CLIENT_KEY, description="PEM file of its key; unset: the same file has both"
    )

    policy_file: AbsolutePath | None = Field(
        None,
        validation_alias="WATCHER_POLICY_FILE",
        description="YAML file with worker types, limits, schedules and thresholds (docs/policy.md); unset: one type, "
        "from these variables",
    )
    reload_interval: float = Field(
        0,
        validation_alias="WATCHER_RELOAD_INTERVAL",
        ge=0,
        le=86400,
        description="seconds between looks at policy file and token files for changes; 0: they are read again on "
        "SIGHUP and POST /-/reload alone",
    )
    pending_threshold: int = Field(
        0,
        validation_alias="WATCHER_PENDING_THRESHOLD",
        ge=0,
        description="pending requests above which the alert RayPendingTasks fires",
    )
    idle_timeout: float = Field(
        60,
        validation_alias="WATCHER_IDLE_TIMEOUT",
        ge=0,
        description="idle seconds after which a worker may be drained; the alert RayWorkersIdle fires above it",
    )
    stale_after: float = Field(
        15,
        validation_alias="WATCHER_STALE_AFTER",
        gt=0,
        description="age in seconds above which the state of the cluster is stale, and not used",
    )
