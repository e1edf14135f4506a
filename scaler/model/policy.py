"""The policy that `plan` follows. Pure: standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaler.model.declared import declared

if TYPE_CHECKING:
    from scaler.model.cluster import WorkerType
    from scaler.model.schedule import Schedule

DEFAULT_STEP = 1  # workers per cooldown if the demand is not known


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of the whole pool; None: no limit.

    Each is declared here alone: the setting, the key of `limits` in the policy file and the docs are made from it
    (`scaler.config.keys`). What it does is a rule in `scaler.planning`.
    """

    min_workers: int = declared("minimum number of workers", 0, variable="WATCHER_MIN_WORKERS", ge=0)
    max_workers: int = declared("maximum number of workers", 5, variable="WATCHER_MAX_WORKERS", ge=0)
    max_launches: int | None = declared(
        "maximum number of launches in progress at once", None, variable="WATCHER_MAX_LAUNCHES", ge=1
    )
    upscaling_speed: float | None = declared(
        "maximum number of launches in progress at once for each worker in Ray; one is always allowed",
        None,
        variable="WATCHER_UPSCALING_SPEED",
        gt=0,
    )
    disruption_budget: int | None = declared(
        "maximum number of workers draining or being removed at once", None, variable="WATCHER_DISRUPTION_BUDGET", ge=1
    )
    scale_up_cooldown: float = declared(
        "seconds between scale-up events", 60, variable="WATCHER_COOLDOWN", setting="cooldown", ge=0
    )
    scale_down_cooldown: float = declared(
        "seconds between scale-down events", 10, variable="WATCHER_SCALE_DOWN_COOLDOWN", ge=0
    )


@dataclass(frozen=True, kw_only=True)
class Policy(Limits):
    """Limits and times (seconds) within which alerts and demand move the pool."""

    worker_types: tuple[WorkerType, ...]
    join_timeout: float = 120.0
    drain_timeout: float = 60.0
    stale_after: float = 15.0
    alert_expiry: float = 300.0
    schedules: tuple[Schedule, ...] = ()
    scheduled: tuple[str, ...] = ()  # names of those whose limits are in this policy now
    thresholds: tuple[tuple[str, float], ...] = ()  # of shipped alerts, by the policy file; the exporter's

    @property
    def fewest(self) -> int:
        """The minimum number of workers: of the pool, or of all types together."""
        return max(self.min_workers, sum(kind.min_workers for kind in self.worker_types))

    @property
    def by_schedule(self) -> str:
        """Whose limits these are, for a sentence: ` (schedule office)`; "" if no schedule holds."""
        return f" (schedule {', '.join(self.scheduled)})" if self.scheduled else ""

    def worker_type(self, name: str) -> WorkerType | None:
        """The type of that name, None if the policy has none (a worker of an earlier policy)."""
        return next((worker_type for worker_type in self.worker_types if worker_type.name == name), None)
