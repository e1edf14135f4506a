"""The exporter's settings: addresses of Ray and of the exporter, and the thresholds of the alert rules."""

from __future__ import annotations

from pydantic import Field

from ray_watcher_common.program.settings import AbsolutePath, HostPort, ProgramSettings
from ray_watcher_common.web.config import WEB_CONFIG_FILE, WebConfigFile


class ExporterSettings(ProgramSettings):
    """All settings of the exporter; the description of each has its unit."""

    listen: HostPort = Field(
        "127.0.0.1:9811",
        validation_alias="WATCHER_EXPORTER_LISTEN",
        description="address of /metrics and /state",
    )
    web_config_file: AbsolutePath | None = Field(
        None, validation_alias="WATCHER_EXPORTER_WEB_CONFIG_FILE", description=f"{WEB_CONFIG_FILE} of the exporter"
    )
    cpu_threshold: float = Field(
        0.8,
        validation_alias="WATCHER_CPU_THRESHOLD",
        ge=0,
        le=1,
        description="used share of CPUs, 0 to 1, above which the alert RayHighCpuUtilization fires",
    )
    gcs_deadline: float = Field(
        1, validation_alias="WATCHER_GCS_DEADLINE", gt=0, description="seconds to wait for an answer of the GCS"
    )
    scrape_wait: float = Field(
        0.1,  # a read takes a millisecond; a frozen Ray must not exceed the shipped scrape_timeout of 250 ms
        validation_alias="WATCHER_SCRAPE_WAIT",
        gt=0,
        description="seconds a scrape waits for a new read before it uses the last one",
    )

    def web(self) -> WebConfigFile:
        """TLS, users and headers of the pages. Raises `SettingsError`."""
        return WebConfigFile(self.web_config_file, "WATCHER_EXPORTER_WEB_CONFIG_FILE")
