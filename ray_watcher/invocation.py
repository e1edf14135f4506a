"""The command line that the user types, for hints: `ray-watcher VERB`, or the script that stands for it."""

from __future__ import annotations

import os

VARIABLE = "RAY_WATCHER_PROGRAM"  # set by scripts/infra.py


def typed(verb: str) -> str:
    """The command that runs `verb`, as this user starts it."""
    return f"{os.environ.get(VARIABLE) or 'ray-watcher'} {verb}"
