"""What every rule keeps, whatever it measures: its labels, its words, its page, its names."""

from __future__ import annotations

import re
from typing import Any

import pytest

from exporter.metrics.catalog import CATALOG as EXPORTER_CATALOG
from exporter.settings import ExporterSettings
from grafana.panel_data import dashboard
from scaler.model.decision import ACTION_CAUSES, HELD_CAUSES
from scaler.telemetry.metrics import CATALOG as SCALER_CATALOG
from support import rules_data

ALERTS = {alert["alert"]: alert for alert in rules_data.alerts()}
SCALING = {name: alert for name, alert in ALERTS.items() if "ray_scale" in alert["labels"]}
LABELS = {family.name: set(family.labels) for family in EXPORTER_CATALOG} | {
    name: set(metric.labels) for name, metric in SCALER_CATALOG.items()
}
LABELS = rules_data.AWAITED | LABELS
SCALER_URL = (
    '{{ with query "last_over_time(rayscaler_info[1h])" }}{{ . | first | label "url" }}'
    "{{ else }}http://127.0.0.1:9812{{ end }}"
)
"""Where the scaler says that people reach it; its default if Prometheus has not seen it for an hour."""
GRAFANA_URL = SCALER_URL.replace('"url"', '"grafana_url"').replace("9812", "3000")
DASHBOARD = re.compile(re.escape(GRAFANA_URL) + r"/d/(?P<uid>[\w-]+)\?var-cluster=\{\{ \$labels\.cluster \}\}")
UIDS = {dashboard(name)["uid"] for name in ("cluster", "scaler")}
TARGET_LABELS = {"job", "instance", "cluster"}
each_alert = pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)
each_rule = pytest.mark.parametrize("rule", rules_data.rules(), ids=lambda rule: rule.get("alert", rule.get("record")))


@each_alert
def test_an_alert_says_how_bad_it_is_what_it_is_and_where_to_read_on(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"none", "info", "warning", "critical"}
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"]
    assert alert["annotations"]["runbook_url"] == f"{SCALER_URL}/runbooks/{alert['alert']}"
    leads = DASHBOARD.fullmatch(alert["annotations"]["dashboard_url"])
    assert leads
    assert leads["uid"] in UIDS


@each_alert
def test_an_alert_has_a_page_with_meaning_check_and_remedy(alert: dict[str, Any]) -> None:
    page = (rules_data.ROOT / "docs" / "runbooks" / f"{alert['alert']}.md").read_text(encoding="utf-8")

    assert page.startswith(f"# {alert['alert']}\n")
    assert all(part in page for part in ("**Means.**", "**Check", "**Do.**"))


@each_alert
def test_an_alert_stands_in_the_list_of_alerts(alert: dict[str, Any]) -> None:
    listed = (rules_data.ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")

    assert f"| [{alert['alert']}](runbooks/{alert['alert']}.md) |" in listed


@pytest.mark.parametrize("alert", [a for a in ALERTS.values() if a["alert"] not in SCALING], ids=lambda a: a["alert"])
def test_the_list_has_the_severity_and_the_patience_of_a_health_alert(alert: dict[str, Any]) -> None:
    listed = (rules_data.ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    [row] = re.findall(rf"^\| \[{alert['alert']}\].*$", listed, re.MULTILINE)
    _, _, severity, _, patience, why, _ = (cell.strip() for cell in row.split("|"))

    assert severity == alert["labels"]["severity"]
    assert patience == re.sub(r"(\d+)(\w)", r"\1 \2", alert.get("for", "\N{EN DASH}"))
    assert why


def test_every_page_is_of_an_alert() -> None:
    assert {page.stem for page in (rules_data.ROOT / "docs" / "runbooks").glob("*.md")} == set(ALERTS)


@each_alert
def test_no_label_holds_a_figure(alert: dict[str, Any]) -> None:
    assert all("{{" not in value for value in alert["labels"].values())


@pytest.mark.parametrize("alert", SCALING.values(), ids=SCALING)
def test_no_usual_inhibit_rule_hits_a_scaling_alert(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] == "none"  # not warning or info, which critical alerts mute


def test_three_alerts_permit_scaling() -> None:
    directions = {name: alert["labels"]["ray_scale"] for name, alert in SCALING.items()}

    assert directions == {"RayPendingTasks": "up", "RayHighCpuUtilization": "up", "RayWorkersIdle": "down"}


@pytest.mark.parametrize("alert", SCALING.values(), ids=SCALING)
def test_a_scaling_alert_does_not_wait_and_reads_no_sample_of_unknown_age(alert: dict[str, Any]) -> None:
    bare = re.findall(r"raycluster_\w+(?:\{[^}]*\})?(?!\w|\{|\[)", alert["expr"])

    assert "for" not in alert
    assert bare == []


@each_rule
def test_a_rule_reads_only_metrics_that_are_served_or_recorded(rule: dict[str, Any]) -> None:
    assert rules_data.metrics_in(rule["expr"]) <= {*LABELS, *rules_data.recorded()}


@each_rule
def test_a_rule_selects_by_labels_that_the_metric_has(rule: dict[str, Any]) -> None:
    for metric, label in rules_data.matched_labels_in(rule["expr"]):
        if metric in LABELS:
            assert label in LABELS[metric] | TARGET_LABELS


def test_causes_and_actions_named_in_rules_exist() -> None:
    known = {cause.value for causes in (*ACTION_CAUSES.values(), HELD_CAUSES) for cause in causes}
    known_actions = {action.value for action in ACTION_CAUSES}
    expressions = " ".join(rule["expr"] for rule in rules_data.rules())

    assert {c for text in re.findall(r'cause=~?"([^"]+)"', expressions) for c in text.split("|")} <= known
    assert set(re.findall(r'action="([^"]+)"', expressions)) <= known_actions


@pytest.mark.parametrize("name", rules_data.recorded())
def test_a_recorded_name_is_level_metric_operations(name: str) -> None:
    assert re.fullmatch(r"cluster(_[a-z]+)*:ray(cluster|scaler)_[a-z_]+:[a-z0-9_]+", name)


@pytest.mark.parametrize("name", ALERTS)
def test_promtool_sees_the_alert_fire_and_stay_silent(name: str) -> None:
    expectations = [
        case["exp_alerts"]
        for test in rules_data.promtool_tests()
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == name
    ]

    assert any(expectations)
    assert not all(expectations)


@pytest.mark.parametrize("name", rules_data.recorded())
def test_promtool_sees_the_series_recorded(name: str) -> None:
    evaluated = [
        case["expr"]
        for test in rules_data.promtool_tests()
        for case in test.get("promql_expr_test", [])
        if case["exp_samples"]
    ]

    assert any(name in expression for expression in evaluated)


def test_a_scrape_of_the_exporter_outlasts_its_wait_for_a_frozen_cluster() -> None:
    jobs = rules_data.prometheus()["scrape_configs"]
    timeout = next(job["scrape_timeout"] for job in jobs if job["job_name"] == "ray-exporter")

    assert timeout.endswith("ms")
    assert ExporterSettings.model_fields["scrape_wait"].default < float(timeout.removesuffix("ms")) / 1000
