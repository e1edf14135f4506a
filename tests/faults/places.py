"""What outlives a scaler: workers that are real processes or containers, and files."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ray_watcher_common.host.detached import MARKER
from scaler.model.cluster import InstanceStatus, LaunchRequest
from scaler.providers.docker import DockerProvider
from scaler.providers.engine import Engine
from scaler.providers.process import ProcessProvider
from scaler.providers.worker_container import CLUSTER_LABEL, WORKER_ID_LABEL
from support.builders import worker_type
from support.images import tiny_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from docker import APIClient

    from scaler.model.ports import WorkerProvider

GONE_SECONDS = 5.0
ENGINE_STEPS = ("create_container", "put_archive", "start", "rename", "stop", "remove_container")


@dataclass
class Place(ABC):
    """The files; where the workers are, subclasses say."""

    directory: Path

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.directory / "journal.db"

    def drained(self) -> set[str]:
        """Ids of the workers that Ray has let go."""
        return {path.name for path in (self.directory / "drained").glob("*")}

    @abstractmethod
    def provider(self, step: Callable[[], None] = lambda: None) -> WorkerProvider:
        """The provider, whose workers sleep; `step` is called where Python itself does not tell of a step."""

    def warm(self) -> set[str]:
        """Ids of the workers that were not told to join yet."""
        return {one.worker_id for one in self.provider().list() if one.status is InstanceStatus.WARM}

    @abstractmethod
    def living(self) -> Mapping[str, object]:
        """Workers that live, by the host's own account; a second one of an id is `ID+`."""

    @abstractmethod
    def left(self) -> set[str]:
        """What there is of workers besides the living ones, once what broke off may be swept."""

    @abstractmethod
    def kill(self, worker_id: str = "") -> None:
        """End a worker with all that belongs to it; every worker where none is named."""

    def clear(self) -> None:
        """Leave nothing."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@dataclass
class ProcessPlace(Place):
    """Workers are processes."""

    @property
    def workers(self) -> Path:
        """Where the provider keeps its records."""
        return self.directory / "workers"

    def provider(self, step: Callable[[], None] = lambda: None) -> ProcessProvider:  # noqa: ARG002  # Python tells all
        """Workers are `sleep`."""
        return ProcessProvider(
            state_dir=self.directory, cluster="one", command=lambda _request, _node: ["/bin/sleep", "300"]
        )

    def living(self) -> dict[str, int]:
        """Pids of workers by id, by the host's own account; a second one of an id is `ID+`."""
        found: dict[str, int] = {}
        for pid, worker_id in self._processes():
            if _leads(pid):
                found[worker_id if worker_id not in found else f"{worker_id}+"] = pid
        return found

    def _processes(self) -> Iterator[tuple[int, str]]:
        """Pid and worker id of every living process that a worker's launch has started."""
        mark = f"{MARKER}={self.workers}/".encode()
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                marked = [entry for entry in path.read_bytes().split(b"\0") if entry.startswith(mark)]
                if marked:
                    yield int(path.parent.name), marked[0].decode().rpartition("/")[2]

    def left(self) -> set[str]:
        """Directories; the next launch sweeps those that broke off."""
        self.provider().launch(LaunchRequest("worker-9-ffffff", 9, worker_type()))
        there = {path.name for path in self.workers.iterdir() if path.is_dir()}
        return there - {"worker-9-ffffff"} - set(self.living())

    def kill(self, worker_id: str = "") -> None:
        """Kill all processes, and wait until they are gone."""
        deadline = time.monotonic() + GONE_SECONDS
        while targets := [pid for pid, owner in self._processes() if worker_id in {"", owner}]:
            for pid in targets:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{targets} cannot be killed")
            time.sleep(0.01)


def _leads(pid: int) -> bool:
    """Whether it is the first of a worker's processes."""
    with suppress(OSError):
        return os.getsid(pid) == pid
    return False


@dataclass
class DockerPlace(Place):
    """Workers are containers of a tiny image; the cluster has the directory's name."""

    engine: Engine = field(default_factory=Engine)

    def __post_init__(self) -> None:
        self.image = tiny_image(self.engine)
        self.engine.close()

    @property
    def cluster(self) -> str:
        """The label's value."""
        return self.directory.name

    def provider(self, step: Callable[[], None] = lambda: None) -> DockerProvider:
        """On a connection of its own: a forked process must not share one."""
        engine = Engine()
        engine._api = cast("APIClient", _Stepped(engine._api, step))  # noqa: SLF001  # the one place where all calls pass
        return DockerProvider(
            engine,
            cluster=self.cluster,
            image=self.image,
            network="bridge",
            command=lambda _request: ["sleep", "300"],
            stop_grace=1,
        )

    def living(self) -> dict[str, str]:
        """Containers that run."""
        return {worker_id: container for worker_id, container, state in self._all() if state == "running"}

    def left(self) -> set[str]:
        """Containers that do not run."""
        return {worker_id for worker_id, _, state in self._all() if state != "running"}

    def kill(self, worker_id: str = "") -> None:
        """Kill one container; remove all."""
        with closing(Engine()) as engine:
            for owner, container, _ in self._all():
                if not worker_id:
                    engine.remove(container, 0)
                elif owner == worker_id:
                    engine._api.kill(container)  # noqa: SLF001  # only tests kill

    def _all(self) -> list[tuple[str, str, str]]:
        with closing(Engine()) as engine:
            found = engine.containers([f"{CLUSTER_LABEL}={self.cluster}"])
        return [(one.labels[WORKER_ID_LABEL], one.id, one.state) for one in found]


class _Stepped:
    """Docker's API, each of whose changes is a step: before it, and after it."""

    def __init__(self, api: Any, step: Callable[[], None]) -> None:
        self._api, self._step = api, step

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._api, name)
        if name not in ENGINE_STEPS:
            return method

        def stepped(*args: Any, **kwargs: Any) -> Any:
            self._step()
            result = method(*args, **kwargs)
            self._step()
            return result

        return stepped


PLACES: dict[str, type[Place]] = {"process": ProcessPlace, "docker": DockerPlace}


def new_place(kind: str) -> Place:
    """A place of its own."""
    return PLACES[kind](Path(tempfile.mkdtemp(prefix="lives-")).resolve())
