"""What a worker's container may be, as the body of `POST /containers/create`. Pure.

Keys are compared exactly, unknown ones are refused, and the engine receives what was read here, never the text that
came: its own parser folds case (even U+017F is an `s`) and takes the last of two equal keys.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_pascal

from scaler.model.workers import WORKER_ID
from scaler.providers.docker import WARM_LABEL
from scaler.providers.worker_container import CLUSTER_LABEL, INDEX_LABEL, WORKER_ID_LABEL, WORKER_TYPE_LABEL

COMPOSE_PREFIX = "com.docker.compose."
LABELS = frozenset({CLUSTER_LABEL, INDEX_LABEL, WARM_LABEL, WORKER_ID_LABEL, WORKER_TYPE_LABEL})
LARGEST_PIDS = 1_000_000

Count = Annotated[int, Field(ge=0)]
Empty = Annotated[dict[str, Any], Field(max_length=0)]


class RefusedError(ValueError):
    """The request asks for something that the scaler does not need; the message names it."""


@dataclass(frozen=True)
class Limits:
    """Which workers there may be: their cluster, the images they run, the network they are in."""

    cluster: str
    images: frozenset[str]
    network: str


class _Closed(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid", strict=True)


class _Gpus(_Closed):
    driver: Literal[""] = ""
    count: Annotated[int, Field(ge=-1)]
    device_ids: Annotated[list[str], Field(alias="DeviceIDs")] = []
    capabilities: list[list[Literal["gpu"]]]
    options: Empty = {}


class _LogConfig(_Closed):
    type: Literal["json-file", "local"]
    config: dict[Literal["max-size", "max-file"], str] = {}


class _Host(_Closed):
    """Of the host a worker gets memory, processors and GPUs; no files, devices, privileges or namespaces."""

    init: bool = True
    network_mode: str
    memory: Count | None = None
    nano_cpus: Count | None = None
    shm_size: Count | None = None
    pids_limit: Annotated[int, Field(ge=1, le=LARGEST_PIDS)] | None = None
    device_requests: list[_Gpus] | None = None
    port_bindings: Empty = {}
    cap_drop: list[str] | None = None
    security_opt: list[Literal["no-new-privileges", "no-new-privileges:true"]] | None = None
    readonly_rootfs: bool | None = None
    tmpfs: dict[Literal["/tmp"], str] | None = None  # noqa: S108  # the container's own
    log_config: _LogConfig | None = None


class _Worker(_Closed):
    image: str
    cmd: list[str]
    entrypoint: list[str] | None = None
    env: list[str] = []
    labels: dict[str, str]
    stop_timeout: Count | None = None
    host_config: _Host
    exposed_ports: Empty = {}
    tty: Literal[False] = False
    open_stdin: Literal[False] = False
    stdin_once: Literal[False] = False
    attach_stdin: Literal[False] = False
    attach_stdout: bool = True
    attach_stderr: bool = True
    network_disabled: Literal[False] = False

    @field_validator("labels")
    @classmethod
    def _known(cls, labels: dict[str, str]) -> dict[str, str]:
        if unknown := [label for label in labels if label not in LABELS and not label.startswith(COMPOSE_PREFIX)]:
            raise ValueError(f"unknown label {unknown[0]}")
        if not WORKER_ID.match(labels.get(WORKER_ID_LABEL, "")):
            raise ValueError(f"label {WORKER_ID_LABEL}: wanted a worker id")
        return labels


def described(body: bytes, limits: Limits) -> dict[str, Any]:
    """The worker that `body` describes, rewritten. Raises `RefusedError`."""
    try:
        worker = _Worker.model_validate(json.loads(body, object_pairs_hook=_once))
    except RefusedError:
        raise
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RefusedError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"no JSON document: {error}") from None
    if worker.image not in limits.images:
        raise RefusedError(f"Image: got {worker.image!r}, wanted one of {', '.join(sorted(limits.images))}")
    if worker.host_config.network_mode != limits.network:
        raise RefusedError(f"NetworkMode: got {worker.host_config.network_mode!r}, wanted {limits.network!r}")
    if worker.labels.get(CLUSTER_LABEL) != limits.cluster:
        raise RefusedError(f"label {CLUSTER_LABEL}: wanted {limits.cluster!r}")
    confined = worker.host_config.model_copy(update={"cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]})
    return worker.model_copy(update={"host_config": confined}).model_dump(by_alias=True, exclude_none=True)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RefusedError("a key stands twice in one object")
    return found
