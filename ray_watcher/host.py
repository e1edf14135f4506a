"""Everything outside that the commands use: clusters, engines, Ray's state. One value, so that tests can replace it."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import ByteSize

from ray_watcher.cluster.process import ProcessCluster
from ray_watcher.errors import MissingError, NotRunningError, WatcherError
from ray_watcher.fetch import UnreachableError, get_json, present
from ray_watcher.invocation import typed
from ray_watcher.stack import log_container
from ray_watcher.stack.launcher import Launcher, launcher
from ray_watcher.stack.stack import Stack, programs_of, stack_of
from ray_watcher_common.ray_auth import RayToken
from ray_watcher_common.urls import shown_url
from ray_watcher_common.web.client import Bearer
from scaler.config.policy_file import policy_from
from scaler.config.settings import LOOPBACK_HOSTS
from scaler.config.sizes import RAY_ON_A_WORKER, RAY_ON_THE_HEAD, share_of_rest
from scaler.model.errors import ProviderError
from scaler.providers import docker_answers, docker_is_chosen, host_capacity, require_docker_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ray_watcher.cluster.base import HeadStatus, RayCluster
    from ray_watcher.settings import OperatorSettings
    from ray_watcher.stack.compose import ProgramContainer
    from ray_watcher.stack.supervisord import Program
    from ray_watcher_common.state import ClusterState
    from scaler.model.ports import Drainer

PROVIDERS = ("process", "docker")  # in the order they are asked: processes need no engine call
GCS_DEADLINE_SECONDS = 3.0


def real_cluster(provider: str, settings: OperatorSettings) -> RayCluster:
    """The cluster of `settings` on `provider`; the Docker library is loaded only if it is chosen."""
    if provider == "docker":
        require_docker_client()
        require_local_engine(os.environ.get("DOCKER_HOST", ""))
        from ray_watcher.cluster.docker import DockerCluster, project_of
        from scaler.providers.engine import Engine

        project = settings.compose_project or project_of(Engine(), settings.cluster)
        found = {"image": image_of(settings), "compose_project": project}
        return DockerCluster.from_settings(settings.model_copy(update=found))
    if provider == "swarm":
        raise WatcherError(
            "WATCHER_PROVIDER: got swarm, which only the scaler (python -m scaler) knows, wanted auto, docker or "
            "process; docs/many-hosts.md shows how to start a head on a Swarm"
        )
    return ProcessCluster.from_settings(settings)


def require_local_engine(docker_host: str) -> None:
    """Raises `MissingError` if DOCKER_HOST names the engine of another machine.

    A head there would answer at an address of that machine, which these commands do not know.
    """
    host = urlsplit(docker_host).hostname
    if host is not None and not docker_host.startswith(("unix:", "http+unix:")) and host not in LOOPBACK_HOSTS:
        raise MissingError(
            f"DOCKER_HOST ({shown_url(docker_host)}) is the Docker Engine of another machine; clusters are started and "
            "operated with the engine of this machine: unset DOCKER_HOST, or run ray-watcher on that machine"
        )


def image_of(settings: OperatorSettings) -> str:
    """The image of head and workers; it may be missing, which the engine then reports.

    RAY_IMAGE names it. If that is unset and its default is missing, an image of `build-image` is used.
    """
    from ray_watcher.images.provide import image_here
    from scaler.providers.engine import Engine

    with contextlib.suppress(ProviderError):
        return image_here(settings.image, Engine(), chosen="image" in settings.model_fields_set) or settings.image
    return settings.image


def provide_image(settings: OperatorSettings, progress: Callable[[str], None]) -> str:
    """The image to use, pulled or built if it is missing. Raises `MissingError`, `WatcherError`."""
    require_docker_client()
    from ray_watcher.images import provide

    return provide.provide_image(settings.image, progress, chosen="image" in settings.model_fields_set)


def program_containers(cluster: str) -> Sequence[ProgramContainer]:
    """The watcher's programs that Docker Compose runs for the cluster; none if no engine answers."""
    if not docker_answers():
        return ()
    from ray_watcher.stack.compose import find

    return find(cluster)


def read_gcs(head: HeadStatus) -> ClusterState:
    """Ray's current state, read from its GCS. Raises `NotRunningError` if it does not answer."""
    from exporter.sources.errors import SourceError
    from exporter.sources.gcs import GcsSource

    with contextlib.closing(GcsSource(head.gcs_address, GCS_DEADLINE_SECONDS, RayToken(head.token))) as source:
        try:
            return source.read(time.time())
        except SourceError as error:
            raise NotRunningError(f"Ray is not responding: {error}") from error


def gcs_drainer(head: HeadStatus) -> Drainer:
    """The client that asks Ray to drain a node."""
    from scaler.clients.gcs import GcsDrainer

    return GcsDrainer(head.gcs_address, RayToken(head.token))


@dataclass(frozen=True)
class Host:
    """Clusters, engines, Ray and programs, as the commands see them."""

    cluster: Callable[[str, OperatorSettings], RayCluster] = real_cluster
    engine_answers: Callable[[], bool] = docker_answers
    read_state: Callable[[HeadStatus], ClusterState] = read_gcs
    drainer: Callable[[HeadStatus], Drainer] = gcs_drainer
    image: Callable[[OperatorSettings], str] = image_of
    provide_image: Callable[[OperatorSettings, Callable[[str], None]], str] = provide_image
    programs: Callable[[Stack], Sequence[Program]] = programs_of
    program_containers: Callable[[str], Sequence[ProgramContainer]] = program_containers
    capacity: Callable[[str], tuple[int, int] | None] = host_capacity
    show_log: Callable[[str, str, Path], None] = log_container.show
    hide_log: Callable[[str], None] = log_container.hide
    require_log_name: Callable[[str], None] = log_container.require_name
    launcher_of: Callable[[Sequence[ProgramContainer]], Launcher] = launcher

    def launcher(self, settings: OperatorSettings) -> Launcher:
        """What started the watcher of these settings, or would start it."""
        try:
            containers = self.program_containers(settings.cluster)
        except WatcherError:
            containers = ()  # a hint is no reason to fail
        return self.launcher_of(containers)

    def runs(self, settings: OperatorSettings) -> bool:
        """Whether the watcher is running, as processes or as containers."""
        containers = self.program_containers(settings.cluster)
        return stack_of(settings).supervisor.state().running or any(program.running for program in containers)

    def advice(self, settings: OperatorSettings) -> str:
        """What to do if a program of the watcher does not answer."""
        if self.runs(settings):
            return f"the watcher is running, so it may be restarting; see its logs: {typed('logs-ray')}"
        return f"start it with: {self.launcher(settings).start}"

    def sized(self, settings: OperatorSettings, cluster: RayCluster, at_least: int = 0) -> OperatorSettings:
        """The settings with the memory of a new node, by the host and what is running, unless it is set.

        For as many workers as the policy allows, and `at_least` so many.
        """
        capacity = self.capacity(cluster.provider.name)
        if settings.node_memory is not None or capacity is None:
            return settings
        most = max(policy_from(settings).max_workers, at_least)
        head, workers = self._promised(cluster)
        if not head:
            return settings.on_a_host_with(capacity[1], most)
        each = share_of_rest(capacity[1], most, head, workers)
        return settings.model_copy(update={"node_memory": ByteSize(max(1, each))})

    def _promised(self, cluster: RayCluster) -> tuple[int, list[int]]:
        """Bytes of the running head (0: none), and of each running worker: what they promise, and Ray itself."""
        head = cluster.head()
        if head is None or not head.running:
            return 0, []
        try:
            alive = self.read_state(head).alive
        except WatcherError:
            return 0, []
        sizes = [int(node.total.get("memory", 0) + node.total.get("object_store_memory", 0)) for node in alive]
        promised = list(zip(alive, sizes, strict=True))
        heads = [size + RAY_ON_THE_HEAD for node, size in promised if node.is_head and size]
        return sum(heads), [size + RAY_ON_A_WORKER for node, size in promised if not node.is_head]

    def cluster_to_start(self, settings: OperatorSettings) -> RayCluster:
        """The provider of a new cluster: the chosen one; for `auto`, Docker if an engine answers."""
        if settings.provider != "auto":
            return self.cluster(settings.provider, settings)
        return self.cluster("docker" if docker_is_chosen(self.engine_answers) else "process", settings)

    def running_cluster(self, settings: OperatorSettings) -> RayCluster:
        """The running cluster, on whichever provider; the providers are asked, so that no record can be outdated.

        Raises `NotRunningError` if there is neither a head nor a worker.
        """
        for cluster in self._candidates(settings):
            if cluster.head() or cluster.provider.list():
                return cluster
        start = self.launcher(settings).start_ray
        raise NotRunningError(f"no Ray cluster '{settings.cluster}' is running; start it with: {start}")

    def token(self, settings: OperatorSettings) -> RayToken:
        """The token for the cluster that the settings name: its head's, if it runs on this machine."""
        if urlsplit(settings.ray_dashboard_metric_api).hostname in LOOPBACK_HOSTS:
            with contextlib.suppress(WatcherError):
                if head := self.running_cluster(settings).head():
                    return RayToken(head.token)
        return settings.given_ray_token  # our own file is for our own cluster

    def scaler(self, settings: OperatorSettings) -> tuple[str, str | None]:
        """Base URL and token of the scaler: the one that is named, a process, or a container of Docker Compose."""
        url, token = self._scaler(settings)
        if token:
            present(url, Bearer(token))
        return url, token

    def _scaler(self, settings: OperatorSettings) -> tuple[str, str | None]:
        if settings.url:
            return settings.url.rstrip("/"), settings.bearer_token(settings.web().current)
        stack = stack_of(settings)
        if not stack.supervisor.state().running:
            for program in self.program_containers(settings.cluster):
                if program.name == "scaler" and program.running:
                    return f"http://{program.listens}", program.token()
        return stack.url("scaler"), stack.token() or settings.bearer_token(settings.web().current)

    def scaler_url(self, settings: OperatorSettings) -> str:
        """The scaler's base URL, if it belongs to the cluster of the settings or does not answer.

        Raises `WatcherError` if it belongs to another cluster.
        """
        url, _ = self.scaler(settings)
        if settings.url:
            return url
        with contextlib.suppress(UnreachableError):
            found = get_json(f"{url}/api/v1/status").get("cluster", settings.cluster)
            if found != settings.cluster:
                raise WatcherError(
                    f"the scaler at {url} belongs to cluster {found!r}, wanted {settings.cluster!r} (WATCHER_CLUSTER)"
                )
        return url

    def _candidates(self, settings: OperatorSettings) -> Iterator[RayCluster]:
        if settings.provider == "docker" and not self.engine_answers():
            require_docker_client()
            raise MissingError("no Docker engine answers; start Docker, or use --provider process")
        chosen = PROVIDERS if settings.provider == "auto" else (settings.provider,)
        for provider in chosen:
            if provider != "docker" or settings.provider == "docker" or docker_is_chosen(self.engine_answers):
                yield self.cluster(provider, settings)
