"""Thresholds of the policy file, and their reload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.metrics.families import Thresholds
from exporter.metrics.thresholds import CurrentThresholds
from exporter.settings import ExporterSettings
from ray_watcher_common.program.settings import SettingsError, load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yml"
    path.write_text("version: 1\nworker_types: [{name: cpu}]\nthresholds: {pending_threshold: 3}\n")
    return path


def test_the_file_comes_first_and_what_it_leaves_out_is_of_the_environment(file: Path) -> None:
    settings = load(ExporterSettings, policy_file=file, pending_threshold=7, cpu_threshold=0.5)
    assert CurrentThresholds(settings).value == Thresholds(3, 0.5, 60.0)


def test_a_reload_uses_the_file_as_it_is_now(file: Path) -> None:
    thresholds = CurrentThresholds(load(ExporterSettings, policy_file=file))
    file.write_text("thresholds: {pending_threshold: 5, idle_timeout: 120}\n")

    assert thresholds.value.pending == 3
    assert thresholds.reload("SIGHUP") == ""
    assert thresholds.value == Thresholds(5, 0.8, 120.0)


def test_a_mistake_changes_nothing_and_is_returned_with_its_line(file: Path) -> None:
    thresholds = CurrentThresholds(load(ExporterSettings, policy_file=file))
    before = thresholds.value
    file.write_text("thresholds:\n  cpu_threshold: 80\n")

    assert thresholds.reload("HTTP").startswith(f"policy file {file}:2: thresholds.cpu_threshold: got 80")
    assert thresholds.value is before


def test_a_mistake_at_the_start_ends_the_exporter(file: Path) -> None:
    file.write_text("thresholds: {colour: 1}\n")
    with pytest.raises(SettingsError, match=r"thresholds\.colour: is unknown"):
        CurrentThresholds(load(ExporterSettings, policy_file=file))
