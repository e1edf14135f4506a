"""The last scale-up as a bar: where each stage begins and how wide it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaler.telemetry.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

NARROWEST = 0.4  # percent, so that a short stage is seen
SHORTEST = 1e-3  # seconds; less is not measured


@dataclass(frozen=True)
class Stage:
    """One stage; `start` and `width` are percent of the bar."""

    name: str
    seconds: float
    start: float
    width: float


def bar(took: Mapping[str, float]) -> list[Stage]:
    """The stages of a scale-up (seconds by name) in their order; a bar has 100 percent at most."""
    known = [(name, took[name]) for name in STAGES if name in took]
    total = max(sum(seconds for _name, seconds in known), SHORTEST)
    room = 100 - NARROWEST * len(known)
    made: list[Stage] = []
    start = 0.0
    for name, seconds in known:
        width = NARROWEST + room * seconds / total
        made.append(Stage(name.replace("_", " "), seconds, round(start, 2), round(width, 2)))
        start += width
    return made
