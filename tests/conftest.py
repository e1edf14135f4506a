"""Settings of all tests."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from support import guard, lanes, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer

# How long an example takes says nothing on a busy machine. `make test` tries the same examples each time, so that it
# fails by what was changed; `make test-all` and `make fuzz` look for new ones.
settings.register_profile(
    "project", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, max_examples=50
)
settings.register_profile("searching", settings.get_profile("project"), derandomize=False, max_examples=300)
settings.load_profile("project")


def pytest_configure(config: pytest.Config) -> None:
    """Tests touch only what they made, and leave none of it."""
    guard.install(os.environ)
    run = contextlib.ExitStack()
    left = run.enter_context(leftovers.run(os.environ))

    def end() -> None:
        run.close()
        sys.stderr.writelines(f"left by the tests, and ended now: {what}\n" for what in left)

    config.add_cleanup(end)


@pytest.fixture(autouse=True)
def only_our_own() -> Iterator[None]:
    """Fails where something of a user was reached for, even if the program under test survived the refusal."""
    guard.refused.clear()
    yield
    assert guard.refused == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that none is left for the end."""
    items.sort(key=_patience, reverse=True)


@pytest.hookimpl(optionalhook=True)  # with `-p no:xdist` there is none
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> lanes.Lanes:
    """How several processes share the tests."""
    return lanes.Lanes(config, log)


def _patience(item: pytest.Item) -> float:
    """How long an end-to-end test may take, in seconds; 0 for all others."""
    bound = item.get_closest_marker("timeout")
    return 0.0 if item.get_closest_marker("e2e") is None else bound.args[0] if bound else 1.0
