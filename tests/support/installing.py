"""What was built, installed into an empty environment outside the checkout."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from support.operating import Operator
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

BOUND_SECONDS = 240.0


def install(artefact: Path, extra: str, directory: Path) -> Operator:
    """An operator of a wheel or sdist with an `extra` (or ""), in the versions that the tests run with.

    It builds with the environment's own build backend, so that nothing but the locked packages is asked for.
    """
    environment = directory / "environment"
    python = environment / "bin" / "python"
    requirement = f"ray-watcher[{extra}] @ {artefact.as_uri()}" if extra else f"ray-watcher @ {artefact.as_uri()}"
    _uv(directory, "venv", "--python", sys.executable, str(environment))
    options = ["--compile-bytecode"] if extra == "all" else []  # as pip does; Ray's head needs a minute without
    options += ["--constraint", str(ROOT / "requirements.lock")]
    _uv(directory, "pip", "install", "--python", str(python), *options, requirement)
    return Operator(
        {"PYTHONPATH": "", "WATCHER_STATE_DIR": str(directory / "state")},
        program=str(python.with_name("ray-watcher")),
        directory=directory,
    )


def _uv(directory: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "uv", *arguments, "--quiet"]
    subprocess.run(command, cwd=directory, timeout=BOUND_SECONDS, check=True)
