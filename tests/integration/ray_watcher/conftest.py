"""Verbs that run in the tests' own process find a cluster of their own in the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.own import own_environment, own_name

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables that are set."""
    variables = own_environment(own_name("verb"), tmp_path, "auto")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables
