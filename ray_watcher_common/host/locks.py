"""One at a time, across processes: a lock on a file, which the kernel gives back if its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import time
from typing import IO, TYPE_CHECKING

from ray_watcher_common.host import private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL_SECONDS = 0.01


@contextlib.contextmanager
def exclusive(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Hold the lock `path`, created if it is missing. Raises `OSError`; `TimeoutError` if another process keeps it."""
    private.make_directory(path.parent)
    with path.open("w") as lock:
        _take(lock, time.monotonic() + timeout_seconds)
        yield


def _take(lock: IO[str], deadline: float) -> None:
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"another process keeps {lock.name} locked")
        time.sleep(POLL_SECONDS)
