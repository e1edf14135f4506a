"""Workers as Swarm services, one for each. Their state is in Swarm's own store; nothing is stored here.

The service's name is the lock: of two launches with one index only one can succeed, whichever manager is asked. It is
free again when the container of the service that had it is gone.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ray_watcher_common.host import last_words
from scaler.model.cluster import Capabilities, Host, Instance, InstanceStatus, Waiting
from scaler.model.errors import IndexTakenError, LaunchFailedError, NoRoomError, ProviderError
from scaler.providers import ray_start, swarm_listing
from scaler.providers.engine import ConflictError, Engine, missing_image, wait_until
from scaler.providers.service import ServiceSpec
from scaler.providers.worker_container import (
    CLUSTER_LABEL,
    GCS_PORT,
    INDEX_LABEL,
    PROGRAM_PATH,
    TOKEN_PATH,
    WORKER_ID_LABEL,
    container_name,
    memory_limit,
    ray_command,
    shm_bytes,
    worker_environment,
    worker_labels,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scaler.config.settings import ScalerSettings
    from scaler.model.cluster import LaunchRequest, WorkerType

OUTCOME_SECONDS = 2.0  # in which a launch on an idle Swarm shows whether it has room and an image
REMOVAL_SECONDS = 20.0  # beyond the grace: Swarm itself takes 3 s to stop a container that has a network
FOLLOW_SECONDS = 0.5  # between two reads of output: a log of Swarm that is followed does not end with its service
LAST_LINES = 20  # in which the reason of an end is looked for
OBJECT_STORE = 1_000_000_000  # bytes, of a worker type without a size: no host's memory decides for all others
RAYS_USER = 1000  # of Ray's images


class SwarmProvider:
    """Implements `WorkerProvider` on a manager of a Swarm."""

    name = "swarm"
    capabilities = Capabilities(warm_workers=False, grace_at_removal=False, launch_is_final=False, many_hosts=True)

    def __init__(  # noqa: PLR0913  # all that a service needs, spelled out
        self,
        engine: Engine,
        *,
        cluster: str,
        image: str,
        network: str | None,
        command: Callable[[LaunchRequest], Sequence[str]],
        stop_grace: float,
        token: Callable[[], str | None] = lambda: None,
        confined: bool = True,
        pids_limit: int = 0,
        user_id: int = RAYS_USER,
    ) -> None:
        self._engine, self._cluster, self._image, self._network = engine, cluster, image, network
        self._command, self._stop_grace, self._token = command, stop_grace, token
        self._confined, self._pids_limit, self._user_id = confined, pids_limit, user_id

    @classmethod
    def from_settings(cls, settings: ScalerSettings, engine: Engine | None = None) -> SwarmProvider:
        """The provider that the settings describe; it calls the engine only when it is used."""
        head = f"{container_name(settings.cluster, 'head')}:{GCS_PORT}"
        return cls(
            engine or Engine(),
            cluster=settings.cluster,
            image=settings.image,
            network=settings.network,
            command=ray_command(settings.join_address or head, settings.network),
            stop_grace=settings.stop_grace,
            token=settings.ray_token.read,
            confined=settings.confined,
            pids_limit=settings.pids_limit,
        )

    def list(self) -> Sequence[Instance]:
        """Every worker of this cluster, by three calls, and one for each that ended."""
        return [self._with_last_words(worker) for worker in self._listed([self._ours, WORKER_ID_LABEL])]

    def hosts(self) -> Sequence[Host]:
        """The nodes of the Swarm, with what no task has reserved."""
        return swarm_listing.hosts(self._engine.nodes(), self._engine.tasks())

    def prepare(self, request: LaunchRequest) -> Instance:
        """Raises `LaunchFailedError`: nothing reaches into a container on another host to let it join."""
        raise LaunchFailedError(f"cannot prepare {request.worker_id}: provider {self.name} keeps no warm workers")

    def launch(self, request: LaunchRequest) -> Instance:
        """Start a worker, or return the one with this id; waits a moment for what Swarm makes of it."""
        spec = self._spec(request)
        if self._find(request.worker_id) is None:
            self._require_free(request, spec.name)
            try:
                self._engine.create_service(spec)
            except ConflictError:
                self._require_own(request, spec.name)
        return self._outcome(request, spec.image)

    def remove(self, worker_id: str, grace_seconds: float) -> None:
        """Remove the worker's service and wait until its container is gone; the grace is that of the launch."""
        if found := self._find(worker_id):
            self._engine.remove_service(found["ID"])
        limit = max(grace_seconds, self._stop_grace) + REMOVAL_SECONDS
        if not wait_until(lambda: not self._holders(self._of(worker_id)), limit):
            raise ProviderError(f"the container of {worker_id} is still stopping after {limit:g} s")

    def logs(self, worker_id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
        """The container's output, standard error included."""
        service = self._find(worker_id)
        if service is None:
            raise ProviderError(f"no service of worker {worker_id} in cluster {self._cluster}")
        return self._lines(worker_id, service["ID"], tail=tail, follow=follow)

    # --- reading --------------------------------------------------------------------------------------

    @property
    def _ours(self) -> str:
        return f"{CLUSTER_LABEL}={self._cluster}"

    def _of(self, worker_id: str) -> Sequence[str]:
        return [self._ours, f"{WORKER_ID_LABEL}={worker_id}"]

    def _listed(self, labels: Sequence[str]) -> Sequence[Instance]:
        """Services first: a task without one is of a service that was removed before."""
        services = self._engine.services(labels)
        return swarm_listing.workers(services, self._engine.tasks(labels), self._engine.nodes(), time.time())

    def _state(self, worker_id: str) -> Instance | None:
        return next(iter(self._listed(self._of(worker_id))), None)

    def _holders(self, labels: Sequence[str]) -> Sequence[str]:
        """The workers whose containers may still run."""
        return swarm_listing.holders(self._engine.tasks(labels), self._engine.nodes())

    def _find(self, worker_id: str) -> Mapping[str, Any] | None:
        return next(iter(self._engine.services(self._of(worker_id))), None)

    def _with_last_words(self, worker: Instance) -> Instance:
        """A worker that ended, with the reason in its output."""
        if worker.status is not InstanceStatus.EXITED:
            return worker
        service = self._find(worker.worker_id)
        lines = self._read(service["ID"], LAST_LINES) if service else ()
        reason = last_words.reason(text for _, text in lines)
        return replace(worker, detail=f"{worker.detail}: {reason}") if reason else worker

    def _lines(self, worker_id: str, service_id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
        last = ""
        while True:
            state = self._state(worker_id)  # before the read, so that nothing is missed of what has ended
            for at, text in self._read(service_id, tail):
                if at > last:
                    last = at
                    yield text
            if not follow or state is None or state.status is InstanceStatus.EXITED:
                return
            tail = None
            time.sleep(FOLLOW_SECONDS)

    def _read(self, service_id: str, tail: int | None) -> Sequence[tuple[str, str]]:
        """Time and text of each line. The times are all of one length, so that they compare as text."""
        lines = self._engine.service_logs(service_id, tail).decode("utf-8", "replace").splitlines()
        return [(at, text) for at, _, text in (line.partition(" ") for line in lines)]

    # --- launching ------------------------------------------------------------------------------------

    def _require_free(self, request: LaunchRequest, name: str) -> None:
        """Raises `IndexTakenError` while the container of an earlier service of that name is still stopping."""
        holders = self._holders([self._ours, f"{INDEX_LABEL}={request.index}"])
        if others := [holder for holder in holders if holder != request.worker_id]:
            raise IndexTakenError(f"cannot launch {request.worker_id}: {others[0]} still has the name {name}")

    def _require_own(self, request: LaunchRequest, name: str) -> None:
        """Raises `IndexTakenError` unless the service that has the name is this very worker."""
        if self._find(request.worker_id) is None:
            raise IndexTakenError(
                f"cannot launch {request.worker_id}: another service has the name {name}; "
                f"if it is not needed, remove it with `docker service rm {name}`"
            )

    def _outcome(self, request: LaunchRequest, image: str) -> Instance:
        """The worker, up or ended, or as it is after some seconds. Raises `NoRoomError`, `LaunchFailedError`."""
        wait_until(lambda: self._is_decided(request.worker_id), OUTCOME_SECONDS)
        worker = self._state(request.worker_id)
        if worker is None:
            raise LaunchFailedError(f"cannot launch {request.worker_id}: its service was removed")
        if worker.waiting is Waiting.NO_ROOM:
            self.remove(request.worker_id, 0)
            raise NoRoomError(worker.detail)
        if worker.status is InstanceStatus.EXITED and "exit code" not in worker.detail:
            self.remove(request.worker_id, 0)
            missing = "No such image" in worker.detail
            why = f"on host {worker.host}: {missing_image(image)}" if missing else worker.detail
            raise LaunchFailedError(why, worker.host or "")
        return worker

    def _is_decided(self, worker_id: str) -> bool:
        worker = self._state(worker_id)
        return worker is None or worker.status is not InstanceStatus.REQUESTED or worker.waiting is not None

    def _spec(self, request: LaunchRequest) -> ServiceSpec:
        worker, token = request.worker_type, self._token()
        shm_size = shm_bytes(worker.object_store_memory or OBJECT_STORE, 0)
        stem, labels = f"ray-watcher-{self._cluster}", {CLUSTER_LABEL: self._cluster}
        program = ray_start.PROGRAM.read_text(encoding="utf-8")
        return ServiceSpec(
            name=container_name(self._cluster, f"worker-{request.index}"),
            image=worker.image or self._image,
            command=self._command(request),
            network=self._network,
            labels=worker_labels(self._cluster, request),
            environment=worker_environment(request, has_token=bool(token)),
            shm_size=shm_size,
            memory=memory_limit(worker, shm_size),
            cpus=worker.num_cpus or None,
            resources=_generic(worker),
            constraints=self._constraints(request),
            stop_seconds=self._stop_grace,
            confined=self._confined,
            pids_limit=self._pids_limit,
            secrets=[self._engine.secret(f"{stem}-token", token, TOKEN_PATH, labels)] if token else [],
            configs=[self._engine.config(f"{stem}-program", program, PROGRAM_PATH, labels)],
            user_id=self._user_id,
        )

    def _constraints(self, request: LaunchRequest) -> Sequence[str]:
        """Those of its type, and hosts to avoid, unless no other one takes workers."""
        wanted = [*request.worker_type.placement]
        if not request.avoided_hosts:
            return wanted
        nodes = self._engine.nodes()
        names = swarm_listing.host_names(nodes)
        usable = {names[node["ID"]] for node in nodes if swarm_listing.takes_workers(node)}
        if usable <= set(request.avoided_hosts):
            return wanted
        return wanted + [f"node.id!={node_id}" for node_id, name in names.items() if name in request.avoided_hosts]


def _generic(worker: WorkerType) -> dict[str, int]:
    """GPUs are countable resources of a Swarm's hosts; their operator declares them as `GPU`."""
    return {"GPU": math.ceil(worker.num_gpus)} if worker.num_gpus else {}
