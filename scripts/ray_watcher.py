#!/usr/bin/env python3
"""The guide's watcher script: it starts the watcher for the cluster that the environment names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    infra = Path(__file__).resolve().parent / "infra.py"
    os.execv(sys.executable, [sys.executable, str(infra), "start-watcher", *sys.argv[1:]])  # noqa: S606  # our own
