"""What started this watcher, and so what to type to start and stop it: Docker Compose, systemd, or this command."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ray_watcher.invocation import typed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ray_watcher.stack.compose import ProgramContainer

UNIT_DIRECTORIES = tuple(map(Path, ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")))
UNITS = ("ray-watcher-exporter", "ray-watcher-scaler")  # of deploy/systemd


@dataclass(frozen=True)
class Launcher:
    """Commands for a person to type."""

    start: str
    stop: str
    start_ray: str
    settings: str = ""  # how its settings are changed, if not by options of `start`


def launcher(containers: Sequence[ProgramContainer], directories: Iterable[Path] = UNIT_DIRECTORIES) -> Launcher:
    """The launcher of a watcher that has these program containers; without any, of one on this machine."""
    for container in containers:
        if project := container.project:
            return _compose(project, container.project_directory)
    if any((directory / f"{UNITS[0]}.service").is_file() for directory in directories):
        return _systemd()
    return Launcher(typed("start-watcher"), typed("stop-watcher"), typed("start-ray"))


def _compose(project: str, directory: str) -> Launcher:
    there = f"cd {shlex.quote(directory)} && " if directory else ""
    command = f"{there}docker compose -p {shlex.quote(project)}"
    up = f"{command} up -d"
    return Launcher(up, f"{command} stop", up, f"change .env, then: {up}")


def _systemd() -> Launcher:
    units = " ".join(UNITS)
    return Launcher(
        f"systemctl start {units}",
        f"systemctl stop {units}",
        typed("start-ray"),
        f"change the units' environment, then: systemctl restart {units}",
    )
