"""A process that outlives its starter, with its state on disk.

Each has a directory of its own: `pid`, `output.log`, and `exit_code` once it has ended. The directory's path
is in the environment of the process and of everything it starts (`MARKER`), so that it is known again after
a restart, a reused pid is never mistaken for it, and nothing of it is left after `stop`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ray_watcher_common.host import last_words, private, processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MARKER = "RAY_WATCHER_PROCESS"
POLL_SECONDS = 0.1
PID_SECONDS, PID_POLL_SECONDS = 10.0, 0.001  # a shell writes its pid in some 3 ms
LAST_LINES = 20  # in which the reason of an end is looked for
STARTING_SECONDS = 10.0  # from directory to `pid` takes milliseconds; later, its starter died in between

# The shell writes its own pid down before it runs anything: its starter may be killed at any moment, and what runs
# unrecorded would be taken for ended, and ended. It survives the SIGTERM that is meant for the command (a trapped
# signal is reset in children, an ignored one would not be) and stays to write down how that ended. Not in the
# background: that would make the command ignore SIGINT, by which Ray cancels tasks.
_SUPERVISE = (
    'echo $$ > "$0/pid.new" && mv "$0/pid.new" "$0/pid" || exit 73; '
    'trap : TERM INT; "$@"; echo $? > "$0/exit_code.new"; mv "$0/exit_code.new" "$0/exit_code"'
)


class StillRunningError(RuntimeError):
    """Processes could not be killed; the message names them."""


@dataclass(frozen=True)
class State:
    """State of a detached process. `exit_code` is None while it runs, and if its end was not recorded.

    `pid` is the command's own while it runs.
    """

    running: bool
    pid: int | None
    exit_code: int | None

    @property
    def text(self) -> str:
        """For people."""
        if self.running:
            return f"pid {self.pid}" if self.pid else "starting"
        return "killed, exit code unknown" if self.exit_code is None else f"exit code {self.exit_code}"


@dataclass(frozen=True)
class Detached:
    """The process with its state in `directory` (absolute; it need not exist yet)."""

    directory: Path

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run `command` in a session of its own. Raises `OSError` if that fails; the caller cleans up."""
        private.make_directory(self.directory)
        (self.directory / "pid").unlink(missing_ok=True)  # an earlier one's
        with (self.directory / "output.log").open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  # the command is ours, and no shell reads it
                ["/bin/sh", "-c", _SUPERVISE, str(self.directory), *command],
                env={**environment, MARKER: str(self.directory)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.directory,  # not the caller's: Python would import what lies there
            )
        threading.Thread(target=process.wait, daemon=True).start()  # no zombie while we live
        self._await_pid(process)

    def _await_pid(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the process has recorded its pid. Raises `OSError` if it does not."""
        deadline = time.monotonic() + PID_SECONDS
        while not (self.directory / "pid").exists():
            ended = process.poll() is not None
            if (ended or time.monotonic() > deadline) and not (self.directory / "pid").exists():
                raise OSError(f"it could not write {self.directory / 'pid'}; its last words: {self.last_line()!r}")
            time.sleep(PID_POLL_SECONDS)

    def state(self) -> State:
        """The current state from disk and process table; cheap."""
        code, pid = self._number("exit_code"), self._number("pid")
        if code is not None:
            return State(running=False, pid=pid, exit_code=code)
        if pid is None:
            return State(running=self._is_young(), pid=None, exit_code=None)
        if _is_ours(pid, self.directory):
            return State(running=True, pid=_child(pid) or pid, exit_code=None)
        return State(running=False, pid=pid, exit_code=self._number("exit_code"))

    def stop(self, grace_seconds: float) -> None:
        """End it and everything that it started, and remove its directory; see `end`."""
        self.end(grace_seconds)
        self.forget()

    def forget(self) -> None:
        """Remove its directory."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def end(self, grace_seconds: float) -> None:
        """SIGTERM to the command, after `grace_seconds` SIGKILL to everything that it started.

        Raises `StillRunningError` if a process survives.
        """
        known = self.members()  # processes that hide their environment are found by their session, while it lives
        leader = self._number("pid")
        command = [process for process in known if _parent(process) == leader]
        processes.terminate(command)
        processes.wait_gone(command, grace_seconds)
        self._kill(known)

    def _kill(self, known: list[psutil.Process]) -> None:
        targets = {*known, *self.members()}
        deadline = time.monotonic() + processes.KILL_SECONDS
        while targets:
            survivors = processes.kill(targets)
            if survivors and time.monotonic() > deadline:
                raise StillRunningError(f"cannot kill processes {sorted(p.pid for p in survivors)} of {self.directory}")
            targets = {*survivors, *self.members()}

    def members(self) -> list[psutil.Process]:
        """Every living process of it."""
        return processes.marked(MARKER, str(self.directory), self._session())

    def _session(self) -> int | None:
        """The session of its processes; None if the record is of an earlier boot, as the number may be reused."""
        with contextlib.suppress(FileNotFoundError):
            if (self.directory / "pid").stat().st_mtime > psutil.boot_time():
                return self._number("pid")
        return None

    def lines(self, *, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """Its output: the last `tail` lines (None: all), then, with `follow`, new ones until it ends."""
        try:
            log = (self.directory / "output.log").open(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        with log:
            yield from (line.rstrip("\n") for line in deque(log, maxlen=tail))
            while follow:
                running = self.state().running  # asked before reading: what was written last is still read
                yield from (line.rstrip("\n") for line in log)
                if not running:
                    return
                time.sleep(POLL_SECONDS)

    def last_line(self) -> str:
        """The last line of output that can be the reason of its end; "" if there is none."""
        return last_words.reason(self.lines(tail=LAST_LINES))

    def _number(self, name: str) -> int | None:
        try:
            return int((self.directory / name).read_text(encoding="ascii"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None

    def _is_young(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return time.time() - self.directory.stat().st_mtime < STARTING_SECONDS
        return False


def _is_ours(pid: int, directory: Path) -> bool:
    try:
        return processes.has_marker(psutil.Process(pid), MARKER, str(directory))
    except psutil.NoSuchProcess:
        return False


def _child(pid: int) -> int | None:
    """The only child of the shell: the command; None if the kernel does not list it. Cheaper than every process."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0])
    return None


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.Error:
        return None


def write_atomically(path: Path, text: str) -> None:
    """Put `text` into `path` such that a reader sees the old content or all of the new."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
