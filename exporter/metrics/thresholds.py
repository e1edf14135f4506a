"""The thresholds of the alert rules: of the policy file, else of the environment; a reload reads the file again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from exporter.metrics.families import Thresholds
from ray_watcher_common.program.settings import SettingsError

if TYPE_CHECKING:
    from exporter.settings import ExporterSettings

log = structlog.get_logger()


class CurrentThresholds:
    """`value` is what holds now. Raises `SettingsError` for a file that cannot be used; later, such a one is logged."""

    def __init__(self, settings: ExporterSettings) -> None:
        self._settings = settings
        self.value = _read(settings)

    def reload(self, trigger: str) -> str:
        """Read the file again; one with a mistake changes nothing. Returns the mistakes, "" if there are none."""
        try:
            self.value = _read(self._settings)
        except SettingsError as error:
            log.error("thresholds not reloaded", trigger=trigger, problem=str(error))  # noqa: TRY400
            return str(error)
        log.info("thresholds reloaded", trigger=trigger, **vars(self.value))
        return ""


def _read(settings: ExporterSettings) -> Thresholds:
    given: dict[str, float] = {}
    if settings.policy_file:  # YAML takes memory that an exporter without a file saves
        from ray_watcher_common.documents.thresholds import read_thresholds

        given = read_thresholds(settings.policy_file)
    return Thresholds(
        pending=int(given.get("pending_threshold", settings.pending_threshold)),
        cpu_ratio=given.get("cpu_threshold", settings.cpu_threshold),
        idle_seconds=given.get("idle_timeout", settings.idle_timeout),
    )
