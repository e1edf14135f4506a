"""docs/troubleshooting.md names causes, metrics and log lines that the code has, and every cause."""

from __future__ import annotations

import re

import pytest

from exporter.metrics.catalog import CATALOG as EXPORTER_CATALOG
from scaler.explain.anomalies import Case
from scaler.explain.summary import Situation
from scaler.model.decision import HELD_CAUSES, Cause
from scaler.telemetry.metrics import CATALOG as SCALER_CATALOG
from support.paths import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SOURCES = [*ROOT.glob("scaler/**/*.py"), ROOT / "ray_watcher" / "output" / "explain.py"]
CODE = re.sub(r'"\s*f?"', "", "\n".join(path.read_text(encoding="utf-8") for path in SOURCES))  # joined strings are one
WORDS = {word.value for kind in (Cause, Situation, Case) for word in kind}
METRICS = {family.name for family in EXPORTER_CATALOG} | set(SCALER_CATALOG)
ISSUES_OF_THE_GUIDE = (
    "Watcher not scaling",
    "Worker connection issues",
    "Docker permission issues",
    "Resource limits",
)


def test_every_metric_exists() -> None:
    used = set(re.findall(r"`(ray(?:cluster|scaler)_[a-z_]+)", PAGE))

    assert used
    assert used <= METRICS


def test_every_cause_in_brackets_exists() -> None:
    used = {word for group in re.findall(r"\[(`[^\]]+`)\]", PAGE) for word in re.findall(r"`([a-z_]+)`", group)}
    used |= set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, flags=re.MULTILINE))
    used |= set(re.findall(r'(?:cause|case)="([a-z_]+)"', PAGE))

    assert used
    assert used <= WORDS


@pytest.mark.parametrize("word", [*HELD_CAUSES, Cause.NO_WORKER_TYPE_FITS, *Case], ids=lambda word: word.value)
def test_whatever_may_hold_the_pool_is_told(word: Cause | Case) -> None:
    assert f"`{word.value}`" in PAGE


def test_every_log_line_is_the_codes() -> None:
    lines = re.findall(r"^- \*\*log\*\*: (.+)$", PAGE, flags=re.MULTILINE)
    events = {event for line in lines for event in re.findall(r"`([^`=]+)`", line)} - WORDS

    assert events
    for event in sorted(events):
        assert f'"{event}"' in CODE or event == "remove", event  # actions log their own kind


@pytest.mark.parametrize("title", ISSUES_OF_THE_GUIDE)
def test_the_guides_common_issues_are_there(title: str) -> None:
    assert f"### {title}\n" in PAGE
