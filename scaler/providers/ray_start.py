"""The `ray start` of a worker: its arguments and its environment. Pure; all providers share it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ray_watcher_common.ray_auth import MODE_VARIABLE, PATH_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from scaler.model.cluster import LaunchRequest, WorkerType

NOT_INHERITED = (
    *("RAY_ADDRESS", "RAY_OVERRIDE_RESOURCES", "RAY_CLOUD_INSTANCE_ID", "RAY_NODE_TYPE_NAME", "WATCHER_"),
    PATH_VARIABLE,  # `authentication` names the file if it exists; Ray fails if the named file is missing
)
PROGRAM = Path(__file__).with_name("ray_program.py")  # takes the place of the program `ray`
PORT_FLAGS = (  # ports chosen in advance: a raylet waits for agents that choose their own
    "--runtime-env-agent-port",
    "--dashboard-agent-grpc-port",
    "--dashboard-agent-listen-port",
    "--metrics-export-port",
)
JOIN_FILE_VARIABLE = "RAY_WATCHER_JOIN_FILE"  # a warm worker joins once the file that it names exists
JOIN_FLAGS = ("--block", "--disable-usage-stats")


def amounts(num_cpus: float, num_gpus: float, memory: int | None, object_store_memory: int | None) -> Iterator[str]:
    """The flags with a node's resources; CPUs and GPUs are whole, Ray refuses fractions of them on a node."""
    yield f"--num-cpus={int(num_cpus)}"
    yield f"--num-gpus={int(num_gpus)}"
    if memory is not None:
        yield f"--memory={int(memory)}"
    if object_store_memory is not None:
        yield f"--object-store-memory={int(object_store_memory)}"


def arguments(request: LaunchRequest, address: str) -> list[str]:
    """What follows `ray` to join the cluster whose GCS answers at `address`."""
    worker = request.worker_type
    brings = amounts(worker.num_cpus, worker.num_gpus, worker.memory, worker.object_store_memory)
    return ["start", f"--address={address}", *JOIN_FLAGS, *brings, *_extras(worker)]


def agent_ports(ports: Iterable[int]) -> list[str]:
    """The flags with the ports of a node's agents: one for each of `PORT_FLAGS`."""
    return [f"{flag}={port}" for flag, port in zip(PORT_FLAGS, ports, strict=True)]


def _extras(worker: WorkerType) -> Iterator[str]:
    """Custom resources and labels; Ray takes whole amounts, and `--labels` hides itself from `ray start --help`."""
    if worker.custom_resources:
        yield f"--resources={json.dumps({name: int(amount) for name, amount in worker.custom_resources})}"
    if worker.labels:
        yield f"--labels={','.join(f'{key}={value}' for key, value in worker.labels)}"


def environment(request: LaunchRequest) -> dict[str, str]:
    """The labels by which Ray, and through it the snapshot, knows the worker."""
    return {"RAY_CLOUD_INSTANCE_ID": request.worker_id, "RAY_NODE_TYPE_NAME": request.worker_type.name}


def authentication(token_path: str | None) -> dict[str, str]:
    """What makes a node want and present the token in the file `token_path`; None: a cluster without a token."""
    return {MODE_VARIABLE: "token", PATH_VARIABLE: token_path} if token_path else {}


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """What of our own environment a local node gets: nothing that was meant for drivers, other nodes or us.

    Our settings (`WATCHER_*`) hold the webhook's token, and tasks can read the environment of their node.
    """
    own = {name: value for name, value in environ.items() if not name.startswith(NOT_INHERITED)}
    python = str(Path(sys.executable).parent)  # `python` of a job is the cluster's, as in Ray's image
    return {**own, "PATH": os.pathsep.join(filter(None, (python, own.get("PATH"))))}
