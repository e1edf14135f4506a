"""Ray head and workers as containers of one engine, in their own network.

The head's ports are published on loopback only; workers reach the head by its container's name.
"""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

from ray_watcher.cluster import head as ray_head
from ray_watcher.cluster.base import HeadStatus
from ray_watcher.errors import AlreadyRunningError, MissingError, NotRunningError, PortTakenError, WatcherError
from ray_watcher.invocation import typed
from ray_watcher_common.ray_auth import NO_TOKEN, RayToken
from scaler.config.sizes import RAY_ON_THE_HEAD
from scaler.model.errors import LaunchFailedError, ProviderError, ProviderUnavailableError
from scaler.providers import ray_start
from scaler.providers.container import ContainerSpec
from scaler.providers.docker import PROJECT_LABEL, DockerProvider, compose_labels
from scaler.providers.engine import ConflictError, Engine, missing_image
from scaler.providers.worker_container import (
    CLUSTER_LABEL,
    GCS_PORT,
    TOKEN_PATH,
    container_name,
    shm_bytes,
    token_files,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray_watcher.cluster.base import HeadOptions
    from scaler.config.settings import ScalerSettings
    from scaler.providers.container import Container

HEAD_LABEL = "ray-watcher.head"
NETWORK_LABEL = "ray-watcher.network"  # of a network that we created; removed with its last cluster
ADDRESS_LABEL = "ray-watcher.address"  # of this machine, on which the ports are published; unset: loopback
GCS_PORT_LABEL = "ray-watcher.gcs-port"  # on this machine; an ended container shows no published ports
DASHBOARD_PORT_LABEL = "ray-watcher.dashboard-port"
TOKEN_PATH_LABEL = "ray-watcher.token-path"  # noqa: S105  # path of the token in the head's container
DASHBOARD_PORT, CLIENT_PORT, SERVE_PORT = 8265, 10001, 8000  # in the container
# Serve's default is loopback, which cannot be reached from outside the container.
ENVIRONMENT = {**ray_head.ENVIRONMENT, "RAY_SERVE_DEFAULT_HTTP_HOST": "0.0.0.0"}  # noqa: S104  # within the network
COMPOSE_SERVICE = "head"  # not a service of the Compose file: Compose would recreate `ray-head`
GRACE_SECONDS = 35  # in case the head drains: Ray's own limit is 30 s
CULPRIT_LINES = 15
PORT_REFUSED = re.compile(r"port is already allocated|address already in use")  # the engine's messages


def project_of(engine: Engine, cluster: str) -> str | None:
    """The Compose project of the cluster's running head, to which its workers belong too; None if there is none."""
    with contextlib.suppress(ProviderError):
        for head in engine.containers([f"{CLUSTER_LABEL}={cluster}", HEAD_LABEL]):
            if head.running(time.time()):
                return head.labels.get(PROJECT_LABEL)
    return None


class DockerCluster:
    """Implements `RayCluster`."""

    def __init__(  # noqa: PLR0913  # all that the container needs
        self,
        engine: Engine,
        provider: DockerProvider,
        *,
        cluster: str,
        image: str,
        network: str,
        token: RayToken = NO_TOKEN,
        compose_project: str | None = None,
        confined: bool = True,
        pids_limit: int = 0,
    ) -> None:
        self._engine = engine
        self._provider = provider
        self._cluster = cluster
        self._image = image
        self._network = network
        self._token = token
        self._compose_project = compose_project
        self._confined, self._pids_limit = confined, pids_limit

    @classmethod
    def from_settings(cls, settings: ScalerSettings, engine: Engine | None = None) -> DockerCluster:
        """The cluster that the settings describe; does not call the engine yet."""
        engine = engine or Engine()
        provider = DockerProvider.from_settings(settings, engine, token=lambda: made.token)
        made = cls(
            engine,
            provider,
            cluster=settings.cluster,
            image=settings.image,
            network=settings.network,
            token=settings.ray_token,
            compose_project=settings.compose_project,
            confined=settings.confined,
            pids_limit=settings.pids_limit,
        )
        return made

    @property
    def token(self) -> str | None:
        """The token in the head's container, whichever command started it; without a head, that of the settings."""
        found = self._find()
        if found is None:
            return self._token.read()
        path = found.labels.get(TOKEN_PATH_LABEL)
        return self._engine.read(found.id, path) if path else None

    @property
    def provider(self) -> DockerProvider:
        """Where the workers run."""
        return self._provider

    def start_head(self, options: HeadOptions, timeout_seconds: float = ray_head.READY_TIMEOUT_SECONDS) -> HeadStatus:
        """Start the head's container, creating its network if needed, and wait until it answers."""
        with _operator_errors():
            self._require_none()
            if self._engine.image_labels(self._image) is None:
                raise MissingError(missing_image(self._image))
            ray_head.require_free_ports(options)
            self._token.make()
            self._run(options)
            try:
                ray_head.await_ready(
                    options, ray_head.Watched(self._alive, self._last_lines, token=self._token.read()), timeout_seconds
                )
                return self._status(self._require())
            except BaseException:
                self._end(grace_seconds=0)
                raise

    def head(self) -> HeadStatus | None:
        """The head, running or ended; None if there is none."""
        with _operator_errors():
            found = self._find()
            return self._status(found) if found else None

    def stop_head(self) -> None:
        """Stop and remove the head, and the network if we created it and nothing else uses it."""
        with _operator_errors():
            self._require()
            self._end(GRACE_SECONDS)

    def head_logs(self, *, tail: int | None, follow: bool) -> Iterator[str]:
        """Lines of the head's output."""
        with _operator_errors():
            return self._engine.logs(self._require().id, tail=tail, follow=follow)

    @property
    def _name(self) -> str:
        return container_name(self._cluster, "head")

    def _find(self) -> Container | None:
        found = self._engine.containers([f"{CLUSTER_LABEL}={self._cluster}", HEAD_LABEL])
        return found[0] if found else None

    def _require(self) -> Container:
        if found := self._find():
            return found
        raise NotRunningError(f"no Ray head is running; start one with: {typed('start-ray')}")

    def _require_none(self) -> None:
        found = self._find()
        if found and found.running(time.time()):
            raise AlreadyRunningError(
                f"a Ray head is already running ({found.name}); stop it with: {typed('stop-ray')}"
            )
        if found:
            self._engine.remove(found.id, 0)  # it has ended; the new one needs its name

    def _run(self, options: HeadOptions) -> None:
        """Start the container; if that fails, an existing head belongs to another command and stays."""
        try:
            with self._network_for_it():
                self._engine.run(self._spec(options))
        except ConflictError:
            raise AlreadyRunningError(
                f"another container has the name {self._name}; if it is not needed: docker rm -f {self._name}"
            ) from None
        except LaunchFailedError as error:
            if PORT_REFUSED.search(str(error)):
                raise PortTakenError(str(error)) from error
            raise

    @contextlib.contextmanager
    def _network_for_it(self) -> Iterator[None]:
        """Create the network if needed; on failure, remove it unless others use it."""
        self._engine.ensure_network(self._network, {NETWORK_LABEL: "true"})
        try:
            yield
        except BaseException:
            self._remove_network()
            raise

    def _remove_network(self) -> None:
        self._engine.remove_network(self._network, f"{NETWORK_LABEL}=true")

    def _spec(self, options: HeadOptions) -> ContainerSpec:
        files = token_files(self._token.read())
        return ContainerSpec(
            name=self._name,
            image=self._image,
            command=["ray", *ray_head.arguments(options), f"--port={GCS_PORT}", "--dashboard-host=0.0.0.0"],
            network=self._network,
            labels={
                CLUSTER_LABEL: self._cluster,
                HEAD_LABEL: "true",
                GCS_PORT_LABEL: str(options.gcs_port),
                DASHBOARD_PORT_LABEL: str(options.dashboard_port),
                **({TOKEN_PATH_LABEL: TOKEN_PATH} if files else {}),
                **compose_labels(self._compose_project, COMPOSE_SERVICE, 1),
            },
            environment={**ENVIRONMENT, **ray_start.authentication(TOKEN_PATH if files else None)},
            files=files,
            shm_size=shm_bytes(options.object_store_memory, self._engine.capacity[1]),
            mem_limit=_memory_limit(options),
            gpus=int(options.num_gpus),
            ports={
                GCS_PORT: options.gcs_port,
                DASHBOARD_PORT: options.dashboard_port,
                CLIENT_PORT: options.client_port,
                **({SERVE_PORT: options.serve_port} if options.serve_port else {}),
            },
            stop_seconds=GRACE_SECONDS,
            confined=self._confined,
            pids_limit=self._pids_limit,
        )

    def _alive(self) -> bool:
        found = self._find()
        return found is not None and found.running(time.time())

    def _last_lines(self) -> list[str]:
        found = self._find()
        return list(self._engine.logs(found.id, tail=CULPRIT_LINES, follow=False)) if found else []

    def _status(self, found: Container) -> HeadStatus:
        running = found.running(time.time())
        ended = [] if running else [found.status, self._engine.why_ended(found.id)]
        host = found.labels.get(ADDRESS_LABEL, ray_head.HOST)
        return HeadStatus(
            running=running,
            detail=": ".join(filter(None, (f"container {found.name}", *ended))),
            started_at=self._engine.started_at(found.id) or found.created_at,
            gcs_address=f"{host}:{found.labels.get(GCS_PORT_LABEL, GCS_PORT)}",
            dashboard_url=ray_head.dashboard_url(int(found.labels.get(DASHBOARD_PORT_LABEL, DASHBOARD_PORT)), host),
            compose_project=found.labels.get(PROJECT_LABEL),
            token=self.token,
        )

    def _end(self, grace_seconds: float) -> None:
        if found := self._find():
            self._engine.remove(found.id, grace_seconds)
        self._token.forget()
        self._remove_network()


def _memory_limit(options: HeadOptions) -> int | None:
    """Memory of the container: what Ray was promised, and Ray itself."""
    if options.memory is None:
        return None
    return options.memory + (options.object_store_memory or 0) + RAY_ON_THE_HEAD


@contextlib.contextmanager
def _operator_errors() -> Iterator[None]:
    """Turn the provider's errors into those of the command line."""
    try:
        yield
    except ProviderUnavailableError as error:
        raise MissingError(str(error)) from error
    except ProviderError as error:
        raise WatcherError(str(error)) from error
