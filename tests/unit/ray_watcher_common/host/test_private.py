"""Directories that the programs make are for their user alone."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from ray_watcher_common.host.private import make_directory

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_all_that_is_made_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        make_directory(tmp_path / "state" / "journal")
    finally:
        os.umask(before)

    assert [mode(tmp_path / "state"), mode(tmp_path / "state" / "journal")] == [0o700, 0o700]


def test_what_exists_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)

    make_directory(shared)

    assert mode(shared) == 0o755


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FileExistsError):
        make_directory(tmp_path / "file")
