"""What the loop shares with the rest of the program: `Alarm` wakes it, `View` is what the last reconcile saw."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaler.explain.anomalies import Anomaly
    from scaler.model.decision import Observation, Plan


class Alarm:
    """Wakes the loop, and remembers why."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self._trigger = "start"

    def ring(self, trigger: str) -> None:
        """Reconcile at once, because of `trigger`."""
        self._trigger = trigger
        self._rung.set()

    def wait(self, seconds: float) -> None:
        """Sleep until rung, at most `seconds`."""
        self._rung.wait(seconds)

    def answer(self) -> str:
        """Why the loop was woken (`timer` where nothing rang); ready to ring again."""
        self._rung.clear()
        trigger, self._trigger = self._trigger, "timer"
        return trigger


@dataclass(frozen=True, eq=False)  # one for each reconcile, known by its identity
class View:
    """The last reconcile, for status page and metrics; and how long the last scale-up's stages took (seconds)."""

    at: float
    observation: Observation
    plan: Plan
    last_scale_up: Mapping[str, float] = field(default_factory=dict)
    anomalies: tuple[Anomaly, ...] = ()
