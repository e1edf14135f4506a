"""Ray head and workers as processes of this machine. The head's record is in `<state_dir>/head/<cluster>/`.

GCS, raylets and client port of Ray also listen outside loopback, whatever address the head is given; only the
dashboard does not. The token, which head and workers read from a file, protects them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray_watcher.cluster import head as ray_head
from ray_watcher.cluster.base import HeadStatus
from ray_watcher.errors import AlreadyRunningError, MissingError, NotRunningError, WatcherError
from ray_watcher.invocation import typed
from ray_watcher_common import installation
from ray_watcher_common.host.detached import Detached, StillRunningError, write_atomically
from ray_watcher_common.host.locks import exclusive
from ray_watcher_common.ray_auth import NO_TOKEN, RayToken
from ray_watcher_common.shipped import checkout
from scaler.providers import ray_start
from scaler.providers.local_node import LocalNode
from scaler.providers.process import ProcessProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ray_watcher.cluster.base import HeadOptions
    from ray_watcher_common.host.detached import State
    from scaler.config.settings import ScalerSettings

GRACE_SECONDS = 35.0  # in case the head drains: Ray's own limit is 30 s
LOCK_SECONDS = 10.0  # its holder needs milliseconds
CULPRIT_LINES = 15
NO_PATH_FOR_RAY = re.compile(r"""[\s:;&|<>()$`'"\\*?\[\]{}!#~]""")
"""Ray starts its client server through a shell, and preloads libraries by LD_PRELOAD, without quoting its own path."""


def ray_program() -> str:
    """The `ray` of this Python installation: head, workers and this program use one version."""
    return str(Path(sys.executable).with_name("ray"))


def _require_ray() -> None:
    """Raises `MissingError`: Ray is an optional part, and it does not run from every path."""
    program = ray_program()
    if not Path(program).exists():
        containers = "" if installation.has("docker") else f"; for containers, {installation.how_to_add('scaler')}"
        raise MissingError(
            f"Ray is not installed here ({program} is missing); {installation.how_to_add('ray')}{containers}"
        )
    if NO_PATH_FOR_RAY.search(program):
        move = "move the checkout" if checkout() else "install ray-watcher elsewhere"
        raise MissingError(f"Ray cannot run from a path with spaces or characters of the shell: {program}; {move}")


class ProcessCluster:
    """Implements `RayCluster`."""

    def __init__(
        self,
        provider: ProcessProvider,
        *,
        state_dir: Path,
        cluster: str,
        knows_head: Callable[[str, str | None], bool] = ray_head.knows_head,
        token: RayToken = NO_TOKEN,
    ) -> None:
        self._provider = provider
        self._knows_head = knows_head
        self._token = token
        self._process = Detached(state_dir / "head" / cluster)

    @classmethod
    def from_settings(cls, settings: ScalerSettings) -> ProcessCluster:
        """The cluster that the settings describe; starts nothing yet."""
        return cls(
            ProcessProvider.from_settings(settings),
            state_dir=settings.state_dir,
            cluster=settings.cluster,
            token=settings.ray_token,
        )

    @property
    def provider(self) -> ProcessProvider:
        """Where the workers run."""
        return self._provider

    def start_head(self, options: HeadOptions, timeout_seconds: float = ray_head.READY_TIMEOUT_SECONDS) -> HeadStatus:
        """Start `ray start --head` and wait until it answers."""
        _require_ray()
        with self._alone():
            self._require_none()
            ray_head.require_free_ports(options)
            self._token.make()
            self._claim(options)
        try:
            self._node().prepare()
            self._process.start(self._command(options), self._environment())
            ray_head.await_ready(options, self._watched(), timeout_seconds)
            return self._status()
        except BaseException:
            self._end(grace_seconds=0)
            raise

    def head(self) -> HeadStatus | None:
        """The head, running or dead; None if none was started."""
        return self._status() if self._record_path.exists() else None

    def stop_head(self) -> None:
        """Stop the head and its processes, and remove Ray's files."""
        if self.head() is None:
            raise NotRunningError(f"no Ray head is running; start one with: {typed('start-ray')}")
        self._end(GRACE_SECONDS)

    def head_logs(self, *, tail: int | None, follow: bool) -> Iterator[str]:
        """Lines of the head's output."""
        if self.head() is None:
            raise NotRunningError("no Ray head is running, so it has no log")
        return self._process.lines(tail=tail, follow=follow)

    @property
    def _record_path(self) -> Path:
        return self._process.directory / "record.json"

    def _record(self) -> Mapping[str, Any]:
        try:
            record: Mapping[str, Any] = json.loads(self._record_path.read_text(encoding="utf-8"))
        except ValueError as error:  # truncated by a power loss
            directory = self._process.directory
            raise WatcherError(f"{self._record_path} is damaged ({error}); remove {directory}") from error
        return record

    def _node(self) -> LocalNode:
        node = self._record()["node"]
        return LocalNode(tuple(node["ports"]), node["temp_dir"])

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        directory = self._process.directory
        try:
            with exclusive(directory.with_name(f".{directory.name}.lock"), LOCK_SECONDS):
                yield
        except OSError as error:
            raise WatcherError(f"cannot use {directory.parent}: {error}") from error

    def _require_none(self) -> None:
        if found := self.head():
            if found.running:
                raise AlreadyRunningError(
                    f"a Ray head is already running ({found.detail}); stop it with: {typed('stop-ray')}"
                )
            self._end(grace_seconds=0)  # it died; its remaining processes hold the ports

    def _claim(self, options: HeadOptions) -> None:
        """Write the head's record; from now on other commands see it."""
        self._process.directory.mkdir(exist_ok=True)
        record = {
            "started_at": time.time(),
            "node": asdict(LocalNode.allot(avoid=ray_head.ports(options).values())),
            "gcs_port": options.gcs_port,
            "dashboard_port": options.dashboard_port,
        }
        write_atomically(self._record_path, json.dumps(record, indent=1))

    def _command(self, options: HeadOptions) -> list[str]:
        return [
            ray_program(),
            *ray_head.arguments(options),
            f"--node-ip-address={ray_head.HOST}",
            f"--port={options.gcs_port}",
            f"--dashboard-host={ray_head.HOST}",
            f"--dashboard-port={options.dashboard_port}",
            f"--ray-client-server-port={options.client_port}",
            *self._node().flags(),
        ]

    def _environment(self) -> dict[str, str]:
        authentication = ray_start.authentication(str(self._token.path) if self._token.read() else None)
        return {**ray_head.ENVIRONMENT, **ray_start.inherited(os.environ), **authentication}

    def _watched(self) -> ray_head.Watched:
        return ray_head.Watched(
            lambda: self._process.state().running, self._last_lines, self._knows_head, self._token.read()
        )

    def _status(self) -> HeadStatus:
        record, state = self._record(), self._process.state()
        return HeadStatus(
            running=state.running,
            detail=state.text if state.running else self._end_of(state),
            started_at=float(record["started_at"]),
            gcs_address=f"{ray_head.HOST}:{record['gcs_port']}",
            dashboard_url=ray_head.dashboard_url(record["dashboard_port"]),
            token=self._token.read(),
        )

    def _end_of(self, state: State) -> str:
        """How it ended; Ray's own processes may outlive the one that was killed, and then tasks still run."""
        if left := self._process.members():
            return f"{state.text}, but {len(left)} of its processes still run; end them with: {typed('stop-ray')}"
        return ": ".join(filter(None, (state.text, self._process.last_line())))

    def _last_lines(self) -> list[str]:
        return list(self._process.lines(tail=CULPRIT_LINES))

    def _end(self, grace_seconds: float) -> None:
        try:
            self._process.end(grace_seconds)
        except StillRunningError as error:
            raise WatcherError(f"the Ray head does not stop: {error}") from error
        self._node().release()
        self._token.forget()
        self._process.forget()  # last: while the record exists, an interrupted stop can be repeated
