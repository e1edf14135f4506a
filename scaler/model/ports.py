"""What the reconciler needs from the world, as small protocols; adapters and fakes implement them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ray_watcher_common.state import ClusterState
    from scaler.model.cluster import Capabilities, DrainReply, Host, Instance, LaunchRequest


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> float:
        """Unix seconds."""


class ClusterReader(Protocol):
    """Where the cluster's state comes from."""

    def read(self) -> ClusterState:
        """The current snapshot. Raises `SnapshotUnavailableError` if it is missing or stale."""


class Drainer(Protocol):
    """Asks Ray to let a node go."""

    def drain_idle(self, node_id: str, reason: str) -> DrainReply:
        """Drain `node_id` if it is idle by Ray's own account, atomically; refused otherwise.

        Raises `DrainFailedError` if Ray does not answer.
        """


class WorkerProvider(Protocol):
    """Where workers run. Every call is bounded in time; none keeps state of its own: the engine has it."""

    @property
    def name(self) -> str:
        """As in WATCHER_PROVIDER."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def list(self) -> Sequence[Instance]:
        """Every worker of this cluster, exited ones too. Raises `ProviderUnavailableError`."""

    def hosts(self) -> Sequence[Host]:
        """The hosts that workers run on; none if all share one. Raises `ProviderUnavailableError`."""

    def prepare(self, request: LaunchRequest) -> Instance:
        """Start a warm worker: it prepares everything, and joins when `launch` gets the same request.

        Raises as `launch`, and `LaunchFailedError` if the provider keeps no warm workers.
        """

    def launch(self, request: LaunchRequest) -> Instance:
        """Start a worker, or let a warm one join. The same `worker_id` again returns the existing worker.

        A warm worker that was prepared for another policy or cluster is replaced. A worker that is returned may be
        REQUESTED: its launch is accepted, and whether it has room, an image and a command shows in `list`.

        Raises `NoRoomError` or `LaunchFailedError` (nothing is left behind), or `ProviderUnavailableError`.
        """

    def remove(self, worker_id: str, grace_seconds: float) -> None:
        """Stop the worker, forcibly after `grace_seconds`, and leave nothing of it; unknown ids are fine.

        Its index is free when this returns. One on a host that is down is forgotten, and ends if the host returns.

        Raises `ProviderError`, `ProviderUnavailableError`.
        """

    def logs(self, worker_id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
        """Lines of the worker's own output, the last `tail` (None: all), then new ones while `follow`.

        Raises `ProviderError` for an unknown id.
        """
