"""A mixin: the shipped rules and dashboards with other names, links and thresholds, and nothing else changed."""

from __future__ import annotations

import json
import re
from pathlib import PurePath
from typing import Any

import pytest
import yaml

from grafana.panel_data import DASHBOARDS, panels
from ray_watcher.mixin.config import AlertEntry, Config, Jobs, Thresholds
from ray_watcher.mixin.files import files
from ray_watcher.mixin.rules import THRESHOLDS
from support import rules_data

OTHER = Config(
    cluster_label="ray",
    jobs=Jobs(exporter="ns/exporter", scaler="ns/scaler"),
    grafana_url="https://grafana.example.org/",
    runbook_url="https://wiki.example.org/ray",
    ray_dashboard_url="https://ray.example.org",
    thresholds=Thresholds(snapshot_age_seconds=30, failed_launches=2, failed_reconciles=5),
    alerts={
        "RayNoLeader": AlertEntry.model_validate({"for": "5m"}),
        "RayAtMaxWorkers": AlertEntry(severity="info"),
        "RayScalingPaused": AlertEntry(enabled=False),
    },
)


def rules(config: Config) -> dict[str, dict[str, Any]]:
    """Every rule of a mixin by its name."""
    contents = [yaml.safe_load(text) for path, text in files(config).items() if path.suffix == ".yml"]
    listed = [rule for content in contents for group in content["groups"] for rule in group["rules"]]
    return {rule.get("alert") or rule["record"]: rule for rule in listed}


def board(name: str, config: Config) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(files(config)[PurePath("dashboards", f"{name}.json")])
    return content


def test_without_a_config_it_is_what_is_shipped() -> None:
    assert list(rules(Config()).values()) == rules_data.rules()
    for path in DASHBOARDS.glob("*.json"):
        assert board(path.stem, Config()) == json.loads(path.read_text(encoding="utf-8"))


def test_every_file_says_where_it_comes_from_and_has_the_intervals_of_its_groups() -> None:
    texts = {path.name: text for path, text in files(OTHER).items() if path.suffix == ".yml"}

    assert all(text.startswith("# Written by") for text in texts.values())
    assert "interval: 250ms" in texts["scaling.yml"]


def test_rules_keep_no_trace_of_the_other_label_but_for_the_scaler() -> None:
    made = rules(OTHER)

    for rule in made.values():
        assert not re.search(r"(?<![\w:])cluster(?![\w:])", rule["expr"])
        assert "$labels.cluster" not in str(rule.get("annotations"))
    read_by_scaler = {name for name, rule in made.items() if "cluster" in rule.get("labels", {})}
    scaling = {name for name, rule in made.items() if "ray_scale" in rule.get("labels", {})}
    assert read_by_scaler == scaling | {"RayWatchdog"}
    assert {made[name]["labels"]["cluster"] for name in read_by_scaler} == {"{{ $labels.ray }}"}


def test_jobs_and_links_are_the_configs() -> None:
    made = rules(OTHER)

    assert made["RayExporterDown"]["expr"] == 'up{job="ns/exporter"} == 0'
    for name, rule in made.items():
        if "annotations" in rule:
            assert rule["annotations"]["runbook_url"] == f"https://wiki.example.org/ray/{name}"
            assert rule["annotations"]["dashboard_url"].startswith("https://grafana.example.org/d/ray-watcher-")
            assert rule["annotations"]["dashboard_url"].endswith("?var-cluster={{ $labels.ray }}")


@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_threshold_is_in_one_place_of_its_rule(name: str) -> None:
    place, [shipped] = (
        THRESHOLDS[name],
        [rule for rule in rules_data.alerts() if rule["alert"] == THRESHOLDS[name].alert],
    )
    default = f"{getattr(Thresholds(), name):g}"

    assert [found[1] for found in re.finditer(place.expression + r"([0-9.]+)\b", shipped["expr"])] != []
    assert re.findall(place.expression + rf"{default}\b", shipped["expr"]) != []
    if place.sentence:
        assert len(re.findall(place.sentence + rf"{default}\b", shipped["annotations"]["description"])) == 1


def test_thresholds_are_in_expressions_and_in_words() -> None:
    made = rules(OTHER)

    assert "raycluster_snapshot_age_seconds) > 30\n" in made["RaySnapshotStale"]["expr"]
    assert "older than 30 seconds" in " ".join(made["RaySnapshotStale"]["annotations"]["description"].split())
    assert made["RayLaunchesFailing"]["expr"].rstrip().endswith(") > 2")
    assert made["RayReconcilesFailing"]["expr"].endswith(">= 5")


def test_an_alert_can_be_more_patient_less_severe_or_left_out() -> None:
    made, shipped = rules(OTHER), rules(Config())

    assert made["RayNoLeader"]["for"] == "5m"
    assert "5 minutes" in made["RayNoLeader"]["annotations"]["description"]
    assert made["RayAtMaxWorkers"]["labels"]["severity"] == "info"
    assert set(shipped) - set(made) == {"RayScalingPaused"}


@pytest.mark.parametrize("alert", [a for a in rules_data.alerts() if "for" in a], ids=lambda a: str(a["alert"]))
def test_a_time_that_is_said_in_words_is_the_rules(alert: dict[str, Any]) -> None:
    texts = " ".join(" ".join(alert["annotations"].values()).split())
    said = set(re.findall(r"[Ff]or (\d+ seconds|\d+ minutes|a minute|an hour)", texts))

    assert said <= {WORDS[alert["for"]]}


WORDS = {"15s": "15 seconds", "30s": "30 seconds", "1m": "a minute", "1h": "an hour"}


@pytest.mark.parametrize("name", ["cluster", "scaler"])
def test_dashboards_select_by_the_label_and_keep_their_variable(name: str) -> None:
    made = board(name, OTHER)
    queries = [target["expr"] for panel in panels(made) for target in panel["targets"]]
    queries += [event["expr"] for event in made["annotations"]["list"]]
    variables = {variable["name"]: variable for variable in made["templating"]["list"]}

    assert all('ray=~"$cluster"' in query or 'job="alertmanager"' in query for query in queries)
    assert not [query for query in queries if re.search(r"(?<![\w:$])cluster(?![\w:])", query)]
    assert variables["cluster"]["query"] == "label_values(raycluster_up, ray)"
    assert variables["ray_dashboard"]["query"] == "https://ray.example.org"


def test_legends_and_columns_of_tables_are_the_labels() -> None:
    made = json.dumps(board("scaler", OTHER))

    assert "{{cluster}}" not in made
    assert "{{ray}}" in made
    [alerts] = [panel for panel in panels(board("scaler", OTHER)) if panel["title"] == "Alerts now"]
    [arranged] = [one["options"] for one in alerts["transformations"] if one["id"] == "organize"]
    assert arranged["renameByName"]["ray"] == "Cluster"
    assert "ns/exporter|ns/scaler" in made
