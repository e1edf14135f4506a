"""Stand-ins for the world below the end-to-end level; each does the little that its port promises."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scaler.model.cluster import DrainReply
from scaler.model.errors import SnapshotUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray_watcher_common.state import ClusterState


@dataclass
class FakeClock:
    """Time that passes when told to."""

    time: float

    def now(self) -> float:
        return self.time

    def pass_(self, seconds: float) -> None:
        self.time += seconds


@dataclass
class FakeReader:
    """Gives the snapshot it holds; None: there is none."""

    snapshot: ClusterState | None = None
    problem: str = "the exporter does not answer"

    def read(self) -> ClusterState:
        if self.snapshot is None:
            raise SnapshotUnavailableError(self.problem)
        return self.snapshot


@dataclass
class FakeDrainer:
    """Records what it is asked to drain; `reply` is what it says."""

    reply: DrainReply = DrainReply(accepted=True)  # noqa: RUF009  # frozen
    drained: list[str] = field(default_factory=list)

    def drain_idle(self, node_id: str, reason: str) -> DrainReply:  # noqa: ARG002  # the port's signature
        self.drained.append(node_id)
        return self.reply


class AtOnceExecutor(Executor):
    """Runs everything before `submit` returns: an action that ends before the next one starts."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        fn(*args, **kwargs)
        return Future()


class LaterExecutor(Executor):
    """Runs nothing until `land` is called: an action that a test can watch."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.waiting.append(lambda: fn(*args, **kwargs))
        return Future()

    def land(self) -> None:
        """Carry out all that waits."""
        waiting, self.waiting = self.waiting, []
        for work in waiting:
            work()
