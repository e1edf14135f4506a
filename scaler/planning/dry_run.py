"""The observation of a plan without a loop: a saved snapshot, its own nodes, and alerts from a file or assumed.

Pure: standard library only. The time is the snapshot's own, so that the same files give the same plan.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scaler.model.alerts import Alert, Permission, permission
from scaler.model.cluster import Direction, Instance, InstanceStatus
from scaler.model.decision import Observation
from scaler.model.workers import WORKER_ID, Worker, join_views

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ray_watcher_common.state import ClusterState
    from scaler.model.circuit_breaker import LaunchHealth
    from scaler.model.pause import Pause
    from scaler.model.policy import Policy

ASSUMED_ALERT = "RayPendingTasks"
SETTLED_SECONDS = 3600.0  # what a saved state shows has shown for long: no burst has just begun


def assumed(snapshot: ClusterState) -> Alert:
    """The permission to scale up that is assumed without alerts."""
    return Alert(
        key=ASSUMED_ALERT,
        name=ASSUMED_ALERT,
        direction=Direction.UP,
        firing=True,
        starts_at=snapshot.observed_at - SETTLED_SECONDS,
        received_at=snapshot.observed_at,
        summary="assumed",
    )


def observe(  # noqa: PLR0913  # what it rests on, each once
    snapshot: ClusterState,
    worker_types: Mapping[str, str],
    alerts: Iterable[Alert],
    policy: Policy,
    *,
    workers: tuple[Worker, ...] | None = None,
    cooldown: Mapping[Direction, float] | None = None,
    pauses: Mapping[Direction, Pause] | None = None,
    launch_health: Mapping[str, LaunchHealth] | None = None,
) -> Observation:
    """All that a plan at the snapshot's own time rests on.

    `worker_types` is the type of each worker id. Without `workers`, every living node with a worker id counts as a
    running worker. `cooldown` is the seconds left in each direction, `launch_health` the outcome of recent launches.
    """
    now, alerts, rest = snapshot.observed_at, list(alerts), cooldown or {}
    return Observation(
        snapshot=replace(snapshot, pending_since=None),  # it shows what it shows: no burst has just begun
        workers=_workers(snapshot, worker_types, policy) if workers is None else workers,
        up=_permitted(alerts, Direction.UP, now),
        down=_permitted(alerts, Direction.DOWN, now),
        last_scale_up=_last(rest.get(Direction.UP, 0.0), policy.scale_up_cooldown, now),
        last_scale_down=_last(rest.get(Direction.DOWN, 0.0), policy.scale_down_cooldown, now),
        launch_health=launch_health or {},
        demand_since=now - SETTLED_SECONDS,
        blind_since=None if snapshot.demand_known else now - max(SETTLED_SECONDS, policy.stale_after),
        paused_up=(pauses or {}).get(Direction.UP),
        paused_down=(pauses or {}).get(Direction.DOWN),
    )


def _permitted(alerts: list[Alert], direction: Direction, now: float) -> Permission:
    return permission(alerts, direction, now, expiry=float("inf"))


def _last(remaining: float, cooldown: float, now: float) -> float | None:
    """When the last event was, if there are `remaining` seconds of its cooldown left."""
    return now + min(remaining, cooldown) - cooldown if remaining > 0 else None


def _workers(snapshot: ClusterState, worker_types: Mapping[str, str], policy: Policy) -> tuple[Worker, ...]:
    """The living nodes that are workers, as if their provider had listed them."""
    now, first_type = snapshot.observed_at, policy.worker_types[0].name if policy.worker_types else ""
    known = {node.instance_id: WORKER_ID.match(node.instance_id) for node in snapshot.nodes if node.alive}
    instances = [
        Instance(name, int(match[1]), worker_types.get(name) or first_type, InstanceStatus.RUNNING, created_at=now)
        for name, match in known.items()
        if match
    ]
    seen = dict.fromkeys(known, now)
    return join_views(instances, snapshot, last_seen=seen, running={}, now=now, join_timeout=policy.join_timeout)
