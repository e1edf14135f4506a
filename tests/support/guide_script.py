"""Lets the guide's test files run as `python tests/NAME.py` with whatever python3: they go on in .venv, by pytest."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv" / "bin" / "python"
LIVE = "RAY_WATCHER_TEST_LIVE"  # set where a person ran the file by hand: then their running cluster is the one to test


def require_environment() -> None:
    """End with what to do where the virtual environment is missing."""
    if not (PYTHON.parent / "pytest").exists():
        sys.exit(f"error: there is no {PYTHON.parent}/pytest; set the project up first with: make setup")


def run_with_pytest(file: str) -> None:
    """Become pytest on `file`, with the arguments of this process; its exit code is ours."""
    require_environment()
    os.chdir(ROOT)
    os.environ[LIVE] = "1"
    os.execv(PYTHON, [str(PYTHON), "-m", "pytest", file, *sys.argv[1:]])  # noqa: S606  # our own interpreter, no shell


def continue_in_environment() -> None:
    """Become the same script in the virtual environment, unless it is that already."""
    require_environment()
    if Path(sys.prefix).resolve() != PYTHON.parents[1].resolve():
        os.execv(PYTHON, [str(PYTHON), *sys.argv])  # noqa: S606  # likewise
