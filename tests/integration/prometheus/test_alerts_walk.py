"""The walk "Tune your alerts" in docs/alerts.md, followed command by command in a copy of the configuration."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import rules_data
from support.own import own_environment, own_name

PAGE = (rules_data.ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
WALK = PAGE.split("\n## Tune your alerts\n")[1].split("\n## ")[0]
BLOCK = re.compile(r"```(bash|yaml|json)\n(.*?)```", re.DOTALL)
ALERT_FILE = "serve-queue-long.json"
TIMEOUT_SECONDS = 120
CLUSTER = own_name("walk")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of `prometheus/`, with an exporter's answer behind `curl`."""
    shutil.copytree(rules_data.SHIPPED, tmp_path / "prometheus")
    programs = tmp_path / "bin"
    programs.mkdir()
    curl = programs / "curl"
    curl.write_text(f"#!/bin/sh\ncat {rules_data.ROOT / 'tests' / 'golden' / 'state.json'}\n", encoding="utf-8")
    curl.chmod(0o755)
    return tmp_path


def _follow(place: Path, kind: str, text: str) -> str:
    """Do what a block asks for, as a reader would; what it says."""
    if kind == "bash":
        return _run(place, text)
    named = re.match(r"# (prometheus/\S+)\n", text)
    path = place / (named[1] if named else ALERT_FILE)
    path.write_text(text.replace('"cluster": "default"', f'"cluster": "{CLUSTER}"'), encoding="utf-8")
    return ""


def _run(place: Path, commands: str) -> str:
    default_address = "check-config" in commands  # the shipped route leads to it
    mine = os.environ | ({} if default_address else own_environment(CLUSTER, place / "state"))
    path = os.pathsep.join([str(place / "bin"), str(Path(sys.executable).parent), mine["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=place, env=mine | {"PATH": path}, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_walk_can_be_followed_and_ends_with_a_plan_that_the_new_rule_permits(place: Path) -> None:
    said = [(text, _follow(place, kind, text)) for kind, text in BLOCK.findall(WALK)]

    def of(command: str) -> str:
        return next(output for text, output in said if command in text)

    assert "as expected" in of("eval_time: 70s")
    assert "ServeQueueLong" in re.findall(r"^scaling +(.*)$", of("check-config"), re.MULTILINE)[0]
    assert "no errors" in of("check-config")
    assert "permit up: ServeQueueLong" in of("ray-watcher plan")


def test_readme_leads_to_the_walk() -> None:
    assert "docs/alerts.md#tune-your-alerts" in (rules_data.ROOT / "README.md").read_text(encoding="utf-8")
