"""The decisions of the last day as a timeline: which are asked for, and how each is shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaler.journal.history import Question
from scaler.model.decision import Cause
from scaler.model.workers import ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SPAN_SECONDS = 24 * 3600.0
SHOWN = 100  # entries; those of one decision are shown as one
HOLD, IMPOSSIBLE = "hold", "impossible"
KINDS = (*(kind.value for kind in ActionKind), HOLD, IMPOSSIBLE)
CAUSES = tuple(cause.value for cause in Cause)
RECORD = (  # keys of an entry that its record shows, and their names
    ("worker_id", "worker"),
    ("count", "count"),
    ("cause", "cause"),
    ("reason", "reason"),
    ("outcome", "outcome"),
    ("took_seconds", "took seconds"),
    ("joined_after_seconds", "joined after seconds"),
    ("detail", "detail"),
    ("decision_id", "decision"),
    ("action_id", "action"),
)


@dataclass(frozen=True)
class Filter:
    """What the timeline shows; "": all."""

    action: str = ""
    cause: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Filter:
        """The filter in the parameters of a URL; a value that cannot be is none."""
        action, cause = asked.get("action", ""), asked.get("cause", "")
        return cls(action if action in KINDS else "", cause if cause in CAUSES else "")

    def question(self, now: float) -> Question:
        """What the journal is asked."""
        return Question(now - SPAN_SECONDS, SHOWN, self.action or None, self.cause or None)


@dataclass(frozen=True)
class Group:
    """The entries of one decision with the same kind, cause and reason, the first one first."""

    entries: tuple[Mapping[str, Any], ...]

    @property
    def first(self) -> Mapping[str, Any]:
        """What all of them have in common, and the rest of the first."""
        return self.entries[0]

    @property
    def key(self) -> str:
        """The same for as long as the entries are those."""
        return f"{self.first['decision_id']}-{self.first['action']}-{self.first['action_id'] or self.first['cause']}"

    @property
    def title(self) -> str:
        """`launch worker-1-…`, `launch 5`, `hold 3`."""
        count = sum(entry["count"] for entry in self.entries)
        one = self.first["worker_id"] if len(self.entries) == 1 else ""
        return f"{self.first['action']} {one or count}"

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        """How the actions ended, and how many of them; none for what is not an action."""
        if self.first["action"] in (HOLD, IMPOSSIBLE):
            return []
        return sorted(Counter(str(entry["outcome"] or "in progress") for entry in self.entries).items())


def grouped(entries: Iterable[Mapping[str, Any]]) -> list[Group]:
    """The entries in groups, in their order."""
    groups: dict[tuple[object, ...], list[Mapping[str, Any]]] = {}
    for entry in entries:
        key = tuple(entry[name] for name in ("decision_id", "action", "cause", "reason"))
        groups.setdefault(key, []).append(entry)
    return [Group(tuple(reversed(members))) for members in groups.values()]


def record(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The whole record: names and values of what it has."""
    return [(name, _text(entry[key])) for key, name in RECORD if entry[key] not in (None, "")]


def _text(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
