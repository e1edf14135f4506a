"""What was built, installed into an empty environment outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from support.operating import Operator
from support.paths import ROOT

BOUND_SECONDS = 240.0


def install(artefact: Path, extra: str, directory: Path) -> Operator:
    """An operator of a wheel or sdist with an `extra` (or ""), in the versions that the tests run with.

    It builds with the environment's own build backend, so that nothing but the locked packages is asked for.
    """
    environment = directory / "environment"
    python = environment / "bin" / "python"
    requirement = f"ray-watcher[{extra}] @ {artefact.as_uri()}" if extra else f"ray-watcher @ {artefact.as_uri()}"
    _uv(directory, "venv", "--python", sys.executable, str(environment))
    constraint = str(ROOT / "requirements.lock")
    _uv(directory, "pip", "install", "--python", str(python), "--constraint", constraint, requirement)
    if extra == "all":
        _compile(environment, python)
    return Operator(
        {"PYTHONPATH": "", "WATCHER_STATE_DIR": str(directory / "state")},
        program=str(python.with_name("ray-watcher")),
        directory=directory,
    )


def _compile(environment: Path, python: Path) -> None:
    """As pip does, for Ray's head needs a minute without; what is compiled here from the same files is taken over."""
    ours = Path(sysconfig.get_path("purelib"))
    theirs = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    for compiled in ours.rglob("__pycache__"):
        target = theirs / compiled.relative_to(ours)
        if target.parent.is_dir() and not target.exists():
            shutil.copytree(compiled, target, copy_function=os.link)
    command = [str(python), "-W", "ignore", "-m", "compileall", "-qq", str(theirs)]
    subprocess.run(command, timeout=BOUND_SECONDS, check=False)  # some packages have files for other Pythons


def _uv(directory: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "uv", *arguments, "--quiet"]
    subprocess.run(command, cwd=directory, timeout=BOUND_SECONDS, check=True)
