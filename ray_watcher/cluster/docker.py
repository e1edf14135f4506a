"""Ray head and workers as containers on one engine, in a network of their own.

The head's ports are published on loopback alone; workers reach it by its container's name.
"""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

from ray_watcher.cluster import head as ray_head
from ray_watcher.cluster.base import HeadStatus
from ray_watcher.errors import AlreadyRunningError, MissingError, NotRunningError, PortTakenError, WatcherError
from ray_watcher_common.ray_auth import NO_TOKEN, RayToken
from scaler.model.errors import LaunchFailedError, ProviderError, ProviderUnavailableError
from scaler.providers import ray_start
from scaler.providers.container import ContainerSpec
from scaler.providers.docker import (
    CLUSTER_LABEL,
    GCS_PORT,
    TOKEN_PATH,
    DockerProvider,
    compose_labels,
    container_name,
    shm_bytes,
    token_files,
)
from scaler.providers.engine import ConflictError, Engine, missing_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray_watcher.cluster.base import HeadOptions
    from scaler.config.settings import ScalerSettings
    from scaler.providers.container import Container

HEAD_LABEL = "ray-watcher.head"
NETWORK_LABEL = "ray-watcher.network"  # of one that we made, for whichever clusters: the last one takes it away
GCS_PORT_LABEL = "ray-watcher.gcs-port"  # of this machine; a container that ended shows no published ports
DASHBOARD_PORT_LABEL = "ray-watcher.dashboard-port"
TOKEN_PATH_LABEL = "ray-watcher.token-path"  # noqa: S105  # where the token lies inside the head's container
DASHBOARD_PORT, CLIENT_PORT, SERVE_PORT = 8265, 10001, 8000  # inside the container
# Serve's own default is loopback, which nobody outside the container reaches.
ENVIRONMENT = {**ray_head.ENVIRONMENT, "RAY_SERVE_DEFAULT_HTTP_HOST": "0.0.0.0"}  # noqa: S104  # within the network
COMPOSE_SERVICE = "head"  # none of the Compose file's: Compose would make `ray-head` anew
GRACE_SECONDS = 35  # for whoever lets the head drain: Ray's own limit is 30 s
CULPRIT_LINES = 15
PORT_REFUSED = re.compile(r"port is already allocated|address already in use")  # the engine's words


class DockerCluster:
    """Implements `RayCluster`."""

    def __init__(
        self,
        engine: Engine,
        provider: DockerProvider,
        *,
        cluster: str,
        image: str,
        network: str,
        token: RayToken = NO_TOKEN,
        compose_project: str | None = None,
    ) -> None:
        self._engine = engine
        self._provider = provider
        self._cluster = cluster
        self._image = image
        self._network = network
        self._token = token
        self._compose_project = compose_project

    @classmethod
    def from_settings(cls, settings: ScalerSettings, engine: Engine | None = None) -> DockerCluster:
        """The cluster that the settings describe; it calls the engine only when it is used."""
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
        )
        return made

    @property
    def token(self) -> str | None:
        """The cluster's token, as its head has it, whoever started that; without a head, what the settings say."""
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
        """Start the head's container, in a network made for it where there is none, and wait until it answers."""
        with _told():
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
        """The head, running or ended; None where there is none."""
        with _told():
            found = self._find()
            return self._status(found) if found else None

    def stop_head(self) -> None:
        """Stop and remove the head; the network too if we made it and nothing else uses it."""
        with _told():
            self._require()
            self._end(GRACE_SECONDS)

    def head_logs(self, *, tail: int | None, follow: bool) -> Iterator[str]:
        """Lines of the head's output."""
        with _told():
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
        raise NotRunningError("no Ray head is running; start one with: ray-watcher start-ray")

    def _require_none(self) -> None:
        found = self._find()
        if found and found.running(time.time()):
            raise AlreadyRunningError(f"a Ray head is running already ({found.name}); stop it: ray-watcher stop-ray")
        if found:
            self._engine.remove(found.id, 0)  # it ended; its name is needed

    def _run(self, options: HeadOptions) -> None:
        """Start the container; where that fails, a head that is there belongs to someone else and stays."""
        try:
            with self._network_for_it():
                self._engine.run(self._spec(options))
        except ConflictError:
            raise AlreadyRunningError(
                f"another container holds the name {self._name}; if it is not needed: docker rm -f {self._name}"
            ) from None
        except LaunchFailedError as error:
            if PORT_REFUSED.search(str(error)):
                raise PortTakenError(str(error)) from error
            raise

    @contextlib.contextmanager
    def _network_for_it(self) -> Iterator[None]:
        """The network, made where there is none; a failure inside takes it away again unless others use it."""
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
            gpus=int(options.num_gpus),
            ports={
                GCS_PORT: options.gcs_port,
                DASHBOARD_PORT: options.dashboard_port,
                CLIENT_PORT: options.client_port,
                **({SERVE_PORT: options.serve_port} if options.serve_port else {}),
            },
            stop_seconds=GRACE_SECONDS,
        )

    def _alive(self) -> bool:
        found = self._find()
        return found is not None and found.running(time.time())

    def _last_lines(self) -> list[str]:
        found = self._find()
        return list(self._engine.logs(found.id, tail=CULPRIT_LINES, follow=False)) if found else []

    def _status(self, found: Container) -> HeadStatus:
        running = found.running(time.time())
        reason = "" if running else f": {found.status}: {self._engine.why_ended(found.id)}"
        return HeadStatus(
            running=running,
            detail=f"container {found.name}{reason}",
            started_at=found.created_at,
            gcs_address=f"{ray_head.HOST}:{found.labels.get(GCS_PORT_LABEL, GCS_PORT)}",
            dashboard_url=ray_head.dashboard_url(int(found.labels.get(DASHBOARD_PORT_LABEL, DASHBOARD_PORT))),
            token=self.token,
        )

    def _end(self, grace_seconds: float) -> None:
        if found := self._find():
            self._engine.remove(found.id, grace_seconds)
        self._token.forget()
        self._remove_network()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """The provider's errors as the operator's."""
    try:
        yield
    except ProviderUnavailableError as error:
        raise MissingError(str(error)) from error
    except ProviderError as error:
        raise WatcherError(str(error)) from error
