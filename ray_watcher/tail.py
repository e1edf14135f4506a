"""The end of a log file, and the lines written to it afterwards, across rotation."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

POLL_SECONDS = 0.2


def size(path: Path) -> int:
    """Bytes of a file; 0 if it does not exist."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def last_lines(path: Path, count: int, begin: int = 0) -> list[str]:
    """The last `count` lines from byte `begin` on; none if the file does not exist."""
    try:
        with path.open("rb") as log:
            log.seek(begin if begin <= size(path) else 0)  # rotated meanwhile: the whole file is new
            return [_text(line) for line in deque(log, maxlen=count)]
    except FileNotFoundError:
        return []


def tail_file(path: Path, count: int, *, follow: bool) -> Generator[str, None, None]:
    """The last `count` lines, then with `follow` each new one; a rotated file is read from its start."""
    log = path.open("rb")
    try:
        yield from (_text(line) for line in deque(log, maxlen=count))
        while follow:
            rotated = _was_rotated(path, log)  # checked before reading, so that the last lines are read
            yield from _whole_lines(log)
            if rotated:
                log.close()
                log = path.open("rb")
            else:
                time.sleep(POLL_SECONDS)
    finally:
        log.close()


def _whole_lines(log: BinaryIO) -> Iterator[str]:
    """The complete lines; an incomplete one is left for the next call."""
    while line := log.readline():
        if not line.endswith(b"\n"):
            log.seek(-len(line), os.SEEK_CUR)
            return
        yield _text(line)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r\n")


def _was_rotated(path: Path, log: BinaryIO) -> bool:
    try:
        return path.stat().st_ino != os.fstat(log.fileno()).st_ino
    except FileNotFoundError:
        return False  # between the renaming of the old file and the creation of the new one
