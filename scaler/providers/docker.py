"""Workers as containers. Their state is in labels on the engine; nothing is stored here.

The container's name is the lock: of two launches with one index only one can succeed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import structlog

from scaler.model.cluster import Capabilities, Instance, InstanceStatus
from scaler.model.errors import IndexTakenError, ProviderError
from scaler.providers import ray_start
from scaler.providers.container import ContainerSpec
from scaler.providers.engine import CREATION_SECONDS, ConflictError, Engine, wait_until
from scaler.providers.worker_container import (
    CLUSTER_LABEL,
    GCS_PORT,
    PROGRAM_PATH,
    TOKEN_PATH,
    WORKER_ID_LABEL,
    WORKER_TYPE_LABEL,
    container_name,
    index_of,
    memory_limit,
    ray_command,
    shm_bytes,
    token_files,
    worker_environment,
    worker_labels,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scaler.config.settings import ScalerSettings
    from scaler.model.cluster import Host, LaunchRequest
    from scaler.providers.container import Container

log = structlog.get_logger()

COMPOSE_LABEL = "com.docker.compose"
PROJECT_LABEL = f"{COMPOSE_LABEL}.project"
WARM_LABEL = "ray-watcher.warm"
COMPOSE_SERVICE = "worker"  # as Compose names them
NAMED = "the name of a worker, such as ray-worker-1"
JOIN_PATH = "/run/ray-watcher/join"


def compose_labels(project: str | None, service: str, index: int) -> dict[str, str]:
    """What makes a container one of a Compose project; of a `service` that its file does not have, it is an orphan."""
    if project is None:
        return {}
    return {
        PROJECT_LABEL: project,
        f"{COMPOSE_LABEL}.service": service,
        f"{COMPOSE_LABEL}.container-number": str(index),
        f"{COMPOSE_LABEL}.oneoff": "False",
        f"{COMPOSE_LABEL}.config-hash": service,  # one without it, Compose takes for none of its own
    }


def is_worker(container: Container, cluster: str) -> bool:
    """Whether a container with the labels of a worker of `cluster` is one.

    Labels come from images too, so a container of a foreign image could have them. A name is given when a container
    is made, and no image can give one.
    """
    return is_worker_name(container.name, cluster)


def is_worker_name(name: str, cluster: str) -> bool:
    """Whether a worker of `cluster` has such a name, or had it while it was warm; labels may be damaged."""
    prefix, _, number = name.rpartition("-")
    return prefix in {container_name(cluster, role) for role in ("worker", "warm")} and number.isdecimal()


class DockerProvider:
    """Implements `WorkerProvider` on a Docker Engine."""

    name = "docker"
    capabilities = Capabilities()

    def __init__(  # noqa: PLR0913  # all that a container needs, spelled out
        self,
        engine: Engine,
        *,
        cluster: str,
        image: str,
        network: str,
        command: Callable[[LaunchRequest], Sequence[str]],
        stop_grace: float,
        compose_project: str | None = None,
        token: Callable[[], str | None] = lambda: None,
        confined: bool = True,
        pids_limit: int = 0,
    ) -> None:
        self._engine = engine
        self._cluster = cluster
        self._image = image
        self._network = network
        self._command = command
        self._stop_grace = stop_grace
        self._compose_project = compose_project
        self._token = token
        self._confined, self._pids_limit = confined, pids_limit
        self._reported: frozenset[str] = frozenset()

    @classmethod
    def from_settings(
        cls, settings: ScalerSettings, engine: Engine | None = None, token: Callable[[], str | None] | None = None
    ) -> DockerProvider:
        """The provider that the settings describe; it calls the engine only when it is used.

        `token` returns the cluster's token at each launch; by default the one of the settings.
        """
        head = f"{container_name(settings.cluster, 'head')}:{GCS_PORT}"
        return cls(
            engine or Engine(),
            cluster=settings.cluster,
            image=settings.image,
            network=settings.network,
            command=ray_command(settings.join_address or head, settings.network),
            stop_grace=settings.stop_grace,
            compose_project=settings.compose_project,
            token=token or settings.ray_token.read,
            confined=settings.confined,
            pids_limit=settings.pids_limit,
        )

    def hosts(self) -> Sequence[Host]:
        """None: all workers share one."""
        return ()

    def list(self) -> Sequence[Instance]:
        """Every worker of this cluster, by one call, and two for each that ended."""
        listed = self._engine.containers([self._ours, WORKER_ID_LABEL])
        self._report([container for container in listed if not is_worker(container, self._cluster)])
        return [self._instance(container) for container in listed if is_worker(container, self._cluster)]

    def prepare(self, request: LaunchRequest) -> Instance:
        """Start a worker that joins once a file appears in its container, or return the one with this id."""
        return self._started(request, self._warm_spec(request), self._find(request.worker_id))

    def launch(self, request: LaunchRequest) -> Instance:
        """Start a worker, make a warm one join, or return the one with this id."""
        spec, found = self._spec(request), self._find(request.worker_id)
        if found is None or not self._is_warm(found):
            return self._started(request, spec, found)
        if found.state == "running" and found.labels[WARM_LABEL] == _digest(spec):
            self._engine.write(found.id, {**spec.files, JOIN_PATH: "join"})
            with contextlib.suppress(ConflictError):  # another container has the name; the worker joins anyway
                self._engine.rename(found.id, spec.name)
            return self._instance(self._require(request.worker_id))
        self._engine.remove(found.id, 0)
        return self._started(request, spec, None)

    def _started(self, request: LaunchRequest, spec: ContainerSpec, found: Container | None) -> Instance:
        """The worker in the container that was `found`, else in a new one."""
        if found:
            return self._instance(self._resumed(found))
        try:
            self._engine.run(spec)
        except ConflictError:
            return self._instance(self._holder(request, spec.name))
        return self._instance(self._require(request.worker_id))

    def remove(self, worker_id: str, grace_seconds: float) -> None:
        """Stop and remove the worker's container with its volumes."""
        if found := self._find(worker_id):
            self._engine.remove(found.id, grace_seconds)

    def logs(self, worker_id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
        """The container's output, standard error included."""
        return self._engine.logs(self._require(worker_id).id, tail=tail, follow=follow)

    @property
    def _ours(self) -> str:
        return f"{CLUSTER_LABEL}={self._cluster}"

    def _report(self, others: Sequence[Container]) -> None:
        """Log a container that looks like a worker and is none, once."""
        for container in others:
            if container.id not in self._reported:
                log.warning("container is no worker", container=container.name, image=container.image, wanted=NAMED)
        self._reported = frozenset(container.id for container in others)

    def _find(self, worker_id: str) -> Container | None:
        listed = self._engine.containers([self._ours, f"{WORKER_ID_LABEL}={worker_id}"])
        return next((container for container in listed if is_worker(container, self._cluster)), None)

    def _require(self, worker_id: str) -> Container:
        found = self._find(worker_id)
        if found is None:
            raise ProviderError(f"no container of worker {worker_id} in cluster {self._cluster}")
        return found

    def _resumed(self, found: Container) -> Container:
        """The worker of an earlier launch; started now if that launch ended between create and start."""
        if found.state != "created":
            return found
        self._engine.await_creation(found.id)
        self._engine.write(found.id, self._files())
        self._engine.start(found.id)
        return self._require(found.labels[WORKER_ID_LABEL])

    def _holder(self, request: LaunchRequest, name: str) -> Container:
        """The container that has the name we wanted, if it is this very worker.

        The engine takes a name some milliseconds before it lists the container that gets it.
        """
        wait_until(lambda: self._engine.named(name) is not None, CREATION_SECONDS)
        holder = self._engine.named(name)
        if found := self._find(request.worker_id):
            return self._resumed(found)
        whose = f"{holder.image}, {holder.status}" if holder else "gone by now: try again"
        raise IndexTakenError(
            f"cannot launch {request.worker_id}: another container holds the name {name} ({whose}); "
            f"if it is not needed, remove it with `docker rm -f {name}`"
        )

    def _warm_spec(self, request: LaunchRequest) -> ContainerSpec:
        """A warm worker; its name and label show it, and what it was prepared for."""
        spec = self._spec(request)
        return replace(
            spec,
            name=self._warm_name(request.index),
            labels={**spec.labels, WARM_LABEL: _digest(spec)},
            environment={**spec.environment, ray_start.JOIN_FILE_VARIABLE: JOIN_PATH},
        )

    def _spec(self, request: LaunchRequest) -> ContainerSpec:
        worker, (host_cpus, host_memory) = request.worker_type, self._engine.capacity
        shm_size = shm_bytes(worker.object_store_memory, host_memory)
        files = self._files()
        return ContainerSpec(
            name=container_name(self._cluster, f"worker-{request.index}"),
            image=worker.image or self._image,
            command=self._command(request),
            network=self._network,
            labels=self._labels(request),
            environment=worker_environment(request, has_token=TOKEN_PATH in files),
            files=files,
            shm_size=shm_size,
            mem_limit=memory_limit(worker, shm_size),
            cpus=min(worker.num_cpus, host_cpus) or None,  # the engine refuses more than its host has
            gpus=math.ceil(worker.num_gpus),
            stop_seconds=math.ceil(self._stop_grace),
            confined=self._confined,
            pids_limit=self._pids_limit,
        )

    def _files(self) -> Mapping[str, str]:
        return {PROGRAM_PATH: ray_start.PROGRAM.read_text(encoding="utf-8"), **token_files(self._token())}

    def _is_warm(self, container: Container) -> bool:
        """Whether it was prepared and has not begun to join: it is renamed then."""
        return WARM_LABEL in container.labels and container.name == self._warm_name(index_of(container.labels))

    def _warm_name(self, index: int) -> str:
        return container_name(self._cluster, f"warm-{index}")

    def _labels(self, request: LaunchRequest) -> Mapping[str, str]:
        labels = worker_labels(self._cluster, request)
        return labels | compose_labels(self._compose_project, COMPOSE_SERVICE, request.index)

    def _instance(self, container: Container) -> Instance:
        running = container.running(time.time())
        up = InstanceStatus.WARM if self._is_warm(container) else InstanceStatus.RUNNING
        return Instance(
            worker_id=container.labels[WORKER_ID_LABEL],
            index=index_of(container.labels),
            worker_type=container.labels.get(WORKER_TYPE_LABEL, ""),
            status=up if running else InstanceStatus.EXITED,
            created_at=container.created_at,
            detail=container.name if running else self._why_ended(container),
        )

    def _why_ended(self, container: Container) -> str:
        ended = container.status if container.exit_code is None else f"exit code {container.exit_code}"
        reason = self._engine.why_ended(container.id)
        return f"{container.name}: {ended}" + (f": {reason}" if reason else "")


def _digest(spec: ContainerSpec) -> str:
    """Equal for equal containers; what their files hold may change."""
    text = json.dumps(asdict(replace(spec, files={})), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
