"""The policy that `plan` follows. Pure: standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scaler.model.cluster import WorkerType

DEFAULT_STEP = 1  # workers per cooldown where the demand is not known


@dataclass(frozen=True)
class Policy:
    """Limits and times (seconds) within which alerts and demand move the pool."""

    worker_types: tuple[WorkerType, ...]
    max_workers: int
    min_workers: int = 0  # over all types; each type has its own as well
    max_launches: int | None = None  # launches in flight at most, over all types; None: no limit
    upscaling_speed: float | None = None  # launches in flight for each worker in Ray, at least one; None: no limit
    disruption_budget: int | None = None  # workers on their way out at most; None: no limit
    scale_up_cooldown: float = 60.0
    scale_down_cooldown: float = 10.0
    join_timeout: float = 120.0
    drain_timeout: float = 60.0
    stale_after: float = 15.0
    alert_expiry: float = 300.0

    @property
    def fewest(self) -> int:
        """Workers that there are at least: over all types, or of each type."""
        return max(self.min_workers, sum(kind.min_workers for kind in self.worker_types))

    def worker_type(self, name: str) -> WorkerType | None:
        """The type of that name, None where the policy has none (a worker of an earlier policy)."""
        return next((worker_type for worker_type in self.worker_types if worker_type.name == name), None)
