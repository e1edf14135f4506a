"""When a program reads its files again: on SIGHUP, and if it is to watch them, when their content has changed."""

from __future__ import annotations

import hashlib
import queue
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from types import FrameType

SIGNAL, FILE, HTTP = "SIGHUP", "file", "HTTP"
"""What triggers a reload."""
PATH = "/-/reload"
"""Where it is asked for by HTTP, as of Prometheus and Alertmanager."""


class ReloadTriggers:
    """Calls `reload(trigger)` in a thread of its own; what it raises is its own affair, so it should raise nothing.

    `files` are watched every `interval` seconds; 0: they are not. A file counts as changed when its content differs, so
    that `touch` is nothing, and a replaced file, a link to another one, and a new mount are all noticed.
    """

    def __init__(self, reload: Callable[[str], object], files: Iterable[Path | None], interval: float) -> None:
        self._reload, self._interval = reload, interval
        self._files = [file for file in files if file is not None]
        self._asked: queue.SimpleQueue[str] = queue.SimpleQueue()  # its `put` is safe in a signal handler
        self._seen = contents(self._files)

    def start(self) -> None:
        """Begin; in the main thread, because signals are handled there."""
        signal.signal(signal.SIGHUP, self.note)
        threading.Thread(target=self._run, name="reload", daemon=True).start()

    def note(self, _signum: int, _frame: FrameType | None) -> None:
        """Handle the signal: a reload follows."""
        self._asked.put(SIGNAL)

    def _run(self) -> None:
        while True:
            self.turn()

    def turn(self) -> None:
        """Wait for the next signal, or until it is time to look at the files; and reload if there is a reason."""
        try:
            trigger = self._asked.get(timeout=self._interval or None)
            while not self._asked.empty():  # one reload serves all that asked meanwhile
                self._asked.get()
        except queue.Empty:
            if contents(self._files) == self._seen:
                return
            trigger = FILE
        self._seen = contents(self._files)  # before they are read: what changes meanwhile is seen next time
        self._reload(trigger)


def contents(files: Iterable[Path]) -> Mapping[Path, bytes]:
    """A digest of what is in each file; of nothing if it cannot be read."""
    return {file: hashlib.sha256(_read(file)).digest() for file in files}


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
