"""Waiting for what other threads and programs bring about. Time goes by in the tests only here and end to end."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
PATIENCE_SECONDS = 60.0  # for what takes moments, on a machine with much else to do; only a failure takes it all


def eventually(look: Callable[[], T], what: str = "it", *, within: float = PATIENCE_SECONDS, every: float = 0.02) -> T:
    """What `look` gives as soon as that is true, asked `every` so many seconds; fails, and names `what`, if never."""
    deadline = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(every)
    return seen


eventually_shown = partial(eventually, within=120.0, every=0.5)  # where a look is a program of its own
