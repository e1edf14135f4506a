"""Small text files as the tar archives in which the Docker Engine takes and gives them. Pure."""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def archive(files: Mapping[str, str], user_id: int) -> bytes:
    """`files` (text by absolute path) of mode 600, owned by `user_id`, below directories that all can enter."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as made:
        for path, text in files.items():
            name = PurePosixPath(path).relative_to("/")
            directory = tarfile.TarInfo(str(name.parent))
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            made.addfile(directory)
            entry = tarfile.TarInfo(str(name))
            entry.size, entry.mode, entry.uid, entry.gid = len(text.encode()), 0o600, user_id, user_id
            made.addfile(entry, io.BytesIO(text.encode()))
    return target.getvalue()


def content(given: bytes) -> str | None:
    """The first text file in an archive; None where it has none (a link, a directory)."""
    with tarfile.open(fileobj=io.BytesIO(given)) as found:
        for entry in found:
            if entry.isfile() and (file := found.extractfile(entry)):
                return file.read().decode("utf-8", "replace").strip()
    return None
