"""The planner on recorded days: it decides as it did, or a person has accepted the difference."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.replayed import DAYS, golden, replayed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_the_planner_decides_on_a_recorded_day_as_accepted(day: Path) -> None:
    accepted = golden(day).read_text(encoding="utf-8")

    assert replayed(day) == accepted, "read `git diff` after: make accept-replay"


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_a_recorded_day_has_something_to_decide(day: Path) -> None:
    assert json.loads(golden(day).read_text(encoding="utf-8"))["moments"] > 50


def test_there_are_recorded_days() -> None:
    assert DAYS
