"""Lines of documents have at most 120 columns, so that a diff can be read; tables and links cannot be broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md")])
COLUMNS = 120


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_lines_have_at_most_120_columns(document: Path) -> None:
    lines = enumerate(document.read_text(encoding="utf-8").splitlines(), start=1)
    long = [number for number, line in lines if len(line) > COLUMNS and not line.startswith("|") and "](" not in line]

    assert long == []
