"""The loop at one moment, and the changes between two moments as text. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray_watcher.output.history import parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True)
class Decision:
    """One decision of the scaler. Consecutive ones with the same `key` are equal apart from figures."""

    number: int
    key: str
    text: str


@dataclass(frozen=True)
class Scene:
    """What the demo shows. `pending` is None while it is unknown."""

    pending: int | None = None
    cpus_used: float = 0.0
    cpus_total: float = 0.0
    finished: int = 0
    tasks: int = 0
    workers: tuple[tuple[str, str], ...] = ()  # worker id, state
    alerts: tuple[tuple[str, str], ...] = ()  # name, state
    decisions: tuple[Decision, ...] = ()  # oldest first

    @property
    def decision(self) -> str:
        """The latest decision that is not empty."""
        return next((decision.text for decision in reversed(self.decisions) if decision.text), "")

    @property
    def figures(self) -> str:
        """All figures on one line."""
        pending = "?" if self.pending is None else str(self.pending)
        cpus = f"{self.cpus_used:g} of {self.cpus_total:g} CPUs busy"
        return f"{pending} pending, {cpus}, {self.finished} of {self.tasks} tasks finished"


def scene(
    state: Mapping[str, Any], scaler: Mapping[str, Any], alerts: Iterable[Mapping[str, Any]], since: float
) -> Scene:
    """The scene from the exporter's `/state`, the scaler's status and Prometheus' alerts, without the tasks.

    Decisions before `since` (unix seconds) are left out.
    """
    nodes = [node for node in state["nodes"] if node["status"] != "DEAD"]
    total = sum(node["total"].get("CPU", 0.0) for node in nodes)
    return Scene(
        pending=pending(state),
        cpus_used=total - sum(node["available"].get("CPU", 0.0) for node in nodes),
        cpus_total=total,
        workers=tuple((worker["worker_id"], worker["state"]) for worker in scaler["workers"]),
        alerts=tuple(sorted({(alert["name"], alert["state"]) for alert in alerts if alert["scale"]})),
        decisions=tuple(_decision(one) for one in reversed(scaler["decisions"]) if one["at"] >= since),
    )


def pending(state: Mapping[str, Any]) -> int | None:
    """Pending requests, including gangs."""
    if not state["demand_known"]:
        return None
    bundles = [bundle for gang in state["gangs"] for bundle in gang["bundles"]]
    return sum(int(demand["count"]) for demand in (*state["demands"], *bundles))


def changes(before: Scene, after: Scene, *, figures: bool = True) -> list[str]:
    """One line per change, in the order of the loop."""
    lines = [after.figures] if figures and before.figures != after.figures else []
    lines += _differences("alert", before.alerts, after.alerts, gone="resolved")
    lines += _new_decisions(before.decisions, after.decisions)
    lines += _differences("", before.workers, after.workers, gone="removed")
    return lines


def _decision(decision: Mapping[str, Any]) -> Decision:
    """One line, each part with its reason. The key of a held decision is its causes, as it repeats on every round."""
    found = parts(decision)
    causes = ",".join(part.cause for part in found)
    return Decision(
        number=decision["id"],
        key=str(decision["id"]) if decision["actions"] else f"held {causes}",
        text="; ".join(f"{part.what}: {part.reason}" for part in found),
    )


def _new_decisions(before: tuple[Decision, ...], after: tuple[Decision, ...]) -> Iterator[str]:
    last = before[-1] if before else Decision(-1, "", "")
    for decision in after:
        if decision.number > last.number:
            if decision.text and decision.key != last.key:
                yield f"decision: {decision.text}"
            last = decision


def _differences(
    kind: str, before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...], gone: str
) -> Iterator[str]:
    old, new = dict(before), dict(after)
    for name in (*new, *(name for name in old if name not in new)):
        if old.get(name) != new.get(name):
            yield f"{kind} {name} {new.get(name, gone)}".strip()
