"""A Ray cluster as the operator handles it: one head, and workers from a provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaler.model.ports import WorkerProvider


@dataclass(frozen=True)
class HeadOptions:
    """What the head brings, and the ports it answers on (all bound to loopback)."""

    num_cpus: float
    num_gpus: float = 0
    object_store_memory: int | None = None  # bytes
    gcs_port: int = 6379
    dashboard_port: int = 8265
    client_port: int = 10001
    serve_port: int = 0  # of Ray Serve in a container; 0: not published


@dataclass(frozen=True)
class HeadStatus:
    """The head as its engine or host sees it."""

    running: bool
    detail: str  # container name or pid, and why it is down: for people
    started_at: float  # unix seconds
    gcs_address: str  # as seen from this machine
    dashboard_url: str  # likewise, without path
    token: str | None = field(default=None, repr=False)  # that Ray wants of whoever calls it; for nobody's eyes


class RayCluster(Protocol):
    """Head and workers on one provider."""

    @property
    def provider(self) -> WorkerProvider:
        """Where the workers run."""

    def start_head(self, options: HeadOptions) -> HeadStatus:
        """Start the head and wait until its GCS answers; on any error nothing of it is left.

        Raises `AlreadyRunningError`, `PortTakenError`, `MissingError`, `TimedOutError`, `WatcherError`.
        """

    def head(self) -> HeadStatus | None:
        """The head, or None where there is none."""

    def stop_head(self) -> None:
        """Stop the head and remove what it leaves. Raises `NotRunningError` where there is none."""

    def head_logs(self, *, tail: int | None, follow: bool) -> Iterator[str]:
        """Lines of the head's output. Raises `NotRunningError` where there is none."""
