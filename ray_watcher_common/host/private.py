"""Directories and files for this user alone: journal, logs and records name actions, reasons and alerts."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MODE, FILE_MODE = 0o700, 0o600
SHARED = stat.S_ISVTX | stat.S_IWOTH
ROOT = 0


def make_directory(path: Path) -> None:
    """Make `path` and its missing parents, all of mode 700. Raises `OSError`, also if `path` is somebody else's.

    If `path` exists it gets that mode, but a directory that everybody may use, like /tmp, keeps its own. So does a
    parent that exists: it may be for others too.
    """
    for directory in reversed((path, *path.parents)):
        if not directory.exists():
            directory.mkdir(MODE, exist_ok=True)
    path.mkdir(exist_ok=True)  # raises if something else has the name
    _require_ours(path)
    if not path.stat().st_mode & SHARED:
        make_private(path, MODE)


def make_private(path: Path, mode: int = FILE_MODE) -> None:
    """Take the rights of others away from `path`, if it exists and is ours."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & ~mode:
        path.chmod(stat.S_IMODE(found.st_mode) & mode)


def _require_ours(path: Path) -> None:
    """Root may use what is anybody's, and everybody what is root's, if the system lets them."""
    owner = path.stat().st_uid
    if os.geteuid() not in {ROOT, owner} and owner != ROOT:
        raise PermissionError(errno.EPERM, f"belongs to user id {owner}, wanted {os.geteuid()}", str(path))
