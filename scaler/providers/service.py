"""A worker as a Swarm service: what is asked of the engine (`ServiceSpec`). Pure.

One service for each worker, because of a service with several Swarm chooses which one a scale-down stops. Labels stand
on the service, by which the engine lists it and its task, and on the container, which outlives it for a moment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scaler.providers.container import LOG_LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NANO = 1_000_000_000
SHM = "/dev/shm"  # noqa: S108  # services have no --shm-size: a tmpfs there


@dataclass(frozen=True)
class StoredFile:
    """A secret or config of the engine, and the place where a container finds it."""

    id: str
    name: str
    path: str
    mode: int


@dataclass(frozen=True)
class ServiceSpec:
    """A service of one container. Sizes are bytes, `cpus` is in cores; what it may use at most is reserved for it."""

    name: str
    image: str
    command: Sequence[str]
    network: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    shm_size: int | None = None
    memory: int | None = None
    cpus: float | None = None
    resources: Mapping[str, int] = field(default_factory=dict)  # countable ones of the host, for example GPU
    constraints: Sequence[str] = ()
    stop_seconds: float | None = None
    confined: bool = True
    pids_limit: int = 0
    secrets: Sequence[StoredFile] = ()
    configs: Sequence[StoredFile] = ()
    user_id: int = 0  # who may read the secrets


def task_template(spec: ServiceSpec) -> dict[str, Any]:
    """The engine's `TaskSpec`. A task that ended stays as it is: the scaler decides what follows."""
    template: dict[str, Any] = {
        "ContainerSpec": _container(spec),
        "Resources": {"Limits": _limits(spec), "Reservations": _reservations(spec)},
        "RestartPolicy": {"Condition": "none"},
        "Placement": {"Constraints": list(spec.constraints)},
        "LogDriver": {"Name": "json-file", "Options": LOG_LIMITS},
    }
    return template | ({"Networks": [{"Target": spec.network}]} if spec.network else {})


def _container(spec: ServiceSpec) -> dict[str, Any]:
    container: dict[str, Any] = {
        "Image": spec.image,
        "Command": list(spec.command[:1]),  # the entrypoint, whatever the image has
        "Args": list(spec.command[1:]),
        "Labels": dict(spec.labels),
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "Hostname": spec.name,
        "Init": True,
        "Secrets": [_reference(file, "Secret", spec.user_id) for file in spec.secrets],
        "Configs": [_reference(file, "Config", spec.user_id) for file in spec.configs],
    }
    if spec.confined:
        container["CapabilityDrop"] = ["ALL"]
    if spec.stop_seconds is not None:
        container["StopGracePeriod"] = int(spec.stop_seconds * NANO)
    if spec.shm_size is not None:
        container["Mounts"] = [{"Type": "tmpfs", "Target": SHM, "TmpfsOptions": {"SizeBytes": spec.shm_size}}]
    return container


def _reference(file: StoredFile, kind: str, user_id: int) -> dict[str, Any]:
    place = {"Name": file.path, "UID": str(user_id), "GID": str(user_id), "Mode": file.mode}
    return {f"{kind}ID": file.id, f"{kind}Name": file.name, "File": place}


def _limits(spec: ServiceSpec) -> dict[str, Any]:
    return _amounts(spec) | ({"Pids": spec.pids_limit} if spec.pids_limit else {})


def _reservations(spec: ServiceSpec) -> dict[str, Any]:
    countable = [{"DiscreteResourceSpec": {"Kind": kind, "Value": many}} for kind, many in spec.resources.items()]
    return _amounts(spec) | ({"GenericResources": countable} if countable else {})


def _amounts(spec: ServiceSpec) -> dict[str, Any]:
    amounts = {"NanoCPUs": int((spec.cpus or 0) * NANO), "MemoryBytes": spec.memory or 0}
    return {name: amount for name, amount in amounts.items() if amount}
