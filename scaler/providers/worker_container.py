"""What a worker's container has, whichever provider runs it: its name, labels, files, sizes and command. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scaler.model.workers import WORKER_ID
from scaler.providers import ray_start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scaler.model.cluster import LaunchRequest, WorkerType

CLUSTER_LABEL = "ray-watcher.cluster"
WORKER_ID_LABEL = "ray-watcher.worker-id"
INDEX_LABEL = "ray-watcher.index"
WORKER_TYPE_LABEL = "ray-watcher.worker-type"
INDEX = re.compile(r"[0-9]{1,9}")
# Where head and workers find the token; a file, since `docker inspect` shows variables to everyone.
TOKEN_PATH = "/run/ray-watcher/ray-token"  # noqa: S105  # its place, not what it holds
PROGRAM_PATH = f"/run/ray-watcher/{ray_start.PROGRAM.name}"
# Where a worker's agents listen in its container: outside the ports that Ray's workers and the system give out.
AGENT_PORTS = (8076, 8077, 8078, 8080)
GCS_PORT = 6379  # inside the head's container, whatever port of the host it is published on
MIB = 1024 * 1024
SHM_MARGIN = 64 * MIB  # Ray puts the object store on disk unless /dev/shm is larger than it
RAY_ITSELF = 512 * MIB  # raylet and agents need about 240 MiB; `memory` promises its bytes to tasks
RAYS_SHARE = 0.35  # of the host's memory: Ray takes 0.3 of it for objects by default


def container_name(cluster: str, role: str) -> str:
    """`ray-<role>`, with the cluster's name inside if it is not the default one."""
    return f"ray-{role}" if cluster == "default" else f"ray-{cluster}-{role}"


def shm_bytes(object_store_memory: int | None, host_memory: int) -> int:
    """What /dev/shm has to hold; it costs only what is written to it."""
    return int(host_memory * RAYS_SHARE) if object_store_memory is None else int(object_store_memory) + SHM_MARGIN


def memory_limit(worker: WorkerType, shm_size: int) -> int | None:
    """Memory of the container: what tasks were promised, the object store, and Ray itself."""
    return None if worker.memory is None else int(worker.memory) + shm_size + RAY_ITSELF


def worker_labels(cluster: str, request: LaunchRequest) -> dict[str, str]:
    """The labels by which a worker is known again."""
    return {
        CLUSTER_LABEL: cluster,
        WORKER_ID_LABEL: request.worker_id,
        INDEX_LABEL: str(request.index),
        WORKER_TYPE_LABEL: request.worker_type.name,
    }


def worker_environment(request: LaunchRequest, *, has_token: bool) -> dict[str, str]:
    """The variables with which Ray starts as this worker."""
    return {**ray_start.environment(request), **ray_start.authentication(TOKEN_PATH if has_token else None)}


def token_files(token: str | None) -> dict[str, str]:
    """The file that holds the cluster's token inside a container."""
    return {TOKEN_PATH: token} if token else {}


def ray_command(address: str, network: str) -> Callable[[LaunchRequest], list[str]]:
    """How to start a Ray worker that joins the GCS at `address`, as seen from its container in `network`."""
    ports = [] if network == "host" else ray_start.agent_ports(AGENT_PORTS)  # the host's are not ours to choose
    return lambda request: ["python3", PROGRAM_PATH, *ray_start.arguments(request, address), *ports]


def index_of(labels: Mapping[str, str]) -> int:
    """The N of `worker-N`, from its label or else its id; -1, which no worker has, if neither has a usable number.

    Labels can be anything: they come from images and from people too. Python refuses to read 5,000 digits.
    """
    match = WORKER_ID.match(labels.get(WORKER_ID_LABEL, ""))
    found = (text for text in (labels.get(INDEX_LABEL, ""), match[1] if match else "") if INDEX.fullmatch(text))
    return int(next(found, "-1"))
