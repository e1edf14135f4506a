"""What the next worker of a type will have, if its policy leaves that to Ray. Pure: standard library only.

Ray sizes `memory` and `object_store_memory` by what the machine has free when a worker starts. So a type is as large as
its own newest worker was, whatever the head, foreign nodes or other types have. Before the first one nobody knows: one
launch finds out (`Cause.PROBE`), and what it finds is remembered (`Observation.learned`).

What a policy does say of a type may not come true: a container without its GPU, an image that starts Ray without the
label. A worker that has joined without it shows that (`Observation.joined`): no more are launched for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scaler.model.cluster import ACCELERATOR_LABEL
from scaler.model.workers import JOINING, Joined, WorkerState
from scaler.packing.capacity import ALMOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ray_watcher_common.state import ClusterState
    from scaler.model.cluster import WorkerType
    from scaler.model.decision import Observation
    from scaler.model.policy import Policy
    from scaler.model.workers import Worker

SIZED_BY_RAY = ("memory", "object_store_memory")
COMPLETE_SOURCE = "gcs"
UNBOUNDED = 10**18  # bytes: more than any request asks for
ACCELERATOR = "accelerator_type:"  # Ray's own resource, one of it on each node with that accelerator


def learned(known: Mapping[str, Mapping[str, float]], workers: Iterable[Worker]) -> dict[str, Mapping[str, float]]:
    """The total resources of the newest worker of each type, of those in Ray now or else as `known` before."""
    newest = sorted(
        (w for w in workers if w.node is not None and w.state is WorkerState.RUNNING), key=lambda w: w.created_at
    )
    return {**known, **{w.worker_type: w.node.total for w in newest if w.node is not None}}


def joined(
    known: Mapping[str, Joined], before: Iterable[Worker], workers: Iterable[Worker], snapshot: ClusterState | None
) -> dict[str, Joined]:
    """What the newest worker of each type has that joined since the look `before`, or else as `known` then.

    Only by the source that reports all resources and labels of a node.
    """
    if snapshot is None or snapshot.source != COMPLETE_SOURCE:
        return dict(known)
    were_joining = {worker.worker_id for worker in before if worker.state in JOINING}
    new = [one for one in workers if one.worker_id in were_joining and one.state is WorkerState.RUNNING]
    new.sort(key=lambda one: one.created_at)
    return {**known, **{one.worker_type: Joined(one.node.total, one.node.labels) for one in new if one.node}}


def with_learned_sizes(policy: Policy, observation: Observation) -> Policy:
    """The policy with the sizes that its worker types leave to Ray, as far as they are known, and as they came true."""
    sizes = learned(observation.learned, observation.workers)
    accelerators = _accelerators(observation.workers)
    kinds = (_sized(kind, sizes.get(kind.name, {}), accelerators.get(kind.name)) for kind in policy.worker_types)
    found = observation.joined
    return replace(
        policy, worker_types=tuple(_come_true(kind, found[kind.name]) if kind.name in found else kind for kind in kinds)
    )


def _accelerators(workers: Iterable[Worker]) -> dict[str, str]:
    """The accelerator that Ray has found on living workers, by worker type."""
    own = ((one.worker_type, one.node.labels.get(ACCELERATOR_LABEL, "")) for one in workers if one.node)
    return {name: label for name, label in own if label}


def _sized(kind: WorkerType, size: Mapping[str, float], accelerator: str | None) -> WorkerType:
    own, labels = dict(kind.custom_resources), dict(kind.labels)
    accelerators = {name: amount for name, amount in size.items() if name.startswith(ACCELERATOR) and name not in own}
    if found := accelerator or next((name.removeprefix(ACCELERATOR) for name in accelerators), ""):
        labels.setdefault(ACCELERATOR_LABEL, found)
    return replace(
        kind,
        memory=kind.memory or int(size.get("memory", 0)) or None,
        object_store_memory=kind.object_store_memory or int(size.get("object_store_memory", 0)) or None,
        custom_resources=tuple(sorted({**own, **accelerators}.items())),
        labels=tuple(sorted(labels.items())),
    )


def _come_true(kind: WorkerType, found: Joined) -> WorkerType:
    """The type without what its newest worker turned out to lack."""

    def real(name: str, promised: float) -> float:
        has = found.total.get(name, 0.0)
        return has if has < promised * ALMOST else promised

    labels = tuple(pair for pair in kind.labels if not found.labels or found.labels.get(pair[0]) == pair[1])
    return replace(
        kind,
        num_cpus=real("CPU", kind.num_cpus),
        num_gpus=real("GPU", kind.num_gpus),
        memory=kind.memory and int(real("memory", kind.memory)),
        object_store_memory=kind.object_store_memory and int(real("object_store_memory", kind.object_store_memory)),
        custom_resources=tuple((name, real(name, amount)) for name, amount in kind.custom_resources),
        labels=labels,
    )


def of_unknown_size(policy: Policy, observation: Observation) -> tuple[WorkerType, ...]:
    """Types whose size in Ray is not known yet, as if they had any amount of it."""
    seen = learned(observation.learned, observation.workers)
    return tuple(
        replace(kind, memory=kind.memory or UNBOUNDED, object_store_memory=kind.object_store_memory or UNBOUNDED)
        for kind in policy.worker_types
        if kind.name not in seen and not (kind.memory and kind.object_store_memory)
    )
