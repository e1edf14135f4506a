"""Worker types and requests that several cases share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray_watcher_common.state import Demand, LabelConstraint, bundle
from support.builders import worker_type

if TYPE_CHECKING:
    from scaler.model.cluster import WorkerType

GB = 10**9


def small(**changes: Any) -> WorkerType:
    """2 CPUs, 8 GB."""
    return worker_type(**{"name": "small", "num_cpus": 2, "memory": 8 * GB, "max_workers": 10, **changes})


def medium(**changes: Any) -> WorkerType:
    """4 CPUs, 16 GB."""
    return worker_type(**{"name": "medium", "num_cpus": 4, "memory": 16 * GB, "max_workers": 10, **changes})


def large(**changes: Any) -> WorkerType:
    """16 CPUs, 64 GB."""
    return worker_type(**{"name": "large", "num_cpus": 16, "memory": 64 * GB, "max_workers": 10, **changes})


def gpu(**changes: Any) -> WorkerType:
    """8 CPUs, a GPU, 64 GB."""
    kind = {"name": "gpu", "num_cpus": 8, "num_gpus": 1, "memory": 64 * GB, "max_workers": 10}
    return worker_type(**{**kind, **changes})


def in_zone(*zones: str, count: int = 1, **shape: float) -> Demand:
    """Requests that select workers by their zone."""
    return Demand(bundle(shape or {"CPU": 1.0}), count, (LabelConstraint("zone", "in", zones),))
