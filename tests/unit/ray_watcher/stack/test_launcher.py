"""Hints name the way in which this watcher was started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ray_watcher.invocation import VARIABLE
from ray_watcher.stack.compose import ProgramContainer
from ray_watcher.stack.launcher import launcher
from scaler.providers.container import Container

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

COMPOSE = {"com.docker.compose.project": "lab", "com.docker.compose.project.working_dir": "/srv/my lab"}


def container(**labels: str) -> ProgramContainer:
    found = Container("1", "x", "image", {"ray-watcher.program": "scaler", **labels}, "exited", "Exited", 0.0, 1)
    return ProgramContainer(cast("Any", None), found)


def test_containers_of_compose_are_started_by_compose() -> None:
    found = launcher([container(**COMPOSE)])

    assert found.start == found.start_ray == "cd '/srv/my lab' && docker compose -p lab up -d"
    assert found.stop == "cd '/srv/my lab' && docker compose -p lab stop"


def test_units_are_started_by_systemd(tmp_path: Path) -> None:
    (tmp_path / "ray-watcher-exporter.service").touch()

    found = launcher([], [tmp_path])

    assert found.start == "systemctl start ray-watcher-exporter ray-watcher-scaler"
    assert found.start_ray == "ray-watcher start-ray"


def test_all_else_is_started_by_this_command_as_the_user_types_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert launcher([], [tmp_path]).start == "ray-watcher start-watcher"
    monkeypatch.setenv(VARIABLE, "python scripts/infra.py")
    assert launcher([], [tmp_path]).stop == "python scripts/infra.py stop-watcher"
