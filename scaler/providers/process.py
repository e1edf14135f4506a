"""Workers as processes of this host: the embedded default without Docker.

The truth is on disk, one directory per worker (`<state_dir>/workers/<worker_id>/`): `record.json` is written
before the process starts, the rest by `ray_watcher_common.host.detached`. Any number of providers, in any number of
processes, can work on it at once: what has to be decided together (index, ports) is decided under a lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import structlog

from ray_watcher_common.host.detached import Detached, State, StillRunningError, write_atomically
from ray_watcher_common.host.locks import exclusive
from ray_watcher_common.program.settings import split_host_port
from ray_watcher_common.ray_auth import NO_TOKEN, RayToken
from scaler.config.settings import LOOPBACK_HOSTS
from scaler.model.cluster import Capabilities, Instance, InstanceStatus, LaunchRequest
from scaler.model.errors import IndexTakenError, LaunchFailedError, ProviderError, ProviderUnavailableError
from scaler.providers import ray_start
from scaler.providers.local_node import LocalNode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from scaler.config.settings import ScalerSettings
    from scaler.model.cluster import Host

log = structlog.get_logger()

LOCK_SECONDS = 10.0  # who holds the lock needs milliseconds


@dataclass(frozen=True)
class Record:
    """What is known of a worker before it starts."""

    worker_id: str
    index: int
    worker_type: str
    cluster: str
    created_at: float  # unix seconds
    node: LocalNode
    prepared: str = ""  # of a warm worker: what it was prepared for


@dataclass(frozen=True)
class Recipe:
    """How a worker is started: its command, and the environment beyond what it inherits."""

    command: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Equal for equal recipes."""
        text = json.dumps([self.command, sorted(self.environment.items())])
        return hashlib.sha256(text.encode()).hexdigest()


Command = Callable[[LaunchRequest, LocalNode], Sequence[str]]


def ray_command(address: str) -> Command:
    """How to start a Ray worker of this Python installation that joins the GCS at `address`."""
    program = [sys.executable, str(ray_start.PROGRAM)]
    here = ["--node-ip-address=127.0.0.1"] if split_host_port(address)[0] in LOOPBACK_HOSTS else []
    return lambda request, node: [*program, *ray_start.arguments(request, address), *here, *node.flags()]


class ProcessProvider:
    """Implements `WorkerProvider` with local processes that outlive the scaler."""

    name = "process"
    capabilities = Capabilities()

    def __init__(self, *, state_dir: Path, cluster: str, command: Command, token: RayToken = NO_TOKEN) -> None:
        self._workers = state_dir / "workers"
        self._cluster = cluster
        self._command = command
        self._token = token
        self._unreadable: set[str] = set()  # records already logged as such

    @classmethod
    def from_settings(cls, settings: ScalerSettings) -> ProcessProvider:
        """The provider that the settings describe; it touches nothing yet."""
        address = settings.join_address or settings.gcs_address
        return cls(
            state_dir=settings.state_dir,
            cluster=settings.cluster,
            command=ray_command(address),
            token=settings.ray_token,
        )

    def hosts(self) -> Sequence[Host]:
        """None: all workers share one."""
        return ()

    def list(self) -> Sequence[Instance]:
        """Every worker of this cluster; reads a few small files for each."""
        return [self._instance(record) for record in self._records() if record.cluster == self._cluster]

    def prepare(self, request: LaunchRequest) -> Instance:
        """Start a worker that joins once a file appears in its directory, or return the one with this id."""
        record, is_new = self._claimed(request, warm=True)
        return self._started(request, record) if is_new else self._instance(record)

    def launch(self, request: LaunchRequest) -> Instance:
        """Start a worker, let a warm one join, or return the one with this id."""
        record, is_new = self._claimed(request)
        if is_new:
            return self._started(request, record)
        if not self._is_warm(record):
            return self._instance(record)
        if self._is_as_prepared(request, record):
            return self._let_join(record)
        self._end(record, grace_seconds=0)
        return self.launch(request)

    def _let_join(self, record: Record) -> Instance:
        try:
            self._join_file(record).touch()
        except OSError as error:  # removed meanwhile
            raise LaunchFailedError(f"cannot let {record.worker_id} join: {error}") from error
        return self._instance(record)

    def _started(self, request: LaunchRequest, record: Record) -> Instance:
        try:
            self._start(request, record)
            self._require_record(record)
        except BaseException:
            self._end(record, grace_seconds=0)
            raise
        return self._instance(record)

    def remove(self, worker_id: str, grace_seconds: float) -> None:
        """Stop the worker and everything that it started, and forget it."""
        record = self._find(worker_id)
        if record is None:
            return
        try:
            self._end(record, grace_seconds)
        except StillRunningError as error:
            raise ProviderError(str(error)) from error

    def logs(self, worker_id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
        """The worker's output, standard error included."""
        if self._find(worker_id) is None:
            raise ProviderError(f"no worker {worker_id} in {self._workers}")
        return self._process(worker_id).lines(tail=tail, follow=follow)

    def _claimed(self, request: LaunchRequest, *, warm: bool = False) -> tuple[Record, bool]:
        """The record of the worker, and whether it was made now."""
        try:
            with exclusive(self._workers / ".lock", LOCK_SECONDS):
                self._sweep()
                records = {record.worker_id: record for record in self._records()}
                if found := records.get(request.worker_id):
                    return found, False
                return self._claim(request, list(records.values()), warm=warm), True
        except OSError as error:
            raise ProviderUnavailableError(f"cannot use {self._workers}: {error}") from error

    def _sweep(self) -> None:
        """Remove directories without a record: who claims a worker, or had ended one, was killed on the way.

        Under the lock no claim is on its way, and a record goes after the last process of its worker.
        """
        for directory in self._workers.iterdir():
            if directory.is_dir() and not (directory / "record.json").exists():
                shutil.rmtree(directory, ignore_errors=True)

    def _claim(self, request: LaunchRequest, others: Sequence[Record], *, warm: bool) -> Record:
        for other in others:
            if (other.cluster, other.index) == (self._cluster, request.index):
                raise IndexTakenError(f"worker-{request.index} is {other.worker_id}; remove that one first")
        for directory in sorted(self._workers.glob(f"worker-{request.index}-*")):
            if directory.name not in {other.worker_id for other in others}:
                raise IndexTakenError(f"{directory} has an unreadable record; end its processes and remove it")
        try:
            node = LocalNode.allot(avoid={port for other in others for port in other.node.ports})
        except OSError as error:
            raise LaunchFailedError(f"cannot start {request.worker_id}: {error}") from error
        prepared = self._recipe(request, node).digest if warm else ""
        kind = request.worker_type.name
        record = Record(request.worker_id, request.index, kind, self._cluster, time.time(), node, prepared)
        self._write(record)
        return record

    def _write(self, record: Record) -> None:
        directory = self._workers / record.worker_id
        directory.mkdir()
        write_atomically(directory / "record.json", json.dumps(asdict(record), indent=1))

    def _start(self, request: LaunchRequest, record: Record) -> None:
        recipe = self._recipe(request, record.node)
        if shutil.which(recipe.command[0]) is None:
            raise LaunchFailedError(f"cannot start {request.worker_id}: no program {recipe.command[0]}")
        waits = {ray_start.JOIN_FILE_VARIABLE: str(self._join_file(record))} if record.prepared else {}
        try:
            record.node.prepare()
            environment = {**ray_start.inherited(os.environ), **recipe.environment, **waits}
            self._process(record.worker_id).start(recipe.command, environment)
        except OSError as error:
            raise LaunchFailedError(f"cannot start {request.worker_id}: {error}") from error

    def _recipe(self, request: LaunchRequest, node: LocalNode) -> Recipe:
        authentication = ray_start.authentication(str(self._token.path) if self._token.read() else None)
        environment = {**authentication, **ray_start.environment(request)}
        return Recipe(tuple(self._command(request, node)), environment)

    def _join_file(self, record: Record) -> Path:
        return self._workers / record.worker_id / "join"

    def _is_warm(self, record: Record) -> bool:
        return bool(record.prepared) and not self._join_file(record).exists()

    def _is_as_prepared(self, request: LaunchRequest, record: Record) -> bool:
        running = self._process(record.worker_id).state().running
        return running and record.prepared == self._recipe(request, record.node).digest

    def _require_record(self, record: Record) -> None:
        """What somebody removed while it was being started would live on, known to nobody."""
        if self._find(record.worker_id) is None:
            raise LaunchFailedError(f"{record.worker_id} was removed while it was being started")

    def _end(self, record: Record, grace_seconds: float) -> None:
        process = self._process(record.worker_id)
        process.end(grace_seconds)
        record.node.release()
        process.forget()  # last: while its record exists, an interrupted removal can be repeated

    def _process(self, worker_id: str) -> Detached:
        return Detached(self._workers / worker_id)

    def _find(self, worker_id: str) -> Record | None:
        return next((r for r in self._records() if (r.worker_id, r.cluster) == (worker_id, self._cluster)), None)

    def _records(self) -> Iterator[Record]:
        """The records on disk; a directory without one is a launch or removal in progress.

        A record that cannot be read costs that worker only: it is skipped, and named if it has a living process.
        """
        found = (self._record(path) for path in sorted(self._workers.glob("*/record.json")))
        return (record for record in found if record)

    def _record(self, path: Path) -> Record | None:
        try:
            return _read(path)
        except FileNotFoundError:
            return None
        except ProviderError as error:
            if self._process(path.parent.name).members() and str(path) not in self._unreadable:
                log.warning("unreadable worker skipped", problem=str(error))
                self._unreadable.add(str(path))
            return None

    def _instance(self, record: Record) -> Instance:
        process = self._process(record.worker_id)
        state = process.state()
        return Instance(
            worker_id=record.worker_id,
            index=record.index,
            worker_type=record.worker_type,
            status=self._status(record) if state.running else InstanceStatus.EXITED,
            created_at=record.created_at,
            detail=_detail(state, process),
        )

    def _status(self, record: Record) -> InstanceStatus:
        return InstanceStatus.WARM if self._is_warm(record) else InstanceStatus.RUNNING


def _read(path: Path) -> Record:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        node = LocalNode(tuple(fields["node"]["ports"]), fields["node"]["temp_dir"])
        return Record(**{**fields, "node": node})
    except FileNotFoundError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, OSError) as error:
        raise ProviderError(f"{path} is not a worker's record ({error!r}); remove its directory") from error


def _detail(state: State, process: Detached) -> str:
    if state.running:
        return state.text
    return ": ".join(part for part in (state.text, process.last_line()) if part)
