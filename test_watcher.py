#!/usr/bin/env python3
"""The guide's `python test_watcher.py`: real tasks for the cluster that runs here. It is `ray-watcher load`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    infra = Path(__file__).resolve().parent / "scripts" / "infra.py"
    os.execv(sys.executable, [sys.executable, str(infra), "load", *sys.argv[1:]])  # noqa: S606  # our own script
