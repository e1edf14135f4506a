"""Every file that is written from code is what the code writes now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import regenerate

if TYPE_CHECKING:
    from pathlib import Path

FILES = regenerate.files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_golden_file_is_what_the_code_writes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == FILES[path], "run `make golden` and look at the diff"
