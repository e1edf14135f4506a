"""Somebody who operates the shipped command at a shell, for the end-to-end tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ray_watcher_common.detached import MARKER
from ray_watcher_common.processes import marked_below

PROGRAM = str(Path(sys.executable).with_name("ray-watcher"))
BOUND_SECONDS = 280.0  # for any one command; the first one with Docker builds an image


@dataclass
class Operator:
    """Somebody at a shell, with variables set."""

    environment: dict[str, str]

    def run(self, *arguments: str, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
        """What `ray-watcher ARGUMENTS` says; it has to end with `exit_code`, and never with a traceback."""
        done = subprocess.run(
            [PROGRAM, *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=BOUND_SECONDS,
            check=False,
        )
        said = f"ray-watcher {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        assert done.returncode == exit_code, said
        assert "Traceback" not in done.stderr, said
        return done

    def says(self, *arguments: str) -> str:
        """Standard output of a verb that has to succeed."""
        return self.run(*arguments).stdout


def processes_below(directory: str) -> list[str]:
    """Command lines of living processes that were started for the state directory."""
    return [" ".join(process.cmdline()) for process in marked_below(MARKER, directory)]
