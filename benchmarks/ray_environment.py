"""Real Ray heads of our own and drivers on them, started by the product and stopped at the end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ray_watcher_common.host.detached import MARKER
from ray_watcher_common.host.processes import free_ports, marked_below

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROGRAM = str(Path(sys.executable).with_name("ray-watcher"))
VERB_SECONDS = 180.0
ANSWER_SECONDS = 200.0  # `benchmarks.ray_driver` has a bound of its own, which is shorter
END_SECONDS = 20.0
LISTENING = {
    "RAY_GCS_ADDRESS": "127.0.0.1:{}",
    "RAY_HEAD_ADDRESS": "127.0.0.1:{}",
    "RAY_DASHBOARD_METRIC_API": "http://127.0.0.1:{}/api",
    "WATCHER_EXPORTER_LISTEN": "127.0.0.1:{}",
    "WATCHER_LISTEN": "127.0.0.1:{}",
    "WATCHER_PROMETHEUS_LISTEN": "127.0.0.1:{}",
    "WATCHER_ALERTMANAGER_LISTEN": "127.0.0.1:{}",
}


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

    def ask(self, line: str) -> str:
        """Send one command; returns the answer."""
        self.send(line)
        return self.answer()

    def send(self, line: str) -> None:
        """Send one command without reading its answer."""
        if self.program.stdin is None:
            raise LookupError("a driver is started with pipes")
        self.program.stdin.write(f"{line}\n")
        self.program.stdin.flush()

    def answer(self) -> str:
        """Its next line. Raises `OSError` if it has ended; it is ended if it takes too long."""
        watchdog = threading.Timer(ANSWER_SECONDS, self.program.kill)
        watchdog.start()
        line = self.program.stdout.readline() if self.program.stdout else ""
        watchdog.cancel()
        if not line:
            raise OSError(f"the Ray driver ended with {self.program.wait()}")
        return line.strip()


@contextlib.contextmanager
def own_environment(**variables: str) -> Iterator[dict[str, str]]:
    """The environment of an operator with ports, a directory and a cluster of their own, and no settings but these."""
    with tempfile.TemporaryDirectory(prefix="raybench") as directory:
        listening = zip(LISTENING.items(), free_ports(len(LISTENING)), strict=True)
        yield {
            **foreign(os.environ),
            **{name: text.format(port) for (name, text), port in listening},
            "WATCHER_STATE_DIR": directory,
            "WATCHER_CLUSTER": f"bench-{Path(directory).name[8:].lower().replace('_', '-')}",
            "WATCHER_OBJECT_STORE_MEMORY": "100MB",
            **variables,
        }


def foreign(environ: Mapping[str, str]) -> dict[str, str]:
    """What of an environment is no setting of ours or of Ray's."""
    return {name: value for name, value in environ.items() if not name.startswith(("WATCHER_", "RAY_"))}


@contextlib.contextmanager
def head() -> Iterator[Head]:
    """A head with one CPU as processes of this machine, with ports and a directory of its own."""
    with own_environment(WATCHER_PROVIDER="process", RAY_AUTH_MODE="disabled") as environment:
        ray_watcher(environment, "start-ray")
        try:
            dashboard = int(environment["RAY_DASHBOARD_METRIC_API"].rpartition(":")[2].partition("/")[0])
            yield Head(environment["RAY_GCS_ADDRESS"], dashboard, processes_below(environment["WATCHER_STATE_DIR"]))
        finally:
            ray_watcher(environment, "stop-ray")


def processes_below(directory: str) -> tuple[psutil.Process, ...]:
    """All that were started for it: some of Ray's hide their environment, hence by the sessions of the others."""
    sessions = {os.getsid(process.pid) for process in marked_below(MARKER, directory)}
    return tuple(process for process in psutil.process_iter() if _session(process.pid) in sessions)


def _session(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.getsid(pid)
    return None


def ray_watcher(environment: Mapping[str, str], *arguments: str) -> None:
    """One verb of the command line, which has to succeed."""
    subprocess.run([PROGRAM, *arguments], env=environment, stdout=sys.stderr, timeout=VERB_SECONDS, check=True)  # noqa: S603  # ours


@contextlib.contextmanager
def driver(
    gcs_address: str, environment: Mapping[str, str] | None = None, command: Sequence[str] | None = None
) -> Iterator[Driver]:
    """A driver, connected; its tasks end with it. `command` runs it elsewhere than in this Python."""
    here = (sys.executable, "-W", "ignore", "-m", "benchmarks.ray_driver")
    with subprocess.Popen(  # noqa: S603  # ours
        [*(command or here), gcs_address],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        connected = Driver(program)
        try:
            connected.answer()
            yield connected
        finally:
            with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
                program.communicate(timeout=END_SECONDS)
            program.kill()  # one that has ended is none to kill
