"""A Ray node that shares this host with others: what each must have for itself."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ray_watcher_common.host.processes import free_ports
from scaler.providers.ray_start import PORT_FLAGS, agent_ports

if TYPE_CHECKING:
    from collections.abc import Collection

CGROUP_LIMITS = tuple(map(Path, ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")))
LONGEST_TEMP_DIR = 24  # characters: Ray's socket paths below it take 80 more, and Unix ends them at 107
PORTS_FROM_THE_SYSTEM = (
    "--node-manager-port=0",
    "--object-manager-port=0",
    "--min-worker-port=0",
    "--max-worker-port=0",
)


@dataclass(frozen=True)
class LocalNode:
    """One port for each of `PORT_FLAGS`, and a directory for sockets and logs, which `prepare` makes.

    Nodes that start at once in the head's directory (Ray's default) take each other's socket names, and all
    but one of them fail.
    """

    ports: tuple[int, ...]
    temp_dir: str

    @classmethod
    def allot(cls, avoid: Collection[int] = ()) -> LocalNode:
        """Free ports outside `avoid`, and the name of a new directory. Raises `OSError`.

        Nothing is made yet: what is made before it is written down stays when its maker is killed in between.
        """
        return cls(tuple(free_ports(len(PORT_FLAGS), avoid)), _short_temp_dir())

    def prepare(self) -> None:
        """Make the directory, readable by its owner only. Raises `OSError`, also if it exists."""
        Path(self.temp_dir).mkdir(mode=0o700)

    def flags(self) -> list[str]:
        """The same, as `ray start` takes it."""
        return [*agent_ports(self.ports), *PORTS_FROM_THE_SYSTEM, f"--temp-dir={self.temp_dir}"]

    def release(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.temp_dir, ignore_errors=True)


def _short_temp_dir() -> str:
    """In /tmp if the path of the system's temporary directory is too long."""
    place, name = tempfile.gettempdir(), f"ray-{secrets.token_hex(4)}"
    fits = len(f"{place}/{name}") <= LONGEST_TEMP_DIR
    return f"{place if fits else '/tmp'}/{name}"  # noqa: S108  # `prepare` refuses an existing directory


def capacity() -> tuple[int, int]:
    """CPUs and bytes of memory of this machine, or what the control group of a container leaves of it."""
    limits = [psutil.virtual_memory().total]
    for path in CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max": no limit
            limits.append(int(path.read_text(encoding="ascii")))
    return len(os.sched_getaffinity(0)), min(limits)
