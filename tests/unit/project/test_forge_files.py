"""The forge's files are well-formed, and run what developers run."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import yaml

from support.paths import ROOT

SCHEMAS = {
    ".github/workflows/ci.yml": "vendor.github-workflows",
    ".github/dependabot.yml": "vendor.dependabot",
    ".github/ISSUE_TEMPLATE/bug.yml": "vendor.github-issue-forms",
    ".github/ISSUE_TEMPLATE/feature.yml": "vendor.github-issue-forms",
    ".github/ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
}


@pytest.mark.parametrize(("file", "schema"), SCHEMAS.items())
def test_files_of_the_forge_follow_their_schemas(file: str, schema: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(ROOT / file)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_yaml_file_of_the_forge_has_a_schema_here() -> None:
    found = {str(path.relative_to(ROOT)) for path in ROOT.glob(".github/**/*.yml")}

    assert found == set(SCHEMAS)


def test_actions_are_pinned_by_major_version() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    uses = re.findall(r"uses: (\S+)", workflow)

    assert uses
    assert [action for action in uses if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+", action)] == []


def test_ci_has_every_supported_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    [bounds] = re.findall(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text("utf-8"))

    matrix = workflow["jobs"]["unit"]["strategy"]["matrix"]
    assert matrix["python"] == [f"3.{minor}" for minor in range(*map(int, bounds))]


def test_ci_runs_commands_that_developers_run() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    runs = re.findall(r"run: (.+)$", (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"), re.MULTILINE)

    assert {run.removeprefix("make ") for run in runs} - {"scripts/setup test"} <= targets
    assert "make test" in runs


def test_pre_commit_runs_what_make_check_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    [recipe] = re.findall(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    checks = re.findall(r"\$\(VENV\)/(.+)", recipe)

    assert [re.sub(r"\.venv/bin/| --force-exclude", "", hook["entry"]) for hook in hooks] == [
        check.removesuffix(" .") for check in checks
    ]


def test_the_devcontainer_sets_up_like_the_tests() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))

    assert container["postCreateCommand"] == "scripts/setup test"
