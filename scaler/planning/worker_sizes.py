"""What the next worker of a type will have, if its policy leaves that to Ray. Pure: standard library only.

Ray sizes `memory` and `object_store_memory` by what the machine has free when a worker starts. So a type is as large as
its own newest worker was, whatever the head, foreign nodes or other types have. Before the first one nobody knows: one
launch finds out (`Cause.PROBE`), and what it finds is remembered (`Observation.learned`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scaler.model.workers import WorkerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scaler.model.cluster import WorkerType
    from scaler.model.decision import Observation
    from scaler.model.policy import Policy
    from scaler.model.workers import Worker

SIZED_BY_RAY = ("memory", "object_store_memory")
UNBOUNDED = 10**18  # bytes: more than any request asks for
ACCELERATOR = "accelerator_type:"  # Ray's own resource, one of it on each node with that accelerator


def learned(known: Mapping[str, Mapping[str, float]], workers: Iterable[Worker]) -> dict[str, Mapping[str, float]]:
    """The total resources of the newest worker of each type, of those in Ray now or else as `known` before."""
    newest = sorted(
        (w for w in workers if w.node is not None and w.state is WorkerState.RUNNING), key=lambda w: w.created_at
    )
    return {**known, **{w.worker_type: w.node.total for w in newest if w.node is not None}}


def with_learned_sizes(policy: Policy, observation: Observation) -> Policy:
    """The policy with the sizes that its worker types leave to Ray, as far as they are known."""
    sizes = learned(observation.learned, observation.workers)
    kinds = tuple(_sized(kind, sizes.get(kind.name, {})) for kind in policy.worker_types)
    return replace(policy, worker_types=kinds)


def _sized(kind: WorkerType, size: Mapping[str, float]) -> WorkerType:
    own = dict(kind.custom_resources)
    accelerators = {name: amount for name, amount in size.items() if name.startswith(ACCELERATOR) and name not in own}
    return replace(
        kind,
        memory=kind.memory or int(size.get("memory", 0)) or None,
        object_store_memory=kind.object_store_memory or int(size.get("object_store_memory", 0)) or None,
        custom_resources=tuple(sorted({**own, **accelerators}.items())),
    )


def of_unknown_size(policy: Policy, observation: Observation) -> tuple[WorkerType, ...]:
    """Types whose size in Ray is not known yet, as if they had any amount of it."""
    seen = learned(observation.learned, observation.workers)
    return tuple(
        replace(kind, memory=kind.memory or UNBOUNDED, object_store_memory=kind.object_store_memory or UNBOUNDED)
        for kind in policy.worker_types
        if kind.name not in seen and not (kind.memory and kind.object_store_memory)
    )
