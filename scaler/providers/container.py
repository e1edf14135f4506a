"""A container as a plain value: one to be (`ContainerSpec`) and one that the engine lists (`Container`). Pure.

Small text files travel to and from the engine as tar archives.
"""

from __future__ import annotations

import io
import re
import tarfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNREADABLE = (LookupError, TypeError, ValueError, OverflowError, AttributeError)  # an entry of another form
LOG_LIMITS = {"max-size": "10m", "max-file": "3"}  # of the driver json-file; as in docker-compose.yml
STARTING_SECONDS = 30.0  # from create to start takes milliseconds; later, its scaler died in between
_EXITED = re.compile(r"Exited \((\d{1,10})\)")  # the engine's own words in a listing


@dataclass(frozen=True)
class ContainerSpec:
    """A container to be. Sizes are bytes, `cpus` is in cores, `ports` maps its own to those of 127.0.0.1."""

    name: str
    image: str
    command: Sequence[str]
    network: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    shm_size: int | None = None
    mem_limit: int | None = None
    cpus: float | None = None
    gpus: int = 0
    ports: Mapping[int, int] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)  # directories of the host, read-only, by path there
    user: str | None = None  # None: the image's
    stop_seconds: int | None = None
    confined: bool = True  # without capabilities, and unable to gain privileges
    pids_limit: int = 0  # most processes and threads; 0: no limit of its own
    files: Mapping[str, str] = field(default_factory=dict, repr=False)  # text by absolute path, its user's alone


@dataclass(frozen=True)
class Container:
    """A container as the engine lists it; `exit_code` is None while it has not ended."""

    id: str
    name: str
    image: str
    labels: Mapping[str, str]
    state: str  # created, running, paused, restarting, removing, exited, dead
    status: str  # the engine's own sentence about the state
    created_at: float  # unix seconds
    exit_code: int | None

    def running(self, now: float) -> bool:
        """Whether it is up, or on its way up at `now` (unix seconds): created, and started a moment later."""
        starting = self.state == "created" and now - self.created_at < STARTING_SECONDS
        return starting or self.state in {"running", "paused", "restarting"}


def from_listing(entry: Mapping[str, Any]) -> Container:
    """A container from an entry of the engine's `/containers/json`. Raises `UNREADABLE` if it is not one."""
    ended = _EXITED.match(entry["Status"])
    return Container(
        id=entry["Id"],
        name=_own_name(entry.get("Names") or []) or entry["Id"][:12],
        image=entry["Image"],
        labels={str(key): str(value) for key, value in (entry.get("Labels") or {}).items()},
        state=entry["State"],
        status=entry["Status"] or entry["State"],
        created_at=float(entry["Created"]),
        exit_code=int(ended.group(1)) if ended else None,
    )


def _own_name(names: Sequence[str]) -> str:
    """Of a container's names its own; `/other/alias` are those that links of other containers give it."""
    return next((name[1:] for name in names if name.startswith("/") and "/" not in name[1:]), "")


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
    """The first text file in an archive; None if it has none (a link, a directory), or is cut off."""
    with suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(given)) as found:
        for entry in found:
            if entry.isfile() and (file := found.extractfile(entry)):
                return file.read().decode("utf-8", "replace").strip()
    return None
