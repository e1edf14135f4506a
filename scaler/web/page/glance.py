"""What stands at the top of the page: how urgent it is, and a few figures. Pure: a status document in, values out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from scaler.model.circuit_breaker import BreakerState
from scaler.model.decision import Cause
from scaler.model.workers import ENDED, JOINING, LEAVING, WorkerState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaler.web.api.documents import Status

JOINING_STATES = {state.value for state in JOINING}
LEAVING_STATES = {state.value for state in LEAVING}
ENDED_STATES = {state.value for state in (*ENDED, WorkerState.JOIN_TIMED_OUT)}
BROKEN = frozenset({Cause.JOURNAL_UNAVAILABLE, Cause.PROVIDER_UNAVAILABLE, Cause.SNAPSHOT_UNAVAILABLE})
WANTS_A_PERSON = frozenset({Cause.MAX_WORKERS, Cause.UNKNOWN_WORKER_TYPE, Cause.PAUSED, Cause.CUSTOM_PLANNER_FAILED})


class Level(str, Enum):
    """Whether a person has something to do."""

    OK = "ok"
    LOOK = "look"
    ACT = "act"

    @property
    def word(self) -> str:
        """For readers without colour."""
        return {Level.OK: "OK", Level.LOOK: "Attention", Level.ACT: "Problem"}[self]


@dataclass(frozen=True)
class Tile:
    """One figure: `until` (unix seconds) is a countdown that replaces the value."""

    name: str
    value: str
    note: str = ""
    level: Level = Level.OK
    until: float | None = None
    wide: bool = False


def level(status: Status) -> Level:
    """The most urgent of all that the status has."""
    causes = {held["cause"] for held in status["held"]}
    breakers = {breaker["state"] for breaker in status["breakers"]}
    if causes & BROKEN or status["journal"]["problem"] or not status["snapshot"]["usable"]:
        return Level.ACT
    if BreakerState.OPEN.value in breakers:
        return Level.ACT
    paused = status["paused"]["up"] or status["paused"]["down"]
    if causes & WANTS_A_PERSON or status["infeasible"] or paused or BreakerState.HALF_OPEN.value in breakers:
        return Level.LOOK
    return Level.OK


def tiles(status: Status) -> list[Tile]:
    """The figures, in the order in which they are read."""
    return [
        _pending(status),
        _workers(status),
        *_resources(status),
        _cooldown(status, "up"),
        _cooldown(status, "down"),
        _alerts(status),
        _role(status),
    ]


def _pending(status: Status) -> Tile:
    pending, shapes = status["snapshot"]["pending"], len(status["pending"])
    if pending is None:
        return Tile("Pending requests", "unknown", "no demand is known", Level.ACT)
    infeasible = sum(misfit["count"] for misfit in status["infeasible"])
    note = f"{infeasible} infeasible" if infeasible else f"{shapes} shape{'' if shapes == 1 else 's'}" if shapes else ""
    return Tile("Pending requests", f"{pending:,}", note, Level.LOOK if infeasible else Level.OK)


def _workers(status: Status) -> Tile:
    states, limits = Counter(worker["state"] for worker in status["workers"]), status["limits"]
    groups = {
        "joining": sum(states[state] for state in JOINING_STATES),
        "draining": sum(states[state] for state in LEAVING_STATES),
        "warm": states[WorkerState.WARM.value],
        "failed or ended": sum(states[state] for state in ENDED_STATES),
    }
    parts = [f"{count} {name}" for name, count in groups.items() if count]
    note = ", ".join([*parts, f"limits {limits['min_workers']} to {limits['max_workers']}"])
    full = len(status["workers"]) >= limits["max_workers"] and any(
        held["cause"] == Cause.MAX_WORKERS.value for held in status["held"]
    )
    return Tile("Workers running", str(states[WorkerState.RUNNING.value]), note, Level.LOOK if full else Level.OK)


def _resources(status: Status) -> Iterator[Tile]:
    snapshot = status["snapshot"]
    yield Tile("CPUs booked", f"{snapshot['cpus_used']:g} of {snapshot['cpus']:g}", "head and workers")
    if snapshot["gpus"]:
        yield Tile("GPUs booked", f"{snapshot['gpus_used']:g} of {snapshot['gpus']:g}", "head and workers")


def _cooldown(status: Status, way: str) -> Tile:
    pause = status["paused"]["up"] if way == "up" else status["paused"]["down"]
    cooldown = status["cooldown"]["up"] if way == "up" else status["cooldown"]["down"]
    name = f"Cooldown {way}"
    if pause:
        return Tile(name, "paused", f"by {pause['by']}: {pause['reason']}", Level.LOOK)
    note = f"of {cooldown['seconds']:g} s"
    if cooldown["remaining_seconds"] > 0:
        return Tile(name, "", note, until=round(status["time"] + cooldown["remaining_seconds"], 1))
    return Tile(name, "ready", note)


def _alerts(status: Status) -> Tile:
    ways = {
        way: sorted({alert["name"] for alert in status["alerts"] if alert["direction"] == way})
        for way in ("up", "down")
    }
    permitted = [way for way, names in ways.items() if names]
    note = ", ".join(name for way in permitted for name in ways[way])
    return Tile("Alerts permit", " and ".join(permitted) or "nothing", note, wide=True)


def _role(status: Status) -> Tile:
    if status["standby"]:
        return Tile("Role", "standby", f"{status['standby']} leads")
    return Tile("Role", "leader", status["provider"])
