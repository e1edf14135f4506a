"""What the documents say is what the code does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ray_watcher.cli import all_verbs
from ray_watcher.demo.timeline import Record, stages
from scaler.model.decision import Cause
from support import reference_docs
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
USED_COMMAND = re.compile(r"ray-watcher ([a-z]+(?:-[a-z]+)?)((?: +--?[a-z-]+(?:[ =][\w-]+)?)*)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_documents_have_these_options(document: Path) -> None:
    for verb, options in USED_COMMAND.findall(document.read_text(encoding="utf-8")):
        if verb in all_verbs():
            known = {flag for parameter in all_verbs()[verb].params for flag in parameter.opts} | {"--help"}
            assert set(re.findall(r"--[a-z-]+", options)) <= known, f"{document.name}: {verb}{options}"


def test_make_targets_in_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for document in DOCUMENTS:
        used = set(re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), flags=re.MULTILINE))
        assert used <= targets, document.name


@pytest.mark.parametrize(
    ("document", "example"),
    [("serve.md", "serve_app.py"), ("alerts.md", "serve_rules.yml"), ("alerts.md", "serve_scrape.yml")],
)
def test_examples_in_documents_are_the_files_that_are_tested(document: str, example: str) -> None:
    text = (ROOT / "examples" / example).read_text(encoding="utf-8")

    assert f"\n{text}```\n" in (ROOT / "docs" / document).read_text(encoding="utf-8")


def test_every_cause_has_a_row_in_the_metrics_page() -> None:
    page = reference_docs.metrics_page()

    assert all(f"| `{cause.value}` |" in page for cause in Cause)


def test_the_timeline_of_the_first_steps_has_the_demos_steps() -> None:
    page = (ROOT / "docs" / "first-steps.md").read_text(encoding="utf-8")

    assert {stage.name for stage in stages(Record())} == set(
        re.findall(r"^([a-z]+(?: [a-z]+)?) +[\d.]+ +\+", page, flags=re.MULTILINE)
    )
