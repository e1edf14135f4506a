"""Workers as processes of this host: the embedded default where there is no Docker.

The truth is on disk, one directory per worker (`<state_dir>/workers/<worker_id>/`): `record.json` is written
before the process starts, the rest by `common.detached`. Any number of providers, in any number of
processes, can work on it at once: what has to be decided together (index, ports) is decided under a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from common.detached import Detached, State, StillRunningError, write_atomically
from common.processes import free_ports
from common.settings import split_host_port
from scaler.errors import LaunchFailedError, ProviderError, ProviderUnavailableError
from scaler.model import Instance, InstanceStatus
from scaler.providers import ray_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scaler.model import LaunchRequest
    from scaler.settings import ScalerSettings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
LOCK_SECONDS = 10.0  # who holds the lock needs milliseconds
PORT_FLAGS = (
    # Told apart, several nodes of one host join in 1.2-2.2 s; with equal defaults they need 5.3-6.2 s.
    "--runtime-env-agent-port",
    "--dashboard-agent-grpc-port",
    "--dashboard-agent-listen-port",
    "--metrics-export-port",
)
PORTS_FROM_THE_SYSTEM = (
    "--node-manager-port=0",
    "--object-manager-port=0",
    "--min-worker-port=0",
    "--max-worker-port=0",
)


@dataclass(frozen=True)
class Record:
    """What is known of a worker before it starts."""

    worker_id: str
    index: int
    worker_type: str
    cluster: str
    created_at: float  # unix seconds
    ports: tuple[int, ...]


def ray_program() -> str:
    """The `ray` of this Python installation: the head's version is ours as well."""
    return str(Path(sys.executable).with_name("ray"))


def ray_command(address: str) -> Callable[[LaunchRequest, Sequence[int]], list[str]]:
    """How to start a Ray worker that joins the GCS at `address`; it takes one port for each of `PORT_FLAGS`."""

    def command(request: LaunchRequest, ports: Sequence[int]) -> list[str]:
        own_ports = [f"{flag}={port}" for flag, port in zip(PORT_FLAGS, ports, strict=True)]
        here = ["--node-ip-address=127.0.0.1"] if split_host_port(address)[0] in LOOPBACK else []
        return [ray_program(), *ray_start.arguments(request, address), *here, *own_ports, *PORTS_FROM_THE_SYSTEM]

    return command


class ProcessProvider:
    """Implements `WorkerProvider` with local processes that outlive the scaler."""

    name = "process"

    def __init__(
        self, *, state_dir: Path, cluster: str, command: Callable[[LaunchRequest, Sequence[int]], list[str]]
    ) -> None:
        self._workers = state_dir.resolve() / "workers"
        self._cluster = cluster
        self._command = command

    @classmethod
    def from_settings(cls, settings: ScalerSettings) -> ProcessProvider:
        """The provider that the settings describe; it touches nothing yet."""
        address = settings.join_address or settings.gcs_address
        return cls(state_dir=settings.state_dir, cluster=settings.cluster, command=ray_command(address))

    def list(self) -> Sequence[Instance]:
        """Every worker of this cluster; reads a few small files for each."""
        return [self._instance(record) for record in self._records() if record.cluster == self._cluster]

    def launch(self, request: LaunchRequest) -> Instance:
        """Start a worker, or return the one with this id."""
        with self._lock():
            records = {record.worker_id: record for record in self._records()}
            if request.worker_id in records:
                return self._instance(records[request.worker_id])
            record = self._claim(request, list(records.values()))
        try:
            self._start(request, record)
        except BaseException:
            self._process(record.worker_id).stop(grace_seconds=0)
            raise
        return self._instance(record)

    def remove(self, worker_id: str, grace_seconds: float) -> None:
        """Stop the worker and everything that it started, and forget it."""
        if self._find(worker_id) is None:
            return
        try:
            self._process(worker_id).stop(grace_seconds)
        except StillRunningError as error:
            raise ProviderError(str(error)) from error

    def logs(self, worker_id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
        """The worker's output, standard error included."""
        if self._find(worker_id) is None:
            raise ProviderError(f"no worker {worker_id} in {self._workers}")
        return self._process(worker_id).lines(tail=tail, follow=follow)

    def _claim(self, request: LaunchRequest, others: Sequence[Record]) -> Record:
        for other in others:
            if (other.cluster, other.index) == (self._cluster, request.index):
                raise LaunchFailedError(f"worker-{request.index} is {other.worker_id}; remove that one first")
        taken = {port for other in others for port in other.ports}
        try:
            ports = tuple(free_ports(len(PORT_FLAGS), avoid=taken))
        except OSError as error:
            raise LaunchFailedError(f"no ports for {request.worker_id}: {error}") from error
        record = Record(request.worker_id, request.index, request.worker_type.name, self._cluster, time.time(), ports)
        self._write(record)
        return record

    def _write(self, record: Record) -> None:
        directory = self._workers / record.worker_id
        directory.mkdir()
        write_atomically(directory / "record.json", json.dumps(asdict(record), indent=1))

    def _start(self, request: LaunchRequest, record: Record) -> None:
        command = self._command(request, record.ports)
        if shutil.which(command[0]) is None:
            raise LaunchFailedError(f"cannot start {request.worker_id}: no program {command[0]}; install ray[default]")
        environment = {**ray_start.inherited(os.environ), **ray_start.environment(request)}
        try:
            self._process(record.worker_id).start(command, environment)
        except OSError as error:
            raise LaunchFailedError(f"cannot start {request.worker_id}: {error}") from error

    def _process(self, worker_id: str) -> Detached:
        return Detached(self._workers / worker_id)

    def _find(self, worker_id: str) -> Record | None:
        return next((r for r in self._records() if (r.worker_id, r.cluster) == (worker_id, self._cluster)), None)

    def _records(self) -> Iterator[Record]:
        """Those on disk; a directory without a record is a launch or removal at work."""
        for path in sorted(self._workers.glob("*/record.json")):
            with contextlib.suppress(FileNotFoundError):
                yield _read(path)

    def _instance(self, record: Record) -> Instance:
        process = self._process(record.worker_id)
        state = process.state()
        return Instance(
            worker_id=record.worker_id,
            index=record.index,
            worker_type=record.worker_type,
            status=InstanceStatus.RUNNING if state.running else InstanceStatus.EXITED,
            created_at=record.created_at,
            detail=_detail(state, process),
        )

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        try:
            self._workers.mkdir(parents=True, exist_ok=True)
            lock = (self._workers / ".lock").open("w")
        except OSError as error:
            raise ProviderUnavailableError(f"cannot write {self._workers}: {error.strerror}") from error
        with lock:
            _take(lock)
            yield


def _take(lock: IO[str]) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel gives it back if we die
            return
        if time.monotonic() > deadline:
            raise ProviderUnavailableError(f"another process holds {lock.name} for more than {LOCK_SECONDS:g} s")
        time.sleep(0.01)


def _read(path: Path) -> Record:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return Record(**{**fields, "ports": tuple(fields["ports"])})
    except (ValueError, TypeError, KeyError) as error:
        raise ProviderError(f"{path} is not a worker's record ({error!r}); remove its directory") from error


def _detail(state: State, process: Detached) -> str:
    if state.running:
        return state.text
    return ": ".join(part for part in (state.text, process.last_line()) if part)
