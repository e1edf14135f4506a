"""The leader lease of a cluster: a lock on a file next to its journal, which the kernel releases when its holder dies.

There is no timeout, and there are never two leaders. A holder that is stopped (SIGSTOP) or hangs keeps the lease,
because it may continue at any time. The file can be deleted while it is held, so the holder checks before each
decision that the path still names its file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import IO, TYPE_CHECKING

from ray_watcher_common.host import private

if TYPE_CHECKING:
    from pathlib import Path


class Lease:
    """The lease with the file `path`; `held` is whether this process holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self.held = False

    def take(self) -> bool:
        """Take the lease if it is free; returns whether it is held. Raises `OSError`."""
        with contextlib.suppress(BlockingIOError):
            self._acquire(fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self.held

    def wait(self) -> None:
        """Wait until the lease is held, which is a moment after its holder ends. Raises `OSError`."""
        if not self.held:
            self._acquire(fcntl.LOCK_EX)

    def keep(self) -> bool:
        """Whether the lease is still held. If its file was deleted it is taken again, unless another process has it."""
        if self.held and not (self._file and self._names(self._file)):
            self.close()
            with contextlib.suppress(OSError):
                self.take()
        return self.held

    @property
    def holder(self) -> str:
        """The process that holds the lease, for display."""
        try:
            pid = self._path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            pid = ""
        return f"process {pid}" if pid else "another process"

    def close(self) -> None:
        """Release the lease if it is held."""
        self.held = False
        if self._file:
            self._file.close()

    def _acquire(self, how: int) -> None:
        private.make_directory(self._path.parent)
        while not self.held:
            file = self._path.open("a+", encoding="ascii")
            try:
                fcntl.flock(file, how)
            except BaseException:
                file.close()
                raise
            if not self._names(file):  # deleted meanwhile: nobody else would open this file
                file.close()
                continue
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            self._file, self.held = file, True

    def _names(self, file: IO[str]) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        return False
