"""What `prometheus.yml` makes of the labels by which the scaler reads alerts."""

from __future__ import annotations

import pytest

from ray_watcher.checks.clusters import cluster_findings
from ray_watcher.checks.rules import ScalingAlert
from ray_watcher_common.documents import yaml_lines
from support.rules_data import SHIPPED

BARE = ScalingAlert("Bare", {"ray_scale": "up"})
NAMED = ScalingAlert("Named", {"ray_scale": "up", "cluster": "blue"})


def found(text: str) -> list[str]:
    document = yaml_lines.parse(text, "p.yml", as_text=True)
    return [f"{one.line}: {one.message}" for one in cluster_findings(document, (BARE, NAMED), "blue")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param((SHIPPED / "prometheus.yml").read_text(encoding="utf-8"), id="as shipped"),
        pytest.param("global: {external_labels: {cluster: blue, replica: a}}", id="the same cluster"),
        pytest.param("alerting: {alert_relabel_configs: [{regex: replica, action: labeldrop}]}", id="others dropped"),
        pytest.param(
            "alerting: {alert_relabel_configs: [{regex: 'cluster|ray_scale|worker_type|x', action: labelkeep}]}",
            id="ours kept",
        ),
        pytest.param("[]", id="no configuration"),
        pytest.param("global: x\nalerting: {alert_relabel_configs: [x]}", id="no settings"),
    ],
)
def test_labels_that_arrive_as_the_rule_has_them_are_let_be(text: str) -> None:
    assert found(text) == []


def test_an_external_label_of_another_cluster_is_named_with_the_alerts_that_get_it() -> None:
    [line] = found("global:\n  external_labels:\n    cluster: us1\n")

    assert line.startswith("3: external label cluster is 'us1'")
    assert ("Bare" in line, "Named" in line) == (True, False)


@pytest.mark.parametrize(
    ("rule", "label"),
    [
        ("{target_label: cluster, replacement: x}", "cluster"),
        ("{target_label: ray_scale, replacement: x}", "ray_scale"),
        ("{regex: 'ray_.*', action: labeldrop}", "ray_scale"),
        ("{regex: 'severity|cluster|ray_scale', action: labelkeep}", "worker_type"),
    ],
)
def test_relabelling_of_our_labels_is_named(rule: str, label: str) -> None:
    [line] = found(f"alerting:\n  alert_relabel_configs:\n    - {rule}\n")

    assert line.startswith("3: ")
    assert f" {label}," in line
