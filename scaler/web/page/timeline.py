"""The decisions of the last day as a timeline: which are asked for, and how each is shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaler.journal.history import RELOAD, Question
from scaler.model.decision import Cause
from scaler.model.workers import ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SPAN_SECONDS = 24 * 3600.0
SHOWN = 300  # entries; what is held again and again, and the actions of one decision, are one line each
RECORDS = 10  # whole records of one line
HOLD, IMPOSSIBLE, _ = NO_ACTION = "hold", "impossible", RELOAD
KINDS = (*(kind.value for kind in ActionKind), *NO_ACTION)
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
    """The actions of one decision with the same kind, cause and reason, the first one first.

    Or what was held for the same cause again and again, without an action in between; the latest one last.
    """

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
        if self.first["action"] in NO_ACTION:
            return f"{self.first['action']} {self.entries[-1]['count']}"
        return f"{self.first['action']} {self.first['worker_id'] if len(self.entries) == 1 else len(self.entries)}"

    @property
    def latest(self) -> Mapping[str, Any]:
        """The last of them."""
        return self.entries[-1]

    @property
    def records(self) -> tuple[Mapping[str, Any], ...]:
        """The last ones, whose whole records are shown."""
        return self.entries[-RECORDS:]

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        """How the actions ended, and how many of them; none for what is not an action."""
        if self.first["action"] in NO_ACTION:
            return []
        return sorted(Counter(str(entry["outcome"] or "in progress") for entry in self.entries).items())


def grouped(entries: Iterable[Mapping[str, Any]]) -> list[Group]:
    """The entries (newest first) in groups, in their order."""
    groups: dict[tuple[object, ...], list[Mapping[str, Any]]] = {}
    actions = 0
    for entry in entries:
        held = entry["action"] in NO_ACTION
        actions += not held
        of = (actions,) if held else (entry["decision_id"], entry["reason"])
        groups.setdefault((entry["action"], entry["cause"], *of), []).append(entry)
    return [Group(tuple(reversed(members))) for members in groups.values()]


def record(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The whole record: names and values of what it has."""
    return [(name, _text(entry[key])) for key, name in RECORD if entry[key] not in (None, "")]


def _text(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
