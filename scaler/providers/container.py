"""A container as a plain value: one to be (`ContainerSpec`) and one that the engine lists (`Container`). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STARTING_SECONDS = 30.0  # from create to start takes milliseconds; later, whoever started it died in between
_EXITED = re.compile(r"Exited \((\d+)\)")  # the engine's own words in a listing


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
    stop_seconds: int | None = None
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
    """A container from an entry of the engine's `/containers/json`."""
    ended = _EXITED.match(entry["Status"])
    return Container(
        id=entry["Id"],
        name=entry["Names"][0].lstrip("/") if entry.get("Names") else entry["Id"][:12],
        image=entry["Image"],
        labels=entry.get("Labels") or {},
        state=entry["State"],
        status=entry["Status"] or entry["State"],
        created_at=float(entry["Created"]),
        exit_code=int(ended.group(1)) if ended else None,
    )
