"""Directories for this user alone: journal, logs and records name actions, reasons and alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MODE = 0o700


def make_directory(path: Path) -> None:
    """Make `path` and its missing parents, all of mode 700; what exists keeps its mode. Raises `OSError`."""
    for directory in reversed((path, *path.parents)):
        if not directory.exists():
            directory.mkdir(MODE, exist_ok=True)
    path.mkdir(exist_ok=True)  # raises if something else has the name
