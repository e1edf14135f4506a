"""A Ray cluster on one provider: one head and its workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaler.model.ports import WorkerProvider


@dataclass(frozen=True)
class HeadOptions:
    """Resources of the head, and its ports (all bound to loopback)."""

    num_cpus: float
    num_gpus: float = 0
    object_store_memory: int | None = None  # bytes
    memory: int | None = None  # bytes for tasks and actors; None: Ray decides
    gcs_port: int = 6379
    dashboard_port: int = 8265
    client_port: int = 10001
    serve_port: int = 0  # forwarded to Ray Serve in the container; 0: not published


@dataclass(frozen=True)
class HeadStatus:
    """The head as its engine or host sees it."""

    running: bool
    detail: str  # container name or pid, and why it is not running; for people
    started_at: float  # unix seconds
    gcs_address: str  # as seen from this machine
    dashboard_url: str  # as seen from this machine, without path
    compose_project: str | None = None  # the Compose project that the head belongs to
    token: str | None = field(default=None, repr=False)  # required by Ray's API; never shown


class RayCluster(Protocol):
    """Head and workers on one provider."""

    @property
    def provider(self) -> WorkerProvider:
        """Where the workers run."""

    def start_head(self, options: HeadOptions) -> HeadStatus:
        """Start the head and wait until its GCS answers; on any error, stop it.

        Raises `AlreadyRunningError`, `PortTakenError`, `MissingError`, `TimedOutError`, `WatcherError`.
        """

    def head(self) -> HeadStatus | None:
        """The head, or None if there is none."""

    def stop_head(self) -> None:
        """Stop the head and remove its files. Raises `NotRunningError` if there is none."""

    def head_logs(self, *, tail: int | None, follow: bool) -> Iterator[str]:
        """Lines of the head's output. Raises `NotRunningError` if there is none."""
