"""`scripts/setup` refuses what it cannot work with, at once and in one sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534


@pytest.fixture
def checkout() -> Iterator[Path]:
    """Where a checkout can be, at a path that everybody may read."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "checkout"


def run(checkout: Path, user: int | None = None) -> subprocess.CompletedProcess[str]:
    (checkout / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup", checkout / "scripts" / "setup")
    shutil.copy(ROOT / "requirements.lock", checkout)
    for made in (checkout, checkout / "scripts", checkout / "scripts" / "setup"):
        made.chmod(0o755)  # everybody may read it, whatever the umask
    return subprocess.run(
        [checkout / "scripts" / "setup"], capture_output=True, text=True, timeout=60, check=False, user=user
    )


def test_a_path_with_a_space_is_refused_before_anything_is_made(checkout: Path) -> None:
    place = checkout / "with space"
    done = run(place)

    assert done.returncode == 1
    assert (done.stderr.count("\n"), str(place) in done.stderr) == (1, True)
    assert not (place / ".venv").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_checkout_that_cannot_be_written_is_refused(checkout: Path) -> None:
    done = run(checkout, user=NOBODY)

    assert done.returncode == 1
    assert (done.stderr.count("\n"), str(checkout) in done.stderr) == (1, True)
