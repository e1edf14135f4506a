"""Decision records are complete, numbered without gaps, and all in the index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
PARTS = ["Context", "Decision", "Rejected", "Consequence"]


def title(record: Path) -> str:
    """What a record is called."""
    return record.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_all_four_parts(record: Path) -> None:
    assert re.findall(r"^## (.+)$", record.read_text(encoding="utf-8"), re.MULTILINE) == PARTS


def test_records_are_numbered_without_gaps() -> None:
    numbers = range(1, len(RECORDS) + 1)

    assert [record.name[:3] for record in RECORDS] == [f"{number:03}" for number in numbers]
    assert [title(record).partition(".")[0] for record in RECORDS] == [str(number) for number in numbers]


def test_the_index_has_every_record_with_its_title() -> None:
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert listed == [(title(record), record.name) for record in RECORDS]
