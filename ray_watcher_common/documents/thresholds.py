"""`thresholds` of the policy file: exporter and scaler read them, and so does a reload of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.documents.yaml_models import validated
from ray_watcher_common.program.settings import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from ray_watcher_common.documents.findings import Finding
    from ray_watcher_common.documents.yaml_lines import Document

SECTION = "thresholds"


class ThresholdsEntry(BaseModel):
    """Thresholds of the shipped alerts; what is left out comes from the environment."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    pending_threshold: int | None = Field(
        None, ge=0, description="pending requests above which the alert RayPendingTasks fires"
    )
    cpu_threshold: float | None = Field(
        None, ge=0, le=1, description="used share of CPUs, 0 to 1, above which the alert RayHighCpuUtilization fires"
    )
    idle_timeout: float | None = Field(
        None, ge=0, description="idle seconds above which the alert RayWorkersIdle fires, and a worker may be drained"
    )


def thresholds_of(document: Document, findings: list[Finding]) -> dict[str, float]:
    """The thresholds that the file sets, by the names of their settings; adds mistakes to `findings`."""
    content = document.value.get(SECTION) if isinstance(document.value, dict) else None
    entry = None if content is None else validated(ThresholdsEntry, document, (SECTION,), findings)
    return entry.model_dump(exclude_none=True) if entry else {}


def read_thresholds(path: Path | None) -> dict[str, float]:
    """The thresholds of the policy file at `path`; none without a file. Raises `SettingsError`.

    The rest of the file is the scaler's, which checks it.
    """
    if path is None:
        return {}
    try:
        document = yaml_lines.read(path)
    except yaml_lines.UnreadableError as error:
        raise SettingsError(f"policy file {error}") from None
    findings: list[Finding] = []
    found = thresholds_of(document, findings)
    if findings:
        raise SettingsError("\n".join(f"policy file {one}" for one in findings))
    return found
