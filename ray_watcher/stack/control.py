"""Start and stop a stack: either all programs are ready, or all are stopped. Every wait is bounded."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ray_watcher import ports
from ray_watcher.errors import (
    AlreadyRunningError,
    NotRunningError,
    PortTakenError,
    TimedOutError,
    WatcherError,
)
from ray_watcher.fetch import answers
from ray_watcher.invocation import typed
from ray_watcher.settings import variable
from ray_watcher.stack import supervisord
from ray_watcher.stack.stack import write_token
from ray_watcher.stack.supervisord import SilentError
from ray_watcher.tail import last_lines, size
from ray_watcher_common.host import processes
from ray_watcher_common.host.locks import exclusive
from ray_watcher_common.program.environment import without_foreign
from ray_watcher_common.program.settings import split_host_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ray_watcher.stack.stack import Stack
    from ray_watcher.stack.supervisord import Program

READY_TIMEOUT_SECONDS = 30.0  # the four programs need about 3 s on 2 idle cores
STOP_SECONDS = 20.0  # all get SIGTERM at once, and are killed after 10 s
ORPHAN_GRACE_SECONDS = 5.0  # for programs whose supervisord was killed
POLL_SECONDS = 0.1
OPEN_FILES = 1024
CULPRIT_LINES = 12  # of the log of a program that did not start
GONE = frozenset({"STOPPED", "BACKOFF", "EXITED", "FATAL", "UNKNOWN"})  # not becoming RUNNING
LISTEN_VARIABLES = {
    "exporter": variable("exporter_listen"),
    "prometheus": variable("prometheus_listen"),
    "alertmanager": variable("alertmanager_listen"),
    "scaler": variable("listen"),
}


def start(stack: Stack, programs: Sequence[Program]) -> None:
    """Start `programs` and wait until each answers; on any error, or Ctrl-C, stop all of them.

    Raises `AlreadyRunningError`, `PortTakenError`, `TimedOutError`, or `WatcherError` with the last log lines of
    the program that ended.
    """
    with _alone(stack):
        if stack.supervisor.state().running:
            raise AlreadyRunningError(f"the watcher is already running; stop it with: {typed('stop-watcher')}")
        _end(stack)  # programs of a killed supervisord still hold the ports
        _require_free_ports(stack)
        require_open_files()
        logs = {program.name: Log(stack.log(program.name), size(stack.log(program.name))) for program in programs}
        try:
            _launch(stack, programs)
            _await_ready(stack, programs, logs)
        except BaseException:
            _end(stack)
            raise


def stop(stack: Stack) -> None:
    """Stop supervisord and all its programs. Raises `NotRunningError` if none is running."""
    with _alone(stack):
        if not stack.supervisor.members():
            raise NotRunningError("the watcher is not running")
        _end(stack)


def _end(stack: Stack) -> None:
    """Supervisord stops its programs on SIGTERM; if it is dead, they are stopped one by one."""
    if not stack.supervisor.state().running:
        orphans = stack.supervisor.members()
        processes.terminate(orphans)
        processes.wait_gone(orphans, ORPHAN_GRACE_SECONDS)
    stack.supervisor.stop(STOP_SECONDS)
    stack.token_file.unlink(missing_ok=True)
    supervisord.remove_socket(stack.directory)


@contextlib.contextmanager
def _alone(stack: Stack) -> Iterator[None]:
    """Exclude a second command: each would see half of what the other does."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(exclusive(stack.directory / "lock", timeout_seconds=0))
        except TimeoutError:
            raise AlreadyRunningError("another command is starting or stopping this watcher") from None
        yield


def require_open_files() -> None:
    """Supervisord raises the soft limit by itself, and ends if the hard limit is too low (its setting `minfds`)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        raise WatcherError(
            f"the watcher needs {OPEN_FILES} open files, the limit is {hard}; raise it: ulimit -n {OPEN_FILES}"
        )


def _require_free_ports(stack: Stack) -> None:
    for program, address in stack.listens.items():
        if holder := ports.holder(*split_host_port(address)):
            raise PortTakenError(
                f"{program} needs {address}, which is held by {holder}; "
                f"stop that one, or set {LISTEN_VARIABLES[program]} to another HOST:PORT"
            )


def _launch(stack: Stack, programs: Sequence[Program]) -> None:
    write_token(stack)
    configuration = stack.directory / "supervisord.conf"
    configuration.write_text(supervisord.render(programs, stack.directory), encoding="utf-8")
    supervisord.prepare_socket(stack.directory)
    command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(configuration)]
    stack.supervisor.start(command, {**without_foreign(os.environ), **stack.environment})


@dataclass(frozen=True)
class Log:
    """The log of a program; this run starts at byte `begin`."""

    path: Path
    begin: int

    def after(self, message: str) -> str:
        """The message, and the last lines of this run."""
        return "\n".join([message, f"last lines of {self.path}:", *last_lines(self.path, CULPRIT_LINES, self.begin)])


def _await_ready(stack: Stack, programs: Sequence[Program], logs: Mapping[str, Log]) -> None:
    """Wait until all answer and supervisord reports them RUNNING (up for one second)."""
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while missing := _not_ready(stack, programs, logs):
        if time.monotonic() > deadline:
            names = ", ".join(program.name for program in missing)
            raise TimedOutError(logs[missing[0].name].after(f"{names} not ready after {READY_TIMEOUT_SECONDS:g} s"))
        time.sleep(POLL_SECONDS)


def _not_ready(stack: Stack, programs: Sequence[Program], logs: Mapping[str, Log]) -> list[Program]:
    """Raises `WatcherError` if one of them, or supervisord, has ended."""
    if not stack.supervisor.state().running:
        raise WatcherError(
            "\n".join(["supervisord ended; its last lines:", *stack.supervisor.lines(tail=CULPRIT_LINES)])
        )
    try:
        states = {program.name: program for program in supervisord.states(stack.directory)}
    except SilentError:
        return list(programs)  # its socket is not open yet; the deadline bounds this
    for program in states.values():
        if program.state in GONE:
            raise WatcherError(logs[program.name].after(f"{program.name} did not start: {program.detail}"))
    return [one for one in programs if states[one.name].state != "RUNNING" or not answers(one.ready_url)]
