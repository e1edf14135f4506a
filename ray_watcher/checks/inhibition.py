"""Inhibit rules that can mute an alert that scales: while it is muted, nothing is scaled by it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ray_watcher.checks.matching import all_match, matchers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ray_watcher.checks.rules import ScalingAlert
    from ray_watcher_common.documents.findings import Finding
    from ray_watcher_common.documents.yaml_lines import Document

NAME = "alertname"


def inhibit_findings(document: Document, alerts: Sequence[ScalingAlert]) -> Iterator[Finding]:
    """Each inhibit rule of Alertmanager's file that can mute one of `alerts`."""
    content = document.value if isinstance(document.value, dict) else {}
    listed = content.get("inhibit_rules")
    for number, rule in enumerate(listed if isinstance(listed, list) else []):
        muted = [alert.name for alert in alerts if isinstance(rule, dict) and _can_mute(rule, alert)]
        if muted:
            yield document.warning(
                ("inhibit_rules", number),
                f"can mute {', '.join(muted)}, and nothing is scaled by a muted alert; exempt it, "
                "for example by target_matchers: ['ray_scale=\"\"']",
            )


def _can_mute(rule: Mapping[str, Any], alert: ScalingAlert) -> bool:
    if all_match(matchers_of(rule, "target_"), alert) is False:
        return False
    # With the label in `equal` the muting alert has the same value; of the rest nothing is known.
    equal = rule.get("equal")
    shared = {name: alert.labels[name] for name in (equal if isinstance(equal, list) else []) if name in alert.labels}
    source = replace(alert, labels=shared, possible=None)
    if all_match(matchers_of(rule, "source_"), source) is False:
        return False
    return not _is_itself(rule, alert, shared)


def _is_itself(rule: Mapping[str, Any], alert: ScalingAlert, shared: Mapping[str, str]) -> bool:
    """Whether only alerts of the same name could mute it, and those do not match the rule's source.

    So it is with `equal: [alertname, ...]`, as in kube-prometheus' rules for severities.
    """
    return NAME in shared and all_match(matchers_of(rule, "source_"), alert) is False
