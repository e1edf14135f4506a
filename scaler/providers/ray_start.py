"""The `ray start` of a worker: its arguments and its environment. Pure; every provider says it the same way."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scaler.model import LaunchRequest

NOT_INHERITED = ("RAY_ADDRESS", "RAY_OVERRIDE_RESOURCES", "RAY_CLOUD_INSTANCE_ID", "RAY_NODE_TYPE_NAME", "WATCHER_")
JOIN_FLAGS = ("--block", "--disable-usage-stats")


def amounts(num_cpus: float, num_gpus: float, memory: int | None, object_store_memory: int | None) -> Iterator[str]:
    """The flags that say what a node brings; `ray start` takes whole CPUs and GPUs only, see `overrides`."""
    if num_cpus == int(num_cpus):
        yield f"--num-cpus={int(num_cpus)}"
    if num_gpus == int(num_gpus):
        yield f"--num-gpus={int(num_gpus)}"
    if memory is not None:
        yield f"--memory={int(memory)}"
    if object_store_memory is not None:
        yield f"--object-store-memory={int(object_store_memory)}"


def overrides(num_cpus: float, num_gpus: float) -> dict[str, str]:
    """The environment that says fractions of CPUs and GPUs (read in ray._private.resource_and_label_spec)."""
    fractions = {
        name: amount for name, amount in (("CPU", num_cpus), ("GPU", num_gpus)) if amount and amount != int(amount)
    }
    return {"RAY_OVERRIDE_RESOURCES": json.dumps(fractions)} if fractions else {}


def arguments(request: LaunchRequest, address: str) -> list[str]:
    """What follows `ray` to join the cluster whose GCS answers at `address`."""
    worker = request.worker_type
    brings = amounts(worker.num_cpus, worker.num_gpus, worker.memory, worker.object_store_memory)
    return ["start", f"--address={address}", *JOIN_FLAGS, *brings]


def environment(request: LaunchRequest) -> dict[str, str]:
    """What tells Ray, and through it the snapshot, which worker this is."""
    worker = request.worker_type
    return {
        "RAY_CLOUD_INSTANCE_ID": request.worker_id,
        "RAY_NODE_TYPE_NAME": worker.name,
        **overrides(worker.num_cpus, worker.num_gpus),
    }


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """What of our own environment a local node gets: nothing that was meant for drivers, other nodes or us.

    Our settings (`WATCHER_*`) hold the webhook's token, and tasks can read the environment of their node.
    """
    own = {name: value for name, value in environ.items() if not name.startswith(NOT_INHERITED)}
    python = str(Path(sys.executable).parent)  # a job that says `python` means the cluster's, as in Ray's image
    return {**own, "PATH": os.pathsep.join(filter(None, (python, own.get("PATH"))))}
