"""Settings of all tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from support import guard

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an example takes says nothing on a busy machine.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


def pytest_configure() -> None:
    """Tests touch only what they made."""
    guard.install(os.environ)


@pytest.fixture(autouse=True)
def only_our_own() -> Iterator[None]:
    """Fails where something of a user was reached for, even if the program under test survived the refusal."""
    guard.refused.clear()
    yield
    assert guard.refused == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several processes take the tests in this order: the longest first, and the quick ones fill the gaps.

    The quick tests of a file stay together and share its fixtures; each end-to-end test is on its own.
    """
    items.sort(key=_patience, reverse=True)
    for item in items:
        if not _patience(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def _patience(item: pytest.Item) -> float:
    """How long an end-to-end test may take, in seconds; 0 for all others."""
    bound = item.get_closest_marker("timeout")
    return 0.0 if item.get_closest_marker("e2e") is None else bound.args[0] if bound else 1.0
