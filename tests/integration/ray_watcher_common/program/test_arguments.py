"""Exporter and scaler take their settings from the environment: `--help` names them, arguments are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.settings import ExporterSettings
from ray_watcher_common.program.arguments import accept_none
from scaler.config.settings import ScalerSettings
from support.own import own_environment, own_name

if TYPE_CHECKING:
    from ray_watcher_common.program.settings import EnvSettings

PROGRAMS = [("exporter", ExporterSettings), ("scaler", ScalerSettings)]


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", program, *arguments],
        env={
            **os.environ,
            **own_environment(own_name("arguments"), Path("/nonexistent"), WATCHER_EXPORTER_URL="http://127.0.0.1:1"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("program", "settings"), PROGRAMS)
def test_help_names_every_variable_and_starts_nothing(program: str, settings: type[EnvSettings]) -> None:
    done = run(program, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"\n{field.validation_alias}\n" in done.stdout for field in settings.model_fields.values())


@pytest.mark.parametrize(("program", "settings"), PROGRAMS)
def test_arguments_are_refused(program: str, settings: type[EnvSettings]) -> None:
    del settings
    done = run(program, "--max-workers", "8")

    assert (done.returncode, done.stdout) == (2, "")
    assert "--max-workers 8" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_arguments_the_program_continues() -> None:
    accept_none("exporter", "Serve.", ExporterSettings, [])
