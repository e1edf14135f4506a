"""Each way in which an alert rule says its part in scaling wrongly, and the right ways, which are let be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ray_watcher.checks import rules
from ray_watcher_common.documents import yaml_lines
from support.check_config_golden import broken
from support.rules_data import SHIPPED

if TYPE_CHECKING:
    from pathlib import Path

GROUP = """\
groups:
  - name: g
    rules:
      - alert: A
        expr: {expr}
        {rest}
"""
EXPRESSION = "sum by (cluster) (x) > 0"


def document(rest: str, expr: str = EXPRESSION) -> yaml_lines.Document:
    """One alert; what `rest` says stands on line 6 and after."""
    return yaml_lines.parse(GROUP.format(expr=expr, rest=rest), "r.yml", as_text=True)


def told(rest: str) -> list[str]:
    found = rules.rule_findings(document(rest), {"cpu", "gpu"}, "default")
    return [f"{one.line}: {one.severity.value}: {one.message}" for one in found]


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("labels: {ray_scale: up}", id="up"),
        pytest.param("labels: {ray_scale: down, worker_type: gpu}", id="down, one type"),
        pytest.param("labels: {ray_scale: up}\n        annotations: {step: 3}", id="a step, in quotes or not"),
        pytest.param("labels: {ray_scale: up}\n        annotations: {summary: '{{ $value }}'}", id="a figure told"),
        pytest.param("labels: {ray_scale: up, zone: '{{ $labels.zone }}'}", id="a label copied"),
        pytest.param("labels: {ray_scale: up, zone: '{{- $labels.zone -}}'}", id="a label copied, blanks trimmed"),
        pytest.param("labels: {ray_scale: up, host: '{{ $labels.instance | stripPort }}'}", id="a label changed"),
        pytest.param("""labels: {ray_scale: up, k: '{{ index $labels "k8s.cluster" }}'}""", id="a dotted label"),
        pytest.param(
            "labels: {ray_scale: up, env: '{{ with $labels.env }}{{ . }}{{ else }}prod{{ end }}'}", id="a default"
        ),
        pytest.param("""labels: {ray_scale: up, a: '{{ "$value" }}'}""", id="a text that looks like the value"),
        pytest.param("labels: {ray_scale: up, a: '{{ $externalURL }}'}", id="where Prometheus is"),
        pytest.param("labels: {severity: info}", id="for people"),
        pytest.param("for: 1m", id="neither labels nor annotations"),
    ],
)
def test_a_good_alert_is_let_be(rest: str) -> None:
    assert told(rest) == []


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        pytest.param("labels: {ray_scale: yes}", "6: error: A: label ray_scale is 'yes'", id="no direction"),
        pytest.param("labels: {ray_scale: }", "6: error: A: label ray_scale is ''", id="empty"),
        pytest.param(
            "labels:\n          ray_scale: up\n          waiting: '{{ $value }}'",
            "8: error: A: label waiting is '{{ $value }}'",
            id="a figure in a label",
        ),
        pytest.param(
            "labels: {ray_scale: '{{ if gt $value 0.0 }}up{{ else }}down{{ end }}'}",
            "6: error: A: label ray_scale is '{{ if",
            id="a direction that depends on a figure",
        ),
        pytest.param(
            "labels: {ray_scale: up, waiting: '{{ .Value | humanize }}'}", "6: error: A: label waiting", id="a pipe"
        ),
        pytest.param(
            "labels: {ray_scale: up, a: '{{ $v := $value }}{{ $v }}'}", "6: error: A: label a", id="a variable"
        ),
        pytest.param(
            """labels: {ray_scale: up, a: '{{ query "up" | first | value }}'}""", "6: error: A: label a", id="a query"
        ),
        pytest.param("labels: {ray_scale: up, a: '{{ . }}'}", "6: error: A: label a", id="all that it is given"),
        pytest.param(
            "labels: {ray_scale: up, cluster: eu-prod}", "6: warning: A: label cluster is 'eu-prod'", id="elsewhere"
        ),
        pytest.param(
            "labels: {waiting: '{{ $value }}'}",
            "6: warning: A: label waiting is '{{ $value }}'",
            id="a figure in a label for people",
        ),
        pytest.param(
            "labels: {ray_scale: up, worker_type: '{{ $labels.kind }}'}",
            "6: warning: A: label worker_type is '{{ $labels.kind }}'",
            id="a type that its series says",
        ),
        pytest.param(
            "labels: {ray_scale: up, worker_type: tpu}",
            "6: error: A: worker type 'tpu'",
            id="a type that is not there",
        ),
        *(
            pytest.param(
                f"labels: {{ray_scale: up}}\n        annotations: {{step: {step}}}",
                f"7: error: A: step is '{step.strip(chr(34))}', wanted 1 to 999",
                id=f"step {step}",
            )
            for step in ("0", "1000", "-1", "1.5", "many", '""', "01")
        ),
        pytest.param(
            "labels: {ray_scale: up}\n        annotations: {step: '{{ $value }}'}",
            "7: warning: A: step '{{ $value }}'",
            id="a step that its figure says",
        ),
        pytest.param(
            "labels: {ray_scale: up, step: 1}",
            "6: error: A: step belongs",
            id="a step as label",
        ),
        pytest.param(
            "labels: {ray_scale: up}\n        annotations: {worker_type: cpu}",
            "7: error: A: worker_type belongs",
            id="a type as annotation",
        ),
        pytest.param("annotations: {step: 1}", "6: error: A: has a step", id="a step alone"),
        pytest.param(
            "labels: {worker_type: cpu}",
            "6: warning: A: has a worker_type",
            id="a type alone",
        ),
        pytest.param(
            "annotations: {ray_scale: up}",
            "6: error: A: ray_scale is an annotation",
            id="a direction as annotation",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_line(rest: str, expected: str) -> None:
    [line] = told(rest)
    assert line.startswith(expected)


def test_types_are_not_judged_where_the_policy_cannot_be_read() -> None:
    assert list(rules.rule_findings(document("labels: {ray_scale: up, worker_type: tpu}"), None)) == []


@pytest.mark.parametrize("text", ["[]", "a: b", "groups: x", "x"])
def test_what_is_no_rule_file_is_told(text: str) -> None:
    [found] = rules.rule_findings(yaml_lines.parse(text, "r.yml", as_text=True), set())
    assert str(found).startswith("r.yml:1: wanted ")


@pytest.mark.parametrize("text", ["[x, {}, {rules: x}]", "[{rules: [x, {record: a}, {alert: [b]}]}]"])
def test_what_is_no_rule_is_left_to_promtool(text: str) -> None:
    assert list(rules.rule_findings(yaml_lines.parse(f"groups: {text}", "r.yml", as_text=True), set())) == []


LABELS_OF_A_GROUP = """\
groups:
  - name: g
    labels: {LABELS}
    rules:
      - {alert: A, expr: vector(1), annotations: {step: "1"}}
      - {alert: B, expr: vector(1), labels: {ray_scale: down}}
"""


@pytest.mark.parametrize(
    ("labels", "scaling", "lines"),
    [
        pytest.param("ray_scale: up", {"A": "up", "B": "down"}, [], id="a direction for all"),
        pytest.param("ray_scale: sideways", {"B": "down"}, [3], id="no direction"),
        pytest.param("ray_scale: up, worker_type: none", {"A": "up", "B": "down"}, [3, 3], id="a type for all"),
    ],
)
def test_the_labels_of_a_group_are_those_of_its_rules(labels: str, scaling: dict[str, str], lines: list[int]) -> None:
    group = yaml_lines.parse(LABELS_OF_A_GROUP.replace("LABELS", labels), "r.yml", as_text=True)

    assert {alert.name: alert.labels["ray_scale"] for alert in rules.scaling_alerts(group)} == scaling
    assert [found.line for found in rules.rule_findings(group, {"cpu"})] == lines


def test_only_alerts_with_a_direction_scale() -> None:
    names = [alert.name for alert in rules.scaling_alerts(broken("rules.yml"))]

    assert "Sideways" not in names
    assert "StepWithoutDirection" not in names
    assert {"FigureInLabel", "NoSuchType"} <= set(names)


def test_an_alert_has_its_fixed_labels_and_those_its_expression_names() -> None:
    [alert] = rules.scaling_alerts(document("labels: {ray_scale: up, a: '{{ $value }}'}", "sum by (zone) (x) > 0"))

    assert alert.labels == {"alertname": "A", "ray_scale": "up"}
    assert alert.possible is not None
    assert {"zone", "cluster", "job"} <= alert.possible
    assert "team" not in alert.possible


def test_a_series_that_is_not_aggregated_may_have_any_label() -> None:
    [alert] = rules.scaling_alerts(document("labels: {ray_scale: up}", "queue > 20"))
    assert alert.possible is None


@pytest.mark.parametrize("path", sorted((SHIPPED / "rules").glob("*.yml")), ids=lambda path: path.stem)
def test_the_shipped_rules_have_no_mistake(path: Path) -> None:
    shipped = yaml_lines.read(path, as_text=True)
    assert list(rules.rule_findings(shipped, {"default"})) == []
