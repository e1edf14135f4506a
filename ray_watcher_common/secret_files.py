"""Secrets as files: made once, at random, readable by their owner alone.

`python3 -m ray_watcher_common.secret_files DIRECTORY NAME=READER:UID[,READER:UID...] ...` keeps each secret in
DIRECTORY/NAME and a copy for each of its readers in DIRECTORY/READER/NAME, owned by user id UID. Run again, it makes
what is missing and changes no secret. With it one volume serves programs that run as different users and may not read
each other's secrets. It needs to own DIRECTORY, and the capability CHOWN if a UID is not its own.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECRET_BYTES = 32
MODE = 0o600
_WANTED = re.compile(r"(?P<name>[a-z-]+)=(?P<readers>[a-z-]+:\d+(?:,[a-z-]+:\d+)*)")


def ensure(path: Path) -> str:
    """The secret in `path`, created if there is none; of two processes at once both get the first one's."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = _written(path.parent, secrets.token_hex(SECRET_BYTES))
        try:
            os.link(made, path)  # unlike a rename, never over another's
        except FileExistsError:
            pass
        finally:
            made.unlink()
    found = path.stat()
    if found.st_uid == os.geteuid() and found.st_mode & 0o077:  # of an older version, or copied
        path.chmod(MODE)
    return path.read_text(encoding="utf-8").strip()


def write(path: Path, secret: str, uid: int | None = None) -> None:
    """Write `secret` to `path` atomically, readable by its owner only (`uid`; unset: this user)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = _written(path.parent, secret)
    if uid is not None:
        os.chown(made, uid, uid)
    made.replace(path)


def _written(directory: Path, secret: str) -> Path:
    """A new file of mode 600 (mkstemp's) that holds `secret`."""
    descriptor, name = tempfile.mkstemp(dir=directory, prefix=".")
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  # a descriptor has no path
        file.write(secret)
        file.flush()
        os.fsync(descriptor)
    return Path(name)


def parse(argument: str) -> tuple[str, Mapping[str, int]]:
    """Name of the secret and user id by reader. Raises `ValueError`."""
    if (found := _WANTED.fullmatch(argument)) is None:
        raise ValueError(f"got {argument!r}, wanted NAME=READER:UID[,READER:UID...]")
    readers = (reader.partition(":") for reader in found["readers"].split(","))
    return found["name"], {reader: int(uid) for reader, _, uid in readers}


def main(arguments: Sequence[str]) -> None:
    """Create what is missing; print names, never contents."""
    directory, *wanted = arguments
    for name, readers in map(parse, wanted):
        secret = ensure(Path(directory) / name)
        for reader, uid in readers.items():
            write(Path(directory) / reader / name, secret, uid)
            sys.stdout.write(f"{name} is ready for {reader} (user id {uid})\n")


if __name__ == "__main__":
    main(sys.argv[1:])
