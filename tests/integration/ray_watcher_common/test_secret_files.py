"""Secrets as files: made once, for their owner alone, and told to nobody."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from ray_watcher_common import secret_files

if TYPE_CHECKING:
    from pathlib import Path

ME = os.getuid()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    first = secret_files.ensure(tmp_path / "deep" / "token")

    assert len(first) == 2 * secret_files.SECRET_BYTES
    assert secret_files.ensure(tmp_path / "deep" / "token") == first
    assert mode(tmp_path / "deep" / "token") == 0o600
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["token"]


def test_two_secrets_differ(tmp_path: Path) -> None:
    assert secret_files.ensure(tmp_path / "a") != secret_files.ensure(tmp_path / "b")


def test_every_reader_has_a_copy_that_it_alone_can_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):  # the second run changes nothing
        secret_files.main([str(tmp_path), f"webhook-token=scaler:{ME},alertmanager:{ME}"])

    token = (tmp_path / "webhook-token").read_text()
    for reader in ("scaler", "alertmanager"):
        copy = tmp_path / reader / "webhook-token"
        assert (copy.read_text(), mode(copy), copy.stat().st_uid) == (token, 0o600, ME)
    assert token not in capsys.readouterr().out


@pytest.mark.parametrize("argument", ["token", "token=", "token=scaler", "token=scaler:me", "../token=scaler:1"])
def test_what_is_no_secret_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match="wanted NAME=READER:UID"):
        secret_files.parse(argument)


def test_a_secret_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    secret = secret_files.ensure(tmp_path / "secret")
    (tmp_path / "secret").chmod(0o644)

    assert secret_files.ensure(tmp_path / "secret") == secret
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
