"""The policy, the alert rules and Alertmanager's route of one installation, read and checked together."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray_watcher.checks import rules
from ray_watcher.checks.acceptance import Scaler
from ray_watcher.checks.clusters import cluster_findings
from ray_watcher.checks.route import route_findings, watchdog_findings
from ray_watcher.stack.doors import exporter_door, scaler_door
from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.documents.findings import Finding, Severity, in_order
from ray_watcher_common.program.settings import SettingsError
from ray_watcher_common.web.config import WebConfig, WebConfigError
from ray_watcher_common.web.config_reader import read as web_config
from scaler.alerting.payload import DIRECTION_LABEL, WATCHDOG
from scaler.config import policy_file
from scaler.config.settings import DEFAULT_WORKER_TYPE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ray_watcher.checks.rules import ScalingAlert
    from ray_watcher.settings import OperatorSettings
    from ray_watcher_common.documents.yaml_lines import Document
    from scaler.config.settings import ScalerSettings

RULE_FILES = ("*.yml", "*.yaml")


@dataclass(frozen=True)
class Files:
    """Files to check. Without `policy`, the environment describes one worker type; `rules` are files or directories."""

    policy: Path | None
    rules: tuple[Path, ...]
    alertmanager: Path
    prometheus: Path
    are_filled_in: bool = False  # start-watcher puts addresses and token into both configurations


@dataclass(frozen=True)
class Report:
    """The checked files and the findings."""

    policy: str | None
    worker_types: tuple[str, ...]
    rules: tuple[str, ...]
    alerts: int
    scaling_alerts: tuple[str, ...]
    alertmanager: str
    prometheus: str
    findings: tuple[Finding, ...] = ()

    def count(self, severity: Severity) -> int:
        """Number of findings of that severity."""
        return sum(found.severity is severity for found in self.findings)

    def document(self) -> dict[str, Any]:
        """The document for scripts."""
        return {
            "version": 1,
            **asdict(self),
            "findings": [{**asdict(found), "severity": found.severity.value} for found in self.findings],
            "errors": self.count(Severity.ERROR),
            "warnings": self.count(Severity.WARNING),
        }


@dataclass
class _Reading:
    """Reads documents and collects findings."""

    findings: list[Finding] = field(default_factory=list)

    def read(self, path: Path, *, as_text: bool) -> Document | None:
        try:
            return yaml_lines.read(path, shown(path), as_text=as_text)
        except yaml_lines.UnreadableError as error:
            self.findings.append(error.finding)
            return None


def check_files(files: Files, settings: OperatorSettings) -> Report:
    """Read the files and report every mistake in and between them; an unreadable file is one."""
    reading = _Reading()
    web = _check_web(reading, settings)
    names = _check_policy(reading, files.policy, settings)
    paths = _rule_files(reading, files.rules)
    documents = [document for path in paths if (document := reading.read(path, as_text=True))]
    alerts = _check_rules(reading, documents, names, settings.cluster)
    if document := reading.read(files.alertmanager, as_text=True):
        scaler = _scaler(settings, web, is_filled_in=files.are_filled_in)
        reading.findings += route_findings(document, alerts, scaler)
        if any(rules.has_alert(one, WATCHDOG) for one in documents):
            reading.findings += watchdog_findings(document, scaler)
    if document := reading.read(files.prometheus, as_text=True):
        reading.findings += cluster_findings(document, alerts, settings.cluster)
    return Report(
        policy=shown(files.policy) if files.policy else None,
        worker_types=tuple(sorted(names or ())),
        rules=tuple(map(shown, paths)),
        alerts=sum(map(rules.alert_count, documents)),
        scaling_alerts=tuple(alert.name for alert in alerts),
        alertmanager=shown(files.alertmanager),
        prometheus=shown(files.prometheus),
        findings=in_order(tuple(reading.findings)),
    )


def _scaler(settings: ScalerSettings, web: WebConfig, *, is_filled_in: bool) -> Scaler:
    return Scaler(
        listen=settings.listen,
        expiry=settings.alert_expiry,
        receiver=settings.alertmanager_receiver,
        cluster=settings.cluster,
        has_token=settings.token is not None or settings.token_file is not None,
        scheme=web.scheme,
        users=frozenset(web.users),
        is_filled_in=is_filled_in,
    )


def _check_web(reading: _Reading, settings: OperatorSettings) -> WebConfig:
    """The scaler's web configuration, empty if it cannot be used; the exporter's is checked too."""
    usable = [_read_web(reading, path) for path in (settings.web_config_file, settings.exporter_web_config_file)]
    if None not in usable:
        try:
            exporter_door(settings)
            scaler_door(settings)
        except SettingsError as error:
            reading.findings.append(Finding("environment", None, str(error)))
    return usable[0] or WebConfig()


def _read_web(reading: _Reading, path: Path | None) -> WebConfig | None:
    try:
        return web_config(path, shown(path)) if path else WebConfig()
    except WebConfigError as error:
        reading.findings += error.findings
        return None


def shown(path: Path) -> str:
    """The path as a user would type it: relative if it is below the current directory."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  # keep the name of a link as the user gave it
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def _check_policy(reading: _Reading, path: Path | None, settings: ScalerSettings) -> frozenset[str] | None:
    """Names of the worker types; None if the file cannot be read."""
    if path is None:
        return frozenset({DEFAULT_WORKER_TYPE})
    document = reading.read(path, as_text=False)
    if document is None:
        return None
    reading.findings += policy_file.check(document, settings)[1]
    return policy_file.type_names(document)


def _check_rules(
    reading: _Reading, documents: Sequence[Document], worker_types: Collection[str] | None, cluster: str
) -> tuple[ScalingAlert, ...]:
    for document in documents:
        reading.findings += rules.rule_findings(document, worker_types, cluster)
    alerts = tuple(alert for document in documents for alert in rules.scaling_alerts(document))
    if documents and not alerts:
        message = f"no alert has the label {DIRECTION_LABEL}: up or down, so none can scale"
        reading.findings.append(Finding(documents[0].path, None, message, Severity.WARNING))
    return alerts


def _rule_files(reading: _Reading, given: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in given:
        files = sorted(file for pattern in RULE_FILES for file in path.glob(pattern)) if path.is_dir() else [path]
        if not files:
            reading.findings.append(Finding(shown(path), None, f"contains no rule file ({' or '.join(RULE_FILES)})"))
        found += files
    return found
