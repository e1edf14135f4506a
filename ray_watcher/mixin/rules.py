"""The shipped rules with the names, links and thresholds of a `Config`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray_watcher.mixin.config import words
from ray_watcher.mixin.promql import with_jobs, with_label, with_label_in_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ray_watcher.mixin.config import AlertEntry, Config

CLUSTER = "cluster"
"""The shipped label, and the one that the scaler reads."""

SHIPPED_JOBS = {"exporter": "ray-exporter", "scaler": "ray-scaler", "alertmanager": "alertmanager"}
WATCHDOG = "RayWatchdog"
_SCALER_URL = re.compile(r"^\{\{ with query .*?\{\{ end \}\}")
"""How the shipped annotations find the scaler, or Grafana: by what the scaler says of itself."""


@dataclass(frozen=True)
class Threshold:
    """Where an alert has its threshold: behind `expression`, a pattern, and in its description behind `sentence`."""

    alert: str
    expression: str
    sentence: str = ""


THRESHOLDS = {
    "snapshot_age_seconds": Threshold("RaySnapshotStale", r"(raycluster_snapshot_age_seconds\) > )", "(older than )"),
    "failed_launches": Threshold("RayLaunchesFailing", r"(\) > )"),
    "failed_reconciles": Threshold("RayReconcilesFailing", r"(>= )"),
}
_NUMBER = r"[0-9.]+\b"


def for_scaler(alert: Mapping[str, Any]) -> bool:
    """Whether the scaler, not a person, reads the alert: what permits scaling, and the watchdog."""
    return "ray_scale" in alert["labels"] or alert["alert"] == WATCHDOG


def jobs(config: Config) -> Mapping[str, str]:
    """The new name of each shipped job."""
    return {shipped: getattr(config.jobs, name) for name, shipped in SHIPPED_JOBS.items()}


def expression(text: str, config: Config) -> str:
    """A PromQL expression with the config's label and jobs."""
    return with_jobs(with_label(text, CLUSTER, config.cluster_label), jobs(config))


def rule_file(content: dict[str, Any], config: Config) -> dict[str, Any]:
    """A rule file, a mapping as YAML has it, for `config`; alerts that are not enabled are left out."""
    return {"groups": [{**group, "rules": list(_rules(group["rules"], config))} for group in content["groups"]]}


def _rules(shipped: list[dict[str, Any]], config: Config) -> Iterator[dict[str, Any]]:
    for rule in shipped:
        entry = config.alerts.get(rule.get("alert", ""))
        if entry is None or entry.enabled:
            yield _rule(_with_entry(rule, entry), config)


def _rule(rule: dict[str, Any], config: Config) -> dict[str, Any]:
    made = {**rule, "expr": expression(rule["expr"], config)}
    if "alert" not in rule:
        return made
    if for_scaler(rule):
        made["labels"] = _labels(rule["labels"], config)
    made["annotations"] = {name: _annotation(name, text, rule, config) for name, text in rule["annotations"].items()}
    return _with_thresholds(made, config)


def _labels(labels: dict[str, str], config: Config) -> dict[str, str]:
    """What is for the scaler keeps the label `cluster` too, by which the scaler knows its own cluster's."""
    return (
        labels if config.cluster_label == CLUSTER else {**labels, CLUSTER: f"{{{{ $labels.{config.cluster_label} }}}}"}
    )


def _annotation(name: str, text: str, rule: dict[str, Any], config: Config) -> str:
    if name == "runbook_url" and config.runbook_url:
        return f"{config.runbook_url.rstrip('/')}/{rule['alert']}"
    if name == "dashboard_url" and config.grafana_url:
        text = _SCALER_URL.sub(lambda _: str(config.grafana_url).rstrip("/"), text)
    return with_label_in_template(text, CLUSTER, config.cluster_label)


def _with_entry(rule: dict[str, Any], entry: AlertEntry | None) -> dict[str, Any]:
    """The rule with the severity and patience of `entry`; its texts name the new time."""
    made = dict(rule)
    if entry and entry.severity:
        made["labels"] = {**rule["labels"], "severity": entry.severity}
    if entry and entry.patience:
        made["for"] = entry.patience
        if "for" in rule:
            old, new = words(rule["for"]), words(entry.patience)
            made["annotations"] = {name: text.replace(old, new) for name, text in rule["annotations"].items()}
    return made


def _with_thresholds(rule: dict[str, Any], config: Config) -> dict[str, Any]:
    made = dict(rule)
    for name, place in THRESHOLDS.items():
        if place.alert == rule["alert"]:
            number = f"{getattr(config.thresholds, name):g}"
            made["expr"] = re.sub(place.expression + _NUMBER, rf"\g<1>{number}", made["expr"])
            if place.sentence:
                said = re.sub(place.sentence + _NUMBER, rf"\g<1>{number}", made["annotations"]["description"])
                made["annotations"] = {**made["annotations"], "description": said}
    return made
