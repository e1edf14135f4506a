"""A real Ray head of our own and drivers on it, started by the product and stopped at the end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from common.detached import MARKER
from common.processes import free_ports, marked_below

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = str(Path(sys.executable).with_name("ray-watcher"))
END_SECONDS = 20.0


@dataclass(frozen=True)
class Head:
    """Where the head answers, and its processes."""

    gcs_address: str
    dashboard_port: int
    processes: tuple[psutil.Process, ...]


@dataclass(frozen=True)
class Driver:
    """A connected `benchmarks.ray_driver`."""

    program: subprocess.Popen[str]

    @property
    def process(self) -> psutil.Process:
        """For its memory and processor time."""
        return psutil.Process(self.program.pid)

    def tell(self, line: str) -> str:
        """One command; what it answers."""
        if self.program.stdin is None or self.program.stdout is None:
            raise LookupError("a driver is started with pipes")
        self.program.stdin.write(f"{line}\n")
        self.program.stdin.flush()
        return self.answer()

    def answer(self) -> str:
        """Its next line. Raises `OSError` where it has ended."""
        said = self.program.stdout.readline() if self.program.stdout else ""
        if not said:
            raise OSError(f"the Ray driver ended with {self.program.wait()}")
        return said.strip()


@contextlib.contextmanager
def head() -> Iterator[Head]:
    """A head with one CPU as processes of this machine, with ports and a directory of its own."""
    gcs, client, dashboard = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="raybench") as directory:
        environment = {
            **os.environ,
            "RAY_GCS_ADDRESS": f"127.0.0.1:{gcs}",
            "RAY_HEAD_ADDRESS": f"127.0.0.1:{client}",
            "RAY_DASHBOARD_METRIC_API": f"http://127.0.0.1:{dashboard}/api",
            "RAY_AUTH_MODE": "disabled",
            "WATCHER_STATE_DIR": directory,
            "WATCHER_PROVIDER": "process",
            "WATCHER_CLUSTER": "bench",
            "WATCHER_OBJECT_STORE_MEMORY": "100MB",
        }
        _ray_watcher("start-ray", environment)
        try:
            yield Head(f"127.0.0.1:{gcs}", dashboard, _processes(directory))
        finally:
            _ray_watcher("stop-ray", environment)


def _processes(directory: str) -> tuple[psutil.Process, ...]:
    """All of the head's; some hide their environment, hence by the sessions of those that show it."""
    sessions = {os.getsid(process.pid) for process in marked_below(MARKER, directory)}
    return tuple(process for process in psutil.process_iter() if _session(process.pid) in sessions)


def _session(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.getsid(pid)
    return None


def _ray_watcher(verb: str, environment: dict[str, str]) -> None:
    subprocess.run([PROGRAM, verb], env=environment, stdout=sys.stderr, timeout=120, check=True)  # noqa: S603  # ours


@contextlib.contextmanager
def driver(gcs_address: str) -> Iterator[Driver]:
    """A driver, connected; its tasks end with it."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.ray_driver", gcs_address]
    with subprocess.Popen(  # noqa: S603  # ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as program:
        connected = Driver(program)
        try:
            connected.answer()
            yield connected
        finally:
            with contextlib.suppress(BrokenPipeError):
                program.communicate(timeout=END_SECONDS)
