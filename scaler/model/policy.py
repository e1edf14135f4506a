"""The policy that `plan` follows. Pure: standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scaler.model.cluster import WorkerType

DEFAULT_STEP = 1  # workers per cooldown if the demand is not known


def _limit(default: float | None, variable: str, meaning: str, *, setting: str = "", **bounds: float) -> Any:
    """A limit: its environment variable, meaning, and bounds as pydantic names them (`ge`, `gt`).

    `setting` is the name of the settings' field, if it differs.
    """
    return field(default=default, metadata={"variable": variable, "meaning": meaning, "setting": setting} | bounds)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of the whole pool; None: no limit.

    Each is declared here alone: the setting, the key of `limits` in the policy file and the docs are made from it
    (`scaler.config.limits`). What it does is a rule in `scaler.planning`.
    """

    min_workers: int = _limit(0, "WATCHER_MIN_WORKERS", "minimum number of workers", ge=0)
    max_workers: int = _limit(5, "WATCHER_MAX_WORKERS", "maximum number of workers", ge=0)
    max_launches: int | None = _limit(
        None, "WATCHER_MAX_LAUNCHES", "maximum number of launches in progress at once", ge=1
    )
    upscaling_speed: float | None = _limit(
        None,
        "WATCHER_UPSCALING_SPEED",
        "maximum number of launches in progress at once for each worker in Ray; one is always allowed",
        gt=0,
    )
    disruption_budget: int | None = _limit(
        None, "WATCHER_DISRUPTION_BUDGET", "maximum number of workers draining or being removed at once", ge=1
    )
    scale_up_cooldown: float = _limit(
        60, "WATCHER_COOLDOWN", "seconds between scale-up events", setting="cooldown", ge=0
    )
    scale_down_cooldown: float = _limit(10, "WATCHER_SCALE_DOWN_COOLDOWN", "seconds between scale-down events", ge=0)


@dataclass(frozen=True, kw_only=True)
class Policy(Limits):
    """Limits and times (seconds) within which alerts and demand move the pool."""

    worker_types: tuple[WorkerType, ...]
    join_timeout: float = 120.0
    drain_timeout: float = 60.0
    stale_after: float = 15.0
    alert_expiry: float = 300.0

    @property
    def fewest(self) -> int:
        """The minimum number of workers: of the pool, or of all types together."""
        return max(self.min_workers, sum(kind.min_workers for kind in self.worker_types))

    def worker_type(self, name: str) -> WorkerType | None:
        """The type of that name, None if the policy has none (a worker of an earlier policy)."""
        return next((worker_type for worker_type in self.worker_types if worker_type.name == name), None)
