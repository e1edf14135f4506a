"""The scaler's decisions, as its status API gives them, in few words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray_watcher.output import terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True)
class Part:
    """One thing that a decision does, holds back or finds impossible."""

    what: str  # `launch 2 workers`, `drain worker-1-3fa9c0`, `hold 3`, `impossible 1`
    cause: str
    reason: str


def parts(decision: Mapping[str, Any]) -> list[Part]:
    """All of a decision; its actions first, those of one kind and cause together."""
    held = [Part(f"hold {entry['count']}", entry["cause"], entry["reason"]) for entry in decision["held"]]
    impossible = [
        Part(f"impossible {entry['count']}", entry["cause"], entry["reason"]) for entry in decision["infeasible"]
    ]
    return [*_actions(decision["actions"]), *held, *impossible]


def _actions(actions: Iterable[Mapping[str, Any]]) -> Iterator[Part]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for action in actions:
        groups.setdefault((action["action"], action["cause"]), []).append(action)
    for (kind, cause), members in groups.items():
        named = members[0]["worker_id"] if len(members) == 1 else ""
        yield Part(f"{kind} {named or terminal.count(len(members), 'worker')}", cause, members[0]["reason"])
