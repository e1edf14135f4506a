"""The watcher's programs as containers of Docker Compose, found by their labels.

`ray-watcher.program` is the program's name, `ray-watcher.listen` its address on this machine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ray_watcher.cluster.docker import TOKEN_PATH_LABEL
from ray_watcher.errors import WatcherError
from ray_watcher.stack.supervisord import ProgramState
from scaler.model.errors import ProviderError
from scaler.providers.engine import Engine
from scaler.providers.worker_container import CLUSTER_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scaler.providers.container import Container

PROGRAM_LABEL = "ray-watcher.program"
LISTEN_LABEL = "ray-watcher.listen"
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class ProgramContainer:
    """One program in a container."""

    engine: Engine
    container: Container

    @property
    def name(self) -> str:
        """exporter, scaler, prometheus, alertmanager or grafana."""
        return self.container.labels[PROGRAM_LABEL]

    @property
    def project(self) -> str:
        """The Compose project that it belongs to; "" if none."""
        return self.container.labels.get("com.docker.compose.project", "")

    @property
    def project_directory(self) -> str:
        """Where the Compose file of its project is; "" if not known."""
        return self.container.labels.get("com.docker.compose.project.working_dir", "")

    @property
    def listens(self) -> str:
        """`HOST:PORT` on this machine."""
        return self.container.labels.get(LISTEN_LABEL, "")

    @property
    def running(self) -> bool:
        """Whether it is running."""
        return self.container.running(time.time())

    def token(self) -> str | None:
        """The token that its API requires. Raises `WatcherError`."""
        path = self.container.labels.get(TOKEN_PATH_LABEL)
        try:
            return self.engine.read(self.container.id, path) if path else None
        except ProviderError as error:
            raise WatcherError(str(error)) from error

    def state(self) -> ProgramState:
        """Its state in supervisord's terms."""
        word = "RUNNING" if self.running else "EXITED"
        detail = f"container {self.container.name}: {self.container.status}"
        return ProgramState(self.name, word, None, self._started_at(), detail)

    def _started_at(self) -> float:
        """Unix seconds of its last start, which a listing does not have."""
        try:
            return self.engine.started_at(self.container.id) or self.container.created_at
        except ProviderError as error:
            raise WatcherError(str(error)) from error

    def lines(self, *, tail: int | None, follow: bool) -> Iterator[str]:
        """Its output. Raises `WatcherError`."""
        try:
            yield from self.engine.logs(self.container.id, tail=tail, follow=follow)
        except ProviderError as error:
            raise WatcherError(str(error)) from error

    def restart(self) -> None:
        """Stop it and start it again, with the settings that it was made with. Raises `WatcherError`."""
        self.stop()
        try:
            self.engine.start(self.container.id)
        except ProviderError as error:
            raise WatcherError(str(error)) from error

    def stop(self) -> None:
        """Stop it; `docker compose up -d` starts it again. Raises `WatcherError`."""
        try:
            self.engine.stop(self.container.id, STOP_SECONDS)
        except ProviderError as error:
            raise WatcherError(str(error)) from error


def find(cluster: str) -> Sequence[ProgramContainer]:
    """The program containers of the cluster, including ended ones. Raises `WatcherError`."""
    engine = Engine()
    try:
        listed = engine.containers([f"{CLUSTER_LABEL}={cluster}", PROGRAM_LABEL])
    except ProviderError as error:
        raise WatcherError(str(error)) from error
    found = [ProgramContainer(engine, container) for container in listed]
    return sorted(found, key=lambda program: program.container.created_at)
