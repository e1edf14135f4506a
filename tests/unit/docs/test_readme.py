"""README is short, and has what a reader looks for in this order."""

from __future__ import annotations

import re

from ray_watcher.cli import all_verbs
from support.command_blocks import command_blocks
from support.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES, FEATURES = 130, 6


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def test_readmes_parts_are_in_the_order_in_which_a_reader_asks() -> None:
    parts = ["Features", "Install", "Quick start", "How it works", "Figures", "Documentation"]

    assert re.findall(r"^## (.+)$", README, re.MULTILINE) == parts


def test_readme_names_six_features() -> None:
    [features] = re.findall(r"^## Features\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)

    assert len(re.findall(r"^- \*\*", features, re.MULTILINE)) == FEATURES


def test_readme_runs_the_main_job_and_the_tests_with_one_command_each() -> None:
    blocks = [text for document, text in command_blocks() if document == "README.md"]

    assert [text for text in blocks if text.startswith("make ")] == ["make demo\n", "make test\n"]


def test_readme_starts_and_stops_a_cluster_of_ones_own() -> None:
    verbs = set(re.findall(r"ray-watcher ([a-z-]+)", README))

    assert verbs & set(all_verbs()) >= {"start-ray", "start-watcher", "load", "watcher-status", "stop-ray"}


def test_ci_runs_readmes_test_command() -> None:
    for file in (".ci/run", ".github/workflows/ci.yml"):
        assert re.search(r"(exec|run:) make test$", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), file
