#!/usr/bin/env python3
"""The guide's `python scripts/infra.py VERB` is `ray-watcher VERB`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "ray-watcher"


def runs(program: Path) -> bool:
    """Whether it is there, and so is the Python that it names: a mount may bring one of another machine."""
    try:
        first = program.read_bytes().split(b"\n", 1)[0]
    except OSError:
        return False
    return Path(os.fsdecode(first.removeprefix(b"#!")).strip() or "/").is_file()


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    import in_container

    os.environ.setdefault("RAY_WATCHER_PROGRAM", f"python {os.path.relpath(__file__)}")  # for its hints
    if in_container.is_ready():
        python = [sys.executable, "-m", "ray_watcher", *sys.argv[1:]]
        os.execve(sys.executable, python, in_container.environment_here())  # noqa: S606  # our own
    if not runs(PROGRAM):
        sys.exit("error: ray-watcher is not set up yet; run `make setup` first")
    os.execv(PROGRAM, [str(PROGRAM), *sys.argv[1:]])  # noqa: S606  # the user's own arguments, no shell
