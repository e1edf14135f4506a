"""Typed settings from the environment, with errors a person can act on.

Each program has one settings model that extends `EnvSettings`. A field names its environment variable as
its alias, its unit in its description; `load` is the only way in, so every mistake is told the same way.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ray_watcher_common.ray_auth import NO_TOKEN, RayToken

if TYPE_CHECKING:
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
    host, separator, port = value.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004
        raise ValueError("wants HOST:PORT with a port from 1 to 65535")
    return value


HostPort = Annotated[str, AfterValidator(_host_port)]
"""`HOST:PORT`, for example `127.0.0.1:9811`."""


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    try:
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no port
        usable = False
    if not usable:
        raise ValueError("wants http://HOST:PORT/PATH")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
"""A URL as `requests` takes it, for example `http://localhost:8265/api`."""

HttpUrls = Annotated[str, AfterValidator(lambda urls: ",".join(_http_url(url.strip()) for url in urls.split(",")))]
"""One URL or several, with commas between them."""

AbsolutePath = Annotated[Path, AfterValidator(lambda path: path.expanduser().resolve())]
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
    """Where the Ray cluster answers."""

    ray_head_address: HostPort = Field(
        default="localhost:10001",
        validation_alias="RAY_HEAD_ADDRESS",
        description="Ray head (its client port); the host is used, see RAY_GCS_ADDRESS",
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
        description="whether clusters that start-ray makes want a token; disabled: none is made, and none is sent",
    )
    ray_auth_token: Secret | None = Field(
        default=None, validation_alias="RAY_AUTH_TOKEN", description="token of the Ray cluster"
    )
    ray_auth_token_path: AbsolutePath | None = Field(
        default=None,
        validation_alias="RAY_AUTH_TOKEN_PATH",
        description="file that holds the token of the Ray cluster; unset: that of start-ray, where there is one",
    )

    @property
    def given_ray_token(self) -> RayToken:
        """What the environment says of the cluster's token."""
        if self.ray_auth_mode == "disabled":
            return NO_TOKEN
        given = self.ray_auth_token.get_secret_value() if self.ray_auth_token else None
        return RayToken(given, self.ray_auth_token_path)

    @property
    def gcs_address(self) -> str:
        """`HOST:PORT` of the GCS."""
        return self.ray_gcs_address or f"{self.ray_head_address.rpartition(':')[0]}:{GCS_PORT}"


Settings = TypeVar("Settings", bound=EnvSettings)


def load(model: type[Settings], **overrides: object) -> Settings:
    """Read `model` from the environment; `overrides` (by field name) win.

    Raises `SettingsError` with one line per bad value: its variable, what it got, what it wants.
    """
    try:
        return model(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(model, detail) for detail in error.errors())) from None


_WANTED = {
    "bool_parsing": "true or false",
    **dict.fromkeys(("byte_size", "byte_size_unit"), "a size such as 8GB"),
    **dict.fromkeys(("float_parsing", "float_type"), "a number"),
    **dict.fromkeys(("int_from_float", "int_parsing", "int_type"), "a whole number"),
}
"""What pydantic says less well, by its own names of the errors."""


def wanted(detail: ErrorDetails) -> str:
    """What a value has to be, to stand after `wanted`."""
    if known := _WANTED.get(detail["type"]):
        return known
    said = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ").removeprefix("wants ")
    return said.replace("String should match pattern", "text that matches")


def _explain(model: type[EnvSettings], detail: ErrorDetails) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if not name:
        return wanted(detail)
    field = model.model_fields.get(name) or next(
        (f for f in model.model_fields.values() if f.validation_alias == name), None
    )
    variable = field.validation_alias if field else name
    meaning = f" ({field.description})" if field and field.description else ""
    return f"{variable}: got {detail['input']!r}, wanted {wanted(detail)}{meaning}"


class ProgramSettings(ClusterAddresses):
    """What exporter and scaler both read: the exporter makes it thresholds of alerts, the scaler its limits."""

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
