"""Who acts for a cluster: a lock on a file beside its journal, which the kernel gives back when its holder dies.

However it dies: there is nothing to time out, and never are there two. A holder that is stopped (SIGSTOP) or hangs
keeps the lease: nobody can know that it will not go on. A file can be deleted under its holder, though, so the holder
asks before each decision whether it is still the one that the path names.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Lease:
    """The lease whose file is `path`; `held` says whether this process has it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self.held = False

    def take(self) -> bool:
        """Take it if nobody has it; whether it is ours. Raises `OSError`."""
        with contextlib.suppress(BlockingIOError):
            self._acquire(fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self.held

    def wait(self) -> None:
        """Until it is ours, which is a moment after its holder's end. Raises `OSError`."""
        if not self.held:
            self._acquire(fcntl.LOCK_EX)

    def keep(self) -> bool:
        """Whether it is still ours: where its file was deleted it is taken anew, unless another was quicker."""
        if self.held and not (self._file and self._names(self._file)):
            self.close()
            with contextlib.suppress(OSError):
                self.take()
        return self.held

    @property
    def holder(self) -> str:
        """The process that acts now, for people."""
        try:
            pid = self._path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            pid = ""
        return f"process {pid}" if pid else "another process"

    def close(self) -> None:
        """Give it back, where it is held."""
        self.held = False
        if self._file:
            self._file.close()

    def _acquire(self, how: int) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        while not self.held:
            file = self._path.open("a+", encoding="ascii")
            try:
                fcntl.flock(file, how)
            except BaseException:
                file.close()
                raise
            if not self._names(file):  # deleted meanwhile: a lock on what nobody else will open
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
