"""The status document read back into the values that it was written from. Its writer is `scaler.web.status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaler.model.alerts import Alert
from scaler.model.circuit_breaker import LaunchHealth
from scaler.model.cluster import Direction, WorkerType
from scaler.model.pause import Pause
from scaler.model.policy import Policy
from scaler.model.schedule import Schedule, TypeBounds
from scaler.model.workers import Worker, WorkerState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray_watcher_common.state import ClusterState


def workers_of(status: Mapping[str, Any], snapshot: ClusterState) -> tuple[Worker, ...]:
    """The workers of a status document, with their nodes. Raises `KeyError`, `TypeError`, `ValueError`."""
    nodes = {node.instance_id: node for node in sorted(snapshot.nodes, key=lambda node: node.alive)}
    return tuple(
        Worker(
            worker_id=str(worker["worker_id"]),
            index=int(worker["index"]),
            worker_type=str(worker["worker_type"]),
            state=WorkerState(worker["state"]),
            created_at=float(worker["created_at"]),
            node=nodes.get(worker["worker_id"]),
            detail=str(worker["detail"]),
        )
        for worker in status["workers"]
    )


def alerts_of(status: Mapping[str, Any]) -> list[Alert]:
    """The active alerts of a status document. Raises `KeyError`, `TypeError`, `ValueError`."""
    return [
        Alert(
            key=f"{number}",
            name=str(alert["name"]),
            direction=Direction(alert["direction"]),
            firing=True,
            starts_at=float(alert["starts_at"]),
            received_at=float(alert["received_at"]),
            worker_type=alert["worker_type"],
            step=alert["step"],
            summary=str(alert["summary"]),
        )
        for number, alert in enumerate(status["alerts"])
    ]


def cooldown_of(status: Mapping[str, Any]) -> dict[Direction, float]:
    """Seconds that each direction has yet to rest. Raises `KeyError`, `TypeError`, `ValueError`."""
    return {way: float(status["cooldown"][way.value]["remaining_seconds"]) for way in Direction}


def pauses_of(status: Mapping[str, Any]) -> dict[Direction, Pause]:
    """The pauses that hold. Raises `KeyError`, `TypeError`, `ValueError`."""
    found = {way: status["paused"][way.value] for way in Direction}
    return {
        way: Pause(*(pause[part] for part in ("reason", "by", "since", "until")))
        for way, pause in found.items()
        if pause
    }


def launch_health_of(status: Mapping[str, Any]) -> dict[str, LaunchHealth]:
    """How launches of each worker type have gone. Raises `KeyError`, `TypeError`, `ValueError`."""
    return {
        str(breaker["worker_type"]): LaunchHealth(
            frozenset(range(int(breaker["failures"]))), float(breaker["last_failure"] or 0.0), str(breaker["detail"])
        )
        for breaker in status["breakers"]
    }


def policy_of(status: Mapping[str, Any]) -> Policy:
    """The policy of a status document. Raises `KeyError`, `TypeError`, `ValueError`."""
    document = dict(status["policy"])
    kinds = tuple(
        WorkerType(**{name: _frozen(value) for name, value in kind.items()}) for kind in document["worker_types"]
    )
    lists = {"worker_types": kinds, "schedules": tuple(map(_schedule, document["schedules"]))}
    return Policy(**{**{name: _frozen(value) for name, value in document.items()}, **lists})


def _schedule(document: Mapping[str, Any]) -> Schedule:
    return Schedule(**{**document, "worker_types": tuple(TypeBounds(**kind) for kind in document["worker_types"])})


def _frozen(value: Any) -> Any:
    """JSON's lists as the tuples they were."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
