#!/usr/bin/env python3
"""The guide's watcher script: it starts the watcher for the cluster that the environment names.

As the main program of a container it is the watcher, and its log the container's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.dont_write_bytecode = True
    import in_container

    if in_container.is_main():
        in_container.run(sys.argv[1:])
    infra = Path(__file__).resolve().parent / "infra.py"
    os.execv(sys.executable, [sys.executable, str(infra), "start-watcher", *sys.argv[1:]])  # noqa: S606  # our own
