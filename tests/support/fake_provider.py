"""A provider in memory that does what the real ones do; the contract suite holds it to them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scaler.model.cluster import Capabilities, Instance, InstanceStatus
from scaler.model.errors import IndexTakenError, LaunchFailedError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scaler.model.cluster import Host, LaunchRequest
    from scaler.model.errors import NoRoomError


@dataclass
class FakeEngine:
    """What several fake providers share, as real ones share a host. `now` is unix seconds."""

    now: float = 1_000.0
    workers: dict[tuple[str, str], Instance] = field(default_factory=dict)  # by cluster and worker id


@dataclass
class FakeProvider:
    """Implements `WorkerProvider`; `calls` has every call in order.

    Set `unavailable` or `launch_error` to an error to have it raised; `exit_code` to have new workers end at
    once; `output` for what they write.
    """

    name: str = "fake"
    capabilities: Capabilities = field(default_factory=Capabilities)
    cluster: str = "default"
    engine: FakeEngine = field(default_factory=FakeEngine)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    output: tuple[str, ...] = ()
    exit_code: int | None = None
    unavailable: ProviderError | None = None
    launch_error: LaunchFailedError | NoRoomError | None = None
    at_hosts: tuple[Host, ...] = ()
    requests: list[LaunchRequest] = field(default_factory=list)  # of `launch`

    @property
    def counts(self) -> Counter[str]:
        """How often each operation was called."""
        return Counter(call[0] for call in self.calls)

    def hosts(self) -> Sequence[Host]:
        """The configured ones."""
        return self.at_hosts

    def list(self) -> Sequence[Instance]:
        """Every worker of this cluster."""
        self._called("list")
        return [worker for (cluster, _), worker in self.engine.workers.items() if cluster == self.cluster]

    def prepare(self, request: LaunchRequest) -> Instance:
        """Add a warm worker, or return the one with this id."""
        self._called("prepare", request.worker_id)
        key = (self.cluster, request.worker_id)
        if key not in self.engine.workers:
            self._admit(request)
            started = self._started(request)
            running = started.status is InstanceStatus.RUNNING
            self.engine.workers[key] = replace(started, status=InstanceStatus.WARM) if running else started
        return self.engine.workers[key]

    def launch(self, request: LaunchRequest) -> Instance:
        """Add a worker, tell a warm one to join, or return the one with this id."""
        self._called("launch", request.worker_id)
        self.requests.append(request)
        key = (self.cluster, request.worker_id)
        if key not in self.engine.workers:
            self._admit(request)
            self.engine.workers[key] = self._started(request)
        elif self.engine.workers[key].status is InstanceStatus.WARM:
            self.engine.workers[key] = replace(self.engine.workers[key], status=InstanceStatus.RUNNING)
        return self.engine.workers[key]

    def remove(self, worker_id: str, grace_seconds: float) -> None:
        """Forget the worker."""
        self._called("remove", worker_id, f"{grace_seconds:g}")
        self.engine.workers.pop((self.cluster, worker_id), None)

    def logs(self, worker_id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
        """The configured output."""
        self._called("logs", worker_id, str(follow))
        if (self.cluster, worker_id) not in self.engine.workers:
            raise ProviderError(f"no worker {worker_id}")
        return iter(self.output if tail is None else self.output[len(self.output) - tail :])

    def exit(self, worker_id: str, exit_code: int, last_line: str = "") -> None:
        """Let a running worker end by itself."""
        key = (self.cluster, worker_id)
        detail = f"exit code {exit_code}: {last_line}" if last_line else f"exit code {exit_code}"
        self.engine.workers[key] = replace(self.engine.workers[key], status=InstanceStatus.EXITED, detail=detail)

    def _called(self, *call: str) -> None:
        self.calls.append(call)
        if self.unavailable:
            raise self.unavailable

    def _admit(self, request: LaunchRequest) -> None:
        if self.launch_error:
            raise self.launch_error
        for (cluster, worker_id), worker in self.engine.workers.items():
            if (cluster, worker.index) == (self.cluster, request.index):
                raise IndexTakenError(f"worker-{request.index} is {worker_id}")

    def _started(self, request: LaunchRequest) -> Instance:
        ended = self.exit_code is not None
        return Instance(
            worker_id=request.worker_id,
            index=request.index,
            worker_type=request.worker_type.name,
            status=InstanceStatus.EXITED if ended else InstanceStatus.RUNNING,
            created_at=self.engine.now,
            detail=f"exit code {self.exit_code}: {self.output[-1] if self.output else ''}" if ended else "fake",
        )
