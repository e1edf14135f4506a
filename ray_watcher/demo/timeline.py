"""Duration of each step of the loop, from each program's own records. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ray_watcher.output import terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

UP_ALERT = "RayPendingTasks"


@dataclass
class Record:
    """Data collected by the demo. `alerts` are the scaler's, as first seen; all times are unix seconds."""

    events: Sequence[Mapping[str, Any]] = ()  # of the load driver
    samples: Sequence[tuple[float, float]] = ()  # of raycluster_pending_tasks: time, value
    alerts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    actions: Sequence[Mapping[str, Any]] = ()  # of the scaler
    scale_up: Mapping[str, float] = field(default_factory=dict)  # stages of the first, seconds

    def event(self, name: str) -> list[Mapping[str, Any]]:
        """The driver's events of one kind."""
        return [event for event in self.events if event["event"] == name]

    def times(self, action: str, key: str) -> list[float]:
        """One time of each successful action of a kind, earliest first."""
        done = (one for one in self.actions if one["action"] == action and one["outcome"] == "done")
        return sorted(one[key] for one in done if one.get(key))


@dataclass(frozen=True)
class Stage:
    """One step: `at` is None if it was not observed."""

    name: str
    at: float | None
    source: str
    detail: str = ""


def stages(record: Record) -> list[Stage]:
    """The loop's steps, in its order."""
    submitted = _first(event["at"] for event in record.event("submitted"))
    alert = record.alerts.get(UP_ALERT, {})
    joined = record.times("launch", "joined_at")
    nodes = [event for event in record.event("node") if event["instance_id"]]
    drained, removed = record.times("drain", "finished_at"), record.times("remove", "finished_at")
    last = record.event("done")
    return [
        Stage("demand", submitted, "load driver", f"{_tasks(record)} tasks submitted"),
        Stage("metric", _first_above(record.samples, submitted), "Prometheus", "first sample above zero"),
        Stage("alert", alert.get("starts_at"), "Alertmanager", UP_ALERT),
        Stage("webhook", _first_notified(record), "scaler", "notification stored"),
        Stage("launch", _first(record.times("launch", "started_at")), "scaler", terminal.count(len(joined), "worker")),
        Stage("first joined", _first(joined), "scaler"),
        Stage("first task", _first(sorted(n["first_start"] for n in nodes)), "load driver", "on a new worker"),
        Stage("all joined", _last(joined), "scaler"),
        Stage("all done", _first(event["at"] for event in last), "load driver", _finished(last)),
        Stage("first drained", _first(drained), "scaler", "idle, checked by Ray"),
        Stage("all removed", _last(removed), "scaler", terminal.count(len(removed), "worker")),
    ]


def rows(found: Sequence[Stage]) -> list[list[str]]:
    """The table: step, seconds since the demand, seconds since the step before, source, detail."""
    start = found[0].at or 0.0
    seen = sorted((stage for stage in found if stage.at is not None), key=_moment)
    table, before = [], start
    for stage in seen:
        at = _moment(stage)
        table.append([stage.name, f"{at - start:.2f}", f"+{at - before:.2f}", stage.source, stage.detail])
        before = at
    return table + [[stage.name, "-", "-", stage.source, "not observed"] for stage in found if stage.at is None]


def _moment(stage: Stage) -> float:
    return stage.at or 0.0


def _first(times: Iterable[float]) -> float | None:
    return next(iter(times), None)


def _last(times: Sequence[float]) -> float | None:
    return times[-1] if times else None


def _first_notified(record: Record) -> float | None:
    """When the alert first reached the scaler; its `received_at` is that of the last repetition."""
    alert = record.alerts.get(UP_ALERT)
    return float(alert["starts_at"]) + record.scale_up["webhook"] if alert and "webhook" in record.scale_up else None


def _first_above(samples: Iterable[tuple[float, float]], since: float | None) -> float | None:
    return _first(at for at, value in samples if value > 0 and at >= (since or 0.0))


def _tasks(record: Record) -> int:
    return int(next((event["tasks"] for event in record.event("submitted")), 0))


def _finished(done: Sequence[Mapping[str, Any]]) -> str:
    return f"{done[0]['finished']} of {done[0]['tasks']}" if done else ""
