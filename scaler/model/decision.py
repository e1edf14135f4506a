"""The values of a decision: what it rests on, what is done, held back or impossible, and why.

Pure: standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from scaler.model.alerts import Permission
from scaler.model.workers import ActionKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray_watcher_common.state import ClusterState
    from scaler.model.circuit_breaker import LaunchHealth
    from scaler.model.cluster import Host
    from scaler.model.no_room import NoRoom
    from scaler.model.pause import Pause
    from scaler.model.workers import Joined, Worker

NOTHING = Permission()


class Cause(str, Enum):
    """Why something is done, held back or impossible: the closed set."""

    # launch
    PENDING_DEMAND = "pending_demand"
    BELOW_MIN_WORKERS = "below_min_workers"
    ALERT_STEP = "alert_step"
    DEMAND_UNKNOWN = "demand_unknown"
    REQUESTED_RESOURCES = "requested_resources"
    PROBE = "probe"
    # prepare
    BELOW_WARM_WORKERS = "below_warm_workers"
    # drain
    IDLE = "idle"
    # remove
    DRAINED = "drained"
    TERMINATED = "terminated"
    LAUNCH_FAILED = "launch_failed"
    JOIN_TIMED_OUT = "join_timed_out"
    HOST_LOST = "host_lost"
    DRAIN_TIMED_OUT = "drain_timed_out"
    WARM_SURPLUS = "warm_surplus"
    MAKES_ROOM = "makes_room"
    # asked for by hand: launch, drain or remove
    OPERATOR = "operator"
    # held back
    NO_ALERT = "no_alert"
    NO_DEMAND = "no_demand"
    DEMAND_SETTLING = "demand_settling"
    NODES_FULL = "nodes_full"
    COOLDOWN = "cooldown"
    UNKNOWN_WORKER_TYPE = "unknown_worker_type"
    MAX_WORKERS = "max_workers"
    LAUNCHES_IN_PROGRESS = "launches_in_progress"
    UPSCALING_SPEED = "upscaling_speed"
    LAUNCHES_FAIL = "launches_fail"
    NO_HOST_HAS_ROOM = "no_host_has_room"
    DISRUPTION_BUDGET = "disruption_budget"
    STILL_BUSY = "still_busy"
    MIN_WORKERS = "min_workers"
    UP_ALERT_ACTIVE = "up_alert_active"
    NOT_IDLE_LONG_ENOUGH = "not_idle_long_enough"
    DEMAND_NEEDS_IT = "demand_needs_it"
    SNAPSHOT_UNAVAILABLE = "snapshot_unavailable"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    CUSTOM_PLANNER_FAILED = "custom_planner_failed"
    PAUSED = "paused"
    JOURNAL_UNAVAILABLE = "journal_unavailable"
    # impossible
    NO_WORKER_TYPE_FITS = "no_worker_type_fits"


ACTION_CAUSES = {
    ActionKind.LAUNCH: (
        Cause.PENDING_DEMAND,
        Cause.BELOW_MIN_WORKERS,
        Cause.ALERT_STEP,
        Cause.DEMAND_UNKNOWN,
        Cause.SNAPSHOT_UNAVAILABLE,
        Cause.REQUESTED_RESOURCES,
        Cause.PROBE,
        Cause.OPERATOR,
    ),
    ActionKind.PREPARE: (Cause.BELOW_WARM_WORKERS,),
    ActionKind.DRAIN: (Cause.IDLE, Cause.MAKES_ROOM, Cause.OPERATOR),
    ActionKind.REMOVE: (
        Cause.DRAINED,
        Cause.TERMINATED,
        Cause.LAUNCH_FAILED,
        Cause.JOIN_TIMED_OUT,
        Cause.HOST_LOST,
        Cause.NO_HOST_HAS_ROOM,
        Cause.DRAIN_TIMED_OUT,
        Cause.WARM_SURPLUS,
        Cause.MAKES_ROOM,
        Cause.OPERATOR,
    ),
}
HELD_CAUSES = (
    Cause.NO_ALERT,
    Cause.NO_DEMAND,
    Cause.DEMAND_SETTLING,
    Cause.NODES_FULL,
    Cause.DEMAND_UNKNOWN,
    Cause.COOLDOWN,
    Cause.UNKNOWN_WORKER_TYPE,
    Cause.MAX_WORKERS,
    Cause.LAUNCHES_IN_PROGRESS,
    Cause.UPSCALING_SPEED,
    Cause.LAUNCHES_FAIL,
    Cause.NO_HOST_HAS_ROOM,
    Cause.MAKES_ROOM,
    Cause.DISRUPTION_BUDGET,
    Cause.STILL_BUSY,
    Cause.REQUESTED_RESOURCES,
    Cause.MIN_WORKERS,
    Cause.UP_ALERT_ACTIVE,
    Cause.NOT_IDLE_LONG_ENOUGH,
    Cause.DEMAND_NEEDS_IT,
    Cause.SNAPSHOT_UNAVAILABLE,
    Cause.PROVIDER_UNAVAILABLE,
    Cause.CUSTOM_PLANNER_FAILED,
    Cause.PAUSED,
    Cause.JOURNAL_UNAVAILABLE,
)


@dataclass(frozen=True)
class Action:
    """One thing to do. All name the worker type; drains and removals the worker, and launches a warm one that joins."""

    kind: ActionKind
    cause: Cause
    reason: str
    worker_type: str
    worker_id: str = ""
    node_id: str = ""  # Ray's node, for a drain


# Launches that an alert permits wait for the cooldown of scaling up; all but a probe start it.
DEMAND_CAUSES = frozenset(
    {Cause.PENDING_DEMAND, Cause.ALERT_STEP, Cause.DEMAND_UNKNOWN, Cause.SNAPSHOT_UNAVAILABLE, Cause.PROBE}
)
STARTS_COOLDOWN = DEMAND_CAUSES - {Cause.PROBE}


@dataclass(frozen=True)
class Held:
    """What is held back now, and why: `count` workers, or `count` requests of one `shape`.

    `worker_id` is set for a hold on one worker, `worker_type` for launches of one type.
    """

    cause: Cause
    count: int
    reason: str
    worker_id: str = ""
    worker_type: str = ""
    shape: str = ""


@dataclass(frozen=True)
class Infeasible:
    """`count` requests of one shape that no worker type can hold."""

    shape: str
    count: int
    reason: str
    cause: Cause = Cause.NO_WORKER_TYPE_FITS


@dataclass(frozen=True)
class Observation:
    """All inputs of a plan. Without a snapshot, `problem` is the reason."""

    snapshot: ClusterState | None
    workers: tuple[Worker, ...] = ()
    up: Permission = NOTHING
    down: Permission = NOTHING
    last_scale_up: float | None = None  # unix seconds of the last event, None: never
    last_scale_down: float | None = None
    launch_health: Mapping[str, LaunchHealth] = field(default_factory=dict)  # by worker type; none: healthy
    no_room: Mapping[str, NoRoom] = field(default_factory=dict)  # by worker type; none: hosts had room
    avoided_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by worker type: where it fails
    hosts: tuple[Host, ...] = ()  # none: all workers share one
    # What the newest worker of each type that ever joined had in total, by worker type: it outlives the worker.
    learned: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    # The newest worker of each type that has joined while this scaler runs, so under this policy, by worker type.
    joined: Mapping[str, Joined] = field(default_factory=dict)
    last_drain_failure: float | None = None
    last_prepare_failure: float | None = None  # unix seconds; a warm worker that ended by itself is one too
    demand_since: float | None = None  # unix seconds since which demand has waited for workers, None: news
    blind_since: float | None = None  # unix seconds since which the demand is not known, None: it is known, or news
    problem: str = ""  # why there is no snapshot
    provider_problem: str = ""  # why the workers are not known; then they are those that were last seen
    journal_problem: str = ""  # why nothing can be written down; then all of this is as it was last seen
    watchdog_missing_since: float | None = None  # unix seconds of the last RayWatchdog; None: it arrives, or never did
    paused_up: Pause | None = None
    paused_down: Pause | None = None


@dataclass(frozen=True)
class Plan:
    """What to do, what is held back and what is impossible, each with its reason."""

    actions: tuple[Action, ...] = ()
    held: tuple[Held, ...] = ()
    infeasible: tuple[Infeasible, ...] = ()
    demand_met: bool = True  # no demand needs a worker that is still to be launched

    @cached_property
    def launches(self) -> tuple[Action, ...]:
        """The workers that it starts or lets join."""
        return tuple(action for action in self.actions if action.kind is ActionKind.LAUNCH)
