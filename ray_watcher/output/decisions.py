"""The scaler's decisions from its status API, in short form. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray_watcher.output import terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True)
class Part:
    """One action, held action or infeasible request of a decision."""

    what: str  # `launch 2 workers`, `drain worker-1-3fa9c0`, `hold 3`, `infeasible 1`
    cause: str
    reason: str


def parts(decision: Mapping[str, Any]) -> list[Part]:
    """All parts of a decision: actions first, grouped by kind and cause."""
    held = [Part(f"hold {entry['count']}", entry["cause"], entry["reason"]) for entry in decision["held"]]
    infeasible = [
        Part(f"infeasible {entry['count']}", entry["cause"], entry["reason"]) for entry in decision["infeasible"]
    ]
    return [*_actions(decision["actions"]), *held, *infeasible]


def _actions(actions: Iterable[Mapping[str, Any]]) -> Iterator[Part]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for action in actions:
        groups.setdefault((action["action"], action["cause"]), []).append(action)
    for (kind, cause), members in groups.items():
        named = members[0]["worker_id"] if len(members) == 1 else ""
        yield Part(f"{kind} {named or terminal.count(len(members), 'worker')}", cause, members[0]["reason"])
