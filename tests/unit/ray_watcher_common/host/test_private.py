"""Directories that the programs make are for their user alone."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

import pytest

from ray_watcher_common.host import private
from ray_watcher_common.host.private import make_directory, make_private

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


def test_what_exists_is_made_private_and_its_parent_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "ours").mkdir(parents=True)
    shared.chmod(0o755)
    (shared / "ours").chmod(0o755)

    make_directory(shared / "ours")

    assert [mode(shared), mode(shared / "ours")] == [0o755, 0o700]


@pytest.mark.parametrize("shared", [0o1777, 0o777], ids=["sticky-as-tmp", "writable-for-all"])
def test_a_directory_that_everybody_may_use_keeps_its_mode(tmp_path: Path, shared: int) -> None:
    everybodys = tmp_path / "tmp"
    everybodys.mkdir()
    everybodys.chmod(shared)

    make_directory(everybodys)

    assert mode(everybodys) == shared


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o600, 0o600), (0o400, 0o400)])
def test_a_file_that_others_may_read_is_made_private(tmp_path: Path, before: int, after: int) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(before)

    make_private(file)
    make_private(tmp_path / "missing")

    assert mode(file) == after


@pytest.mark.parametrize(
    ("me", "refused"), [pytest.param(4321, True, id="another user"), pytest.param(0, False, id="root")]
)
def test_somebody_elses_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, me: int, refused: bool
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    monkeypatch.setattr(private, "ROOT", -1 if me else 0)  # the test may run as root
    monkeypatch.setattr(os, "geteuid", lambda: me)

    with pytest.raises(PermissionError, match="belongs to user id") if refused else contextlib.nullcontext():
        make_directory(theirs)


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FileExistsError):
        make_directory(tmp_path / "file")
