"""`ray-watcher mixin`: what promtool says of its rules, and what it says of a file that cannot be used."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ray_watcher.mixin.config import Config
from ray_watcher.mixin.files import files
from ray_watcher.mixin.promql import with_label
from support.command_blocks import block, follow
from support.paths import ROOT
from support.watcher_fakes import World

MIXIN = """\
cluster_label: ray_cluster
grafana_url: https://grafana.example.org
"""


def made(directory: Path, config: str = MIXIN) -> Path:
    """The mixin of a configuration."""
    (directory / "mixin.yml").write_text(config, encoding="utf-8")
    result = World().run("mixin", "--config", str(directory / "mixin.yml"), "--out", str(directory / "out"))
    assert result.exit_code == 0, result.output
    return directory / "out"


def test_the_documents_commands_write_rules_that_promtool_takes(tmp_path: Path) -> None:
    follow(block("docs/mixin.md", "ray-watcher mixin"), instead={"build/mixin": str(tmp_path / "mixin")})

    assert len(list((tmp_path / "mixin").rglob("*.*"))) == len(files(Config()))


def test_the_shipped_rule_tests_hold_for_the_mixin_with_another_label(tmp_path: Path) -> None:
    rules = made(tmp_path) / "rules"
    for path in (ROOT / "prometheus" / "tests").glob("*.test.yml"):
        tests = yaml.safe_load(path.read_text(encoding="utf-8"))
        tests["rule_files"] = [str(rules / Path(name).name) for name in tests["rule_files"]]
        (tmp_path / path.name).write_text(yaml.safe_dump(_relabelled(tests)), encoding="utf-8")
    command = ["promtool", "test", "rules", *map(str, sorted(tmp_path.glob("*.test.yml")))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def _relabelled(part: Any, key: str = "") -> Any:
    """A rule test for the label `ray_cluster`: its series, expressions, and the labels that it expects."""
    if isinstance(part, list):
        return [_relabelled(value, key) for value in part]
    if isinstance(part, dict):
        named = {name: _relabelled(value, str(name)) for name, value in part.items()}
        return _expected(named) if key == "exp_labels" else named
    if key == "labels" and "ray_scale" in part:  # of a sample, as text
        return re.sub(r'cluster="([^"]*)"', r'ray_cluster="\1", cluster="\1"', part)
    if key in {"series", "expr", "labels"}:
        return with_label(part, "cluster", "ray_cluster")
    return _grafana(part) if key == "dashboard_url" else part


def _expected(labels: dict[str, str]) -> dict[str, str]:
    """What the scaler reads (RayWatchdog is the other alert of severity none) has the label `cluster` besides."""
    renamed = {("ray_cluster" if name == "cluster" else name): value for name, value in labels.items()}
    return renamed | ({"cluster": labels["cluster"]} if labels.get("severity") == "none" else {})


def _grafana(url: str) -> str:
    return re.sub(r"^https?://[^/]+", "https://grafana.example.org", url)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        pytest.param("cluster_lable: x\n", "did you mean cluster_label", id="a misspelled key"),
        pytest.param("cluster_label: my-label\n", "cluster_label: got 'my-label'", id="no name of a label"),
        pytest.param("jobs: {exportr: x}\n", "did you mean exporter", id="a job that is none"),
        pytest.param("alerts: {RayNoLeadr: {severity: info}}\n", "did you mean RayNoLeader", id="an unknown alert"),
        pytest.param("alerts: {RayPendingTasks: {for: 1m}}\n", "alerts.RayPendingTasks", id="a scaling alert"),
        pytest.param("alerts: {RayNoLeader: {fro: 1m}}\n", "did you mean for", id="a misspelled key of an alert"),
        pytest.param("alerts: {RayNoLeader: {for: soon}}\n", "alerts.RayNoLeader.for", id="no time"),
        pytest.param("thresholds: {failed_launches: -1}\n", "thresholds.failed_launches", id="a negative count"),
        pytest.param("grafana_url: grafana\n", "grafana_url", id="no URL"),
        pytest.param("- a\n", "wanted keys and values", id="a list"),
    ],
)
def test_a_mistake_in_the_file_is_named_and_nothing_is_written(config: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mixin.yml").write_text(config, encoding="utf-8")
    result = World().run("mixin", "--config", str(tmp_path / "mixin.yml"), "--out", str(tmp_path / "out"))

    assert result.exit_code == 2, result.output
    assert said in result.output
    assert not (tmp_path / "out").exists()
