"""What a mixin may have otherwise, as a YAML file. What the file leaves out stays as it is shipped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ray_watcher.errors import UnusableFileError
from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.documents.yaml_models import validated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ray_watcher_common.documents.findings import Finding

LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
DURATION = r"^(\d+)(s|m|h)$"
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
Job = Annotated[str, Field(min_length=1, pattern=r'^[^"|\\]+$')]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Jobs(_Entry):
    """Names of scrape jobs."""

    exporter: Job = Field(default="ray-exporter", description="job of the exporter")
    scaler: Job = Field(default="ray-scaler", description="job of the scaler")
    alertmanager: Job = Field(default="alertmanager", description="job of Alertmanager")


class Thresholds(_Entry):
    """From where on health alerts fire. Scaling thresholds are settings of the exporter: docs/settings.md."""

    snapshot_age_seconds: float = Field(default=10, gt=0, description="age of the snapshot for RaySnapshotStale")
    failed_launches: int = Field(
        default=0, ge=0, description="failed launches in 5 minutes that RayLaunchesFailing allows"
    )
    failed_reconciles: int = Field(
        default=3, ge=1, description="failed reconciles in 5 minutes for RayReconcilesFailing"
    )


class AlertEntry(_Entry):
    """What one health alert has otherwise."""

    enabled: bool = Field(default=True, description="false: leave the alert out")
    severity: Literal["critical", "warning", "info"] | None = Field(
        default=None, description="critical, warning or info"
    )
    patience: str | None = Field(
        default=None, alias="for", pattern=DURATION, description="a time such as 30s, 5m or 1h"
    )


class Config(_Entry):
    """The whole file."""

    cluster_label: str = Field(default="cluster", pattern=LABEL, description="label that distinguishes Ray clusters")
    jobs: Jobs = Field(default=Jobs(), description="names of scrape jobs")
    grafana_url: Url | None = Field(default=None, description="base URL of Grafana, for dashboard_url")
    runbook_url: Url | None = Field(default=None, description="URL to which a slash and the alert's name are added")
    ray_dashboard_url: Url | None = Field(default=None, description="Ray's own dashboard, as people reach it")
    thresholds: Thresholds = Field(default=Thresholds(), description="thresholds of health alerts")
    alerts: dict[str, AlertEntry] = Field(default={}, description="health alerts by name")


def read(path: Path) -> Config:
    """The file's content. Raises `UnusableFileError` with one line for each mistake."""
    try:
        document = yaml_lines.read(path)
    except yaml_lines.UnreadableError as error:
        raise UnusableFileError(str(error)) from None
    findings: list[Finding] = list(document.problems)
    for place, model in _parts(document.value):
        validated(model, document, place, findings)  # each against its own keys
    config = None if findings else validated(Config, document, (), findings)
    if config is None:
        raise UnusableFileError("\n".join(map(str, findings)))
    return config


def _parts(content: Any) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """The places of the file that have keys of their own."""
    content = content if isinstance(content, dict) else {}
    for name, model in (("jobs", Jobs), ("thresholds", Thresholds)):
        if name in content:
            yield (name,), model
    alerts = content.get("alerts")
    for alert in alerts if isinstance(alerts, dict) else ():
        yield ("alerts", str(alert)), AlertEntry


def words(duration: str) -> str:
    """`30s` as people say it: "30 seconds", "a minute"."""
    found = re.fullmatch(DURATION, duration)
    if found is None:
        raise ValueError(f"got {duration!r}, wanted a time such as 30s, 5m or 1h")
    count, (one, several) = int(found[1]), _UNITS[found[2]]
    return one if count == 1 else f"{count} {several}"


_UNITS = {"s": ("a second", "seconds"), "m": ("a minute", "minutes"), "h": ("an hour", "hours")}
