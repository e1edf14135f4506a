"""A plain installation has no Docker client: it finds no engine, and says what to install if one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ray_watcher_common import installation
from ray_watcher_common.program.settings import load
from scaler.config.settings import ScalerSettings
from scaler.model.errors import ProviderUnavailableError
from scaler.providers import docker_answers, provider_from_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installation, "has", lambda package: package != "docker")
    monkeypatch.setenv("WATCHER_STATE_DIR", str(tmp_path))


def test_no_engine_answers() -> None:
    assert not docker_answers()


def test_workers_are_processes_unless_containers_are_asked_for() -> None:
    assert provider_from_settings(load(ScalerSettings)).name == "process"


def test_containers_that_are_asked_for_name_what_to_install() -> None:
    with pytest.raises(ProviderUnavailableError, match=r"no Docker client; run .*scripts/setup"):
        provider_from_settings(load(ScalerSettings, provider="docker"))
