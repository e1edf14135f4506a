"""check-config at a shell: on what is shipped, and on files with every kind of mistake."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ray_watcher.checks.matching import destinations
from ray_watcher.checks.rules import ScalingAlert
from ray_watcher_common.documents import yaml_lines
from support import rules_data
from support.check_config_golden import BROKEN
from support.check_config_golden import text as golden_text
from support.rules_data import SHIPPED
from support.watcher_fakes import World

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
version: 1
worker_types:
  - {name: cpu}
  - {name: gpu, num_gpus: 1}
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory of its own, and no variables but those a test sets."""
    for name in list(os.environ):
        if name.startswith(("WATCHER_", "RAY_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shipped_files_are_fine_and_it_says_what_was_checked() -> None:
    result = World().run("check-config")

    assert (result.exit_code, result.stderr) == (0, "")
    assert "policy   from the environment (worker types: default)" in result.stdout
    for name in ("scaling.yml", "health.yml", "recording.yml", "alertmanager.yml"):
        assert str(SHIPPED) in result.stdout
        assert name in result.stdout
    assert "scaling  RayPendingTasks, RayHighCpuUtilization, RayWorkersIdle" in result.stdout
    assert ": error: " not in result.stdout


def test_a_broken_configuration_is_told_line_by_line(here: Path) -> None:
    shutil.copytree(BROKEN, here, dirs_exist_ok=True)

    result = World().run(
        "check-config", "--policy", "policy.yml", "--rules", "rules.yml", "--alertmanager", "alertmanager.yml"
    )

    assert result.exit_code == 1
    assert result.stdout.startswith(golden_text())
    errors = golden_text().count(": error: ")
    assert f"{errors} errors\n" in result.stderr
    assert f"{errors} errors, " in result.stdout.splitlines()[-1]


def test_in_json_each_finding_has_its_place(here: Path) -> None:
    shutil.copytree(BROKEN, here, dirs_exist_ok=True)

    result = World().run("check-config", "--policy", "policy.yml", "--json")

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["errors"] == sum(one["severity"] == "error" for one in document["findings"])
    assert document["findings"][0] == {
        "path": "policy.yml",
        "line": 2,
        "message": "version: got 2, wanted 1 (version of this format)",
        "severity": "error",
    }
    assert (document["version"], document["policy"], document["alerts"]) == (1, "policy.yml", len(rules_data.alerts()))


def test_the_policy_of_the_environment_is_the_default(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "policy.yml").write_text(POLICY, encoding="utf-8")
    monkeypatch.setenv("WATCHER_POLICY_FILE", "policy.yml")

    assert "policy   policy.yml (worker types: cpu, gpu)" in World().run("check-config").stdout


def test_rules_and_policy_are_checked_against_each_other(here: Path) -> None:
    (here / "policy.yml").write_text(POLICY, encoding="utf-8")
    (here / "rules").mkdir()
    rule = "groups: [{{rules: [{{alert: {name}, expr: x, labels: {{ray_scale: up, worker_type: {kind}}}}}]}}]\n"
    for name, kind in (("a.yml", "gpu"), ("b.yaml", "tpu")):
        (here / "rules" / name).write_text(rule.format(name=name[0].upper(), kind=kind), encoding="utf-8")

    result = World().run("check-config", "--policy", "policy.yml", "--rules", "rules")

    assert result.exit_code == 1
    [finding] = [line for line in result.stdout.splitlines() if ": error: " in line]
    assert finding.startswith("rules/b.yaml:1: error: B: worker type 'tpu'")


def test_a_warning_alone_fails_nothing(here: Path) -> None:
    (here / "rules.yml").write_text("groups: []\n", encoding="utf-8")

    result = World().run("check-config", "--rules", "rules.yml")

    assert (result.exit_code, result.stderr) == (0, "")
    assert "rules.yml: warning: " in result.stdout
    assert result.stdout.splitlines()[-1].endswith("0 errors, 1 warning")


@pytest.mark.parametrize("option", ["--policy", "--rules", "--alertmanager"])
def test_a_missing_file_is_a_mistake_and_hides_no_other(option: str) -> None:
    result = World().run("check-config", option, "none.yml")

    assert (result.exit_code, "1 error" in result.stderr) == (1, True)
    assert "none.yml: error: " in result.stdout


def test_a_directory_without_rules_is_a_mistake(here: Path) -> None:
    (here / "empty").mkdir()

    result = World().run("check-config", "--rules", "empty")

    assert result.exit_code == 1
    assert "empty: error: " in result.stdout


ROUTES = """\
route:
  receiver: root
  routes:
    - receiver: one
      matchers: ['ray_scale=~"up|down"']
      routes: [{receiver: inner, matchers: ['severity="info"']}]
    - {receiver: two, matchers: ['severity!="info"'], continue: true}
    - {receiver: three, match: {team: ops}}
    - {receiver: four, match_re: {team: o.*}}
    - {matchers: ['a = "b, c"', 'd!~"e.*"'], routes: [{receiver: five, matchers: ['{severity="info",x!=y}']}]}
receivers: [{name: root}, {name: one}, {name: inner}, {name: two}, {name: three}, {name: four}, {name: five}]
"""


@pytest.mark.parametrize(
    "labels",
    [
        {"ray_scale": "up"},
        {"ray_scale": "upward"},
        {"ray_scale": "down", "severity": "info"},
        {"severity": "critical"},
        {"severity": "info", "team": "ops"},
        {"severity": "info", "team": "other"},
        {"team": "ops"},
        {"severity": "info", "a": "b, c"},
        {"severity": "info", "a": "b, c", "d": "ee"},
    ],
    ids=lambda labels: ",".join(f"{key}={value}" for key, value in labels.items()),
)
def test_an_alert_ends_where_alertmanager_itself_sends_it(labels: dict[str, str], here: Path) -> None:
    (here / "routes.yml").write_text(ROUTES, encoding="utf-8")
    pairs = [f'{key}="{value}"' for key, value in labels.items()]
    told = subprocess.run(
        ["amtool", "config", "routes", "test", "--config.file=routes.yml", *pairs],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    tree = yaml_lines.parse(ROUTES, "routes.yml", as_text=True).value["route"]

    ours = [branch.receiver for branch in destinations(tree, ScalingAlert("A", labels, frozenset()))]

    assert ours == told.strip().split(",")


NAMES = st.sampled_from(["ray_scale", "severity", "team", "a_b", "cloud.name"])
VALUES = st.one_of(
    st.sampled_from(["up", "down", "up|down", "u.", "", "b, c", "x\\d", 'a\\"b', "(?i)UP", "[[:alpha:]]+", "'up'"]),
    st.text("abup.|\\", max_size=4),
)
OPERATORS = st.sampled_from(["=", "!=", "=~", "!~"])
MATCHERS = st.builds(
    lambda name, operator, value, quote: f"{name}{operator}{quote}{value}{quote}",
    NAMES,
    OPERATORS,
    VALUES,
    st.sampled_from(['"', "", "'"]),
)
LABELS = st.dictionaries(
    st.sampled_from(["ray_scale", "severity", "team", "a_b"]), st.sampled_from(["up", "down", "info", "b, c"])
)
ROUTE = st.fixed_dictionaries({"matchers": st.lists(MATCHERS, max_size=2)}, optional={"continue": st.booleans()})


@settings(max_examples=60)
@given(children=st.lists(ROUTE, min_size=1, max_size=3), labels=LABELS)
def test_any_route_that_amtool_takes_is_followed_as_amtool_does(
    children: list[dict[str, Any]], labels: dict[str, str]
) -> None:
    routes = [{"receiver": f"child-{number}", **child} for number, child in enumerate(children)]
    names = ["root", *(str(route["receiver"]) for route in routes)]
    config = {"route": {"receiver": "root", "routes": routes}, "receivers": [{"name": name} for name in names]}
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        yaml.safe_dump(config, file, allow_unicode=True)
        file.flush()
        pairs = [f'{key}="{value}"' for key, value in labels.items()]
        amtool = subprocess.run(
            ["amtool", "config", "routes", "test", f"--config.file={file.name}", *pairs],
            capture_output=True,
            text=True,
            check=False,
        )
    assume(amtool.returncode == 0)  # else Alertmanager refuses the file
    tree = yaml_lines.parse(yaml.safe_dump(config["route"]), "a.yml", as_text=True).value

    ours = [branch.receiver for branch in destinations(tree, ScalingAlert("A", labels, frozenset()))]

    assert ours == amtool.stdout.strip().split(",")
