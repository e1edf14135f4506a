#!/usr/bin/env python3
"""The guide's `python scripts/infra.py VERB` is `ray-watcher VERB`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "ray-watcher"

if __name__ == "__main__":
    if not PROGRAM.exists():
        sys.exit("error: ray-watcher is not set up yet; run `make setup` first")
    os.environ.setdefault("RAY_WATCHER_PROGRAM", f"python {os.path.relpath(__file__)}")  # for its hints
    os.execv(PROGRAM, [str(PROGRAM), *sys.argv[1:]])  # noqa: S606  # the user's own arguments, no shell
