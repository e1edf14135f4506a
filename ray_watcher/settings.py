"""The operator's settings: the scaler's, and where the watcher's other programs listen."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from ray_watcher.cluster.base import HeadOptions
from ray_watcher_common.program.settings import AbsolutePath, HostPort, HttpUrl, split_host_port
from ray_watcher_common.web.config import WEB_CONFIG_FILE, WebConfigFile
from scaler.config.settings import ScalerSettings
from scaler.config.sizes import RAY_ON_THE_HEAD

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

HTTP_PORT = 80  # of a dashboard URL without a port


class OperatorSettings(ScalerSettings):
    """All variables that the command line reads."""

    url: HttpUrl | None = Field(
        None,
        validation_alias="WATCHER_URL",
        description="base URL of a scaler on another host, which is asked instead of this machine's; its token is "
        "WATCHER_TOKEN or in WATCHER_TOKEN_FILE",
    )
    exporter_listen: HostPort = Field(
        "127.0.0.1:9811", validation_alias="WATCHER_EXPORTER_LISTEN", description="address of the exporter"
    )
    exporter_web_config_file: AbsolutePath | None = Field(
        None, validation_alias="WATCHER_EXPORTER_WEB_CONFIG_FILE", description=f"{WEB_CONFIG_FILE} of the exporter"
    )
    prometheus_listen: HostPort = Field(
        "127.0.0.1:9090", validation_alias="WATCHER_PROMETHEUS_LISTEN", description="address of Prometheus"
    )
    alertmanager_listen: HostPort = Field(
        "127.0.0.1:9093", validation_alias="WATCHER_ALERTMANAGER_LISTEN", description="address of Alertmanager"
    )
    prometheus_dir: AbsolutePath | None = Field(
        None,
        validation_alias="WATCHER_PROMETHEUS_DIR",
        description="directory of prometheus.yml, alertmanager.yml and rules/ for start-watcher and check-config, "
        "for example a changed copy that copy-config wrote; unset: the shipped ones",
    )
    serve_port: int = Field(
        0,
        validation_alias="WATCHER_SERVE_PORT",
        ge=0,
        le=65535,
        description="port of this machine that is forwarded to Ray Serve's port 8000 in the head's container; 0: none",
    )

    def exporter_web(self) -> WebConfigFile:
        """TLS, users and headers of the exporter's pages. Raises `SettingsError`."""
        return WebConfigFile(self.exporter_web_config_file, "WATCHER_EXPORTER_WEB_CONFIG_FILE")


def variable(name: str) -> str:
    """The environment variable of the field `name`."""
    return str(field(name).validation_alias)


def field(name: str) -> FieldInfo:
    """The field `name`: type, default, description."""
    return OperatorSettings.model_fields[name]


def as_environment(settings: OperatorSettings) -> dict[str, str]:
    """The variables that give another program the same settings; defaults stay unset."""
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    return {variable(name): _text(value) for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def head_options(settings: OperatorSettings) -> HeadOptions:
    """The Ray head that the settings describe."""
    dashboard = urlsplit(settings.ray_dashboard_metric_api)
    promised = settings.promised(None, None, RAY_ON_THE_HEAD)
    return HeadOptions(
        num_cpus=settings.num_cpus,
        num_gpus=settings.num_gpus,
        object_store_memory=promised.object_store,
        memory=promised.memory or None,
        gcs_port=split_host_port(settings.gcs_address)[1],
        dashboard_port=dashboard.port or HTTP_PORT,
        client_port=split_host_port(settings.ray_head_address)[1],
        serve_port=settings.serve_port,
    )
