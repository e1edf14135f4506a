"""The cluster that an alert names when it reaches the scaler. Pure.

The scaler acts on alerts of its own cluster (WATCHER_CLUSTER) and on those that name none. Prometheus adds its external
labels to alerts that lack them, and `alert_relabel_configs` may change any label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray_watcher.checks.matchers import Matcher
from ray_watcher.checks.matching import mapping
from scaler.alerting.payload import DIRECTION_LABEL, WORKER_TYPE_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ray_watcher.checks.rules import ScalingAlert
    from ray_watcher_common.documents.findings import Finding
    from ray_watcher_common.documents.yaml_lines import Document

CLUSTER = "cluster"
OURS = (CLUSTER, DIRECTION_LABEL, WORKER_TYPE_LABEL)
DROPPING = frozenset({"drop", "keep", "dropequal", "keepequal"})


def cluster_findings(document: Document, alerts: Sequence[ScalingAlert], cluster: str) -> Iterator[Finding]:
    """What `prometheus.yml` makes of the labels of `alerts`."""
    content = document.value if isinstance(document.value, dict) else {}
    external = mapping(mapping(content.get("global")).get("external_labels"))
    if str(external.get(CLUSTER, cluster)) != cluster:
        yield from _foreign(document, alerts, str(external[CLUSTER]), cluster)
    alerting = mapping(content.get("alerting"))
    relabelling = alerting.get("alert_relabel_configs")
    for number, rule in enumerate(relabelling if isinstance(relabelling, list) else []):
        if isinstance(rule, dict) and (label := _changed(rule)):
            where = ("alerting", "alert_relabel_configs", number)
            yield document.warning(where, f"may change or remove the label {label}, by which the scaler reads alerts")


def _foreign(document: Document, alerts: Sequence[ScalingAlert], external: str, cluster: str) -> Iterator[Finding]:
    where = ("global", "external_labels", CLUSTER)
    wrong = f"external label cluster is {external!r}, but this cluster is {cluster!r} (WATCHER_CLUSTER)"
    lacking = [alert.name for alert in alerts if CLUSTER not in alert.labels]
    if lacking:
        yield document.warning(
            where,
            f"{wrong}: {', '.join(lacking)} would count as of another cluster unless their series have the label",
        )


def _changed(rule: Mapping[str, Any]) -> str | None:
    """The first of our labels that the relabelling may change; whole alerts that it drops count as `alertname`."""
    action = str(rule.get("action", "replace")).lower()
    if action == "labeldrop":
        return next((label for label in OURS if _may_match(str(rule.get("regex", ".*")), label)), None)
    if action == "labelkeep":
        return next((label for label in OURS if not _may_match(str(rule.get("regex", ".*")), label)), None)
    if action in DROPPING:
        return None
    return next((label for label in OURS if rule.get("target_label") == label), None)


def _may_match(expression: str, label: str) -> bool:
    return bool(Matcher("", "=~", expression).holds({"": label}))  # promtool reports one that is none
