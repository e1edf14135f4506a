"""What one schedule of faults left behind: the values that invariants are asked about. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """One look at the workers at `at` (unix seconds), by the host's and by Ray's own account.

    `busy` and `in_ray` are worker ids; None while Ray did not answer.
    """

    at: float
    living: frozenset[str]
    busy: frozenset[str] | None = None
    in_ray: frozenset[str] | None = None


@dataclass(frozen=True)
class Action:
    """An action as the journal has it."""

    action_id: int
    decision_id: int
    kind: str
    worker_id: str
    started_at: float
    outcome: str | None
    cause: str = ""


@dataclass(frozen=True)
class Accepted:
    """An alert of a notification that the scaler has answered with 2xx."""

    at: float
    key: str
    starts_at: float


@dataclass(frozen=True)
class Job:
    """A load: what came of its tasks. `status` is Ray's word."""

    tasks: int
    finished: int
    failed: int
    status: str
    began: float
    ended: float


@dataclass(frozen=True)
class Inflicted:
    """A fault that was tried, from `began` to `ended`; `target` is a worker's id where it hit one."""

    fault: str
    began: float
    ended: float
    target: str = ""


@dataclass(frozen=True)
class Limits:
    """What the scaler was told to keep."""

    max_workers: int = 3
    up_cooldown: float = 3.0
    down_cooldown: float = 1.0
    idle_timeout: float = 4.0


@dataclass(frozen=True)
class Record:
    """All of it."""

    limits: Limits = field(default_factory=Limits)
    samples: tuple[Sample, ...] = ()
    actions: tuple[Action, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    alerts: dict[str, float] = field(default_factory=dict)  # in the journal: key → starts_at
    jobs: tuple[Job, ...] = ()
    inflicted: tuple[Inflicted, ...] = ()
    answers: frozenset[int] = frozenset()  # HTTP status codes of the webhook
    log_errors: tuple[str, ...] = ()  # lines of the programs' logs that no fault excuses
    unrest: tuple[str, ...] = ()  # what had not come to rest in time when all faults were over
