"""Somebody who operates the shipped command at a shell, for the end-to-end tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ray_watcher_common.host.detached import MARKER
from ray_watcher_common.host.processes import marked_below

PROGRAM = str(Path(sys.executable).with_name("ray-watcher"))
BOUND_SECONDS = 280.0  # for any one command; the first one with Docker builds an image


@dataclass
class Operator:
    """Somebody at a shell, with variables set; by default with the `ray-watcher` of this checkout."""

    environment: dict[str, str]
    program: str = PROGRAM
    directory: Path | None = None

    @property
    def full_environment(self) -> dict[str, str]:
        """Ours, and the variables that are set."""
        return {**os.environ, **self.environment}

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What the Python beside the program says; it has to succeed."""
        return self._run([str(Path(self.program).with_name("python")), *arguments], 0)

    def run(self, *arguments: str, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
        """What `ray-watcher ARGUMENTS` says; it has to end with `exit_code`, and never with a traceback."""
        return self._run([self.program, *arguments], exit_code)

    def _run(self, command: list[str], exit_code: int) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self.full_environment,
            capture_output=True,
            text=True,
            timeout=BOUND_SECONDS,
            check=False,
        )
        said = f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        assert done.returncode == exit_code, said
        assert "Traceback" not in done.stderr, said
        return done

    def says(self, *arguments: str) -> str:
        """Standard output of a verb that has to succeed."""
        return self.run(*arguments).stdout


def processes_below(directory: str) -> list[str]:
    """Command lines of living processes that were started for the state directory."""
    return [" ".join(process.cmdline()) for process in marked_below(MARKER, directory)]
