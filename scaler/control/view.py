"""What the loop shares with the other threads: `Wakeup` wakes it, `View` holds the last reconcile."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaler.explain.anomalies import Anomaly
    from scaler.model.decision import Observation, Plan


class Wakeup:
    """Wakes the loop, and remembers the trigger."""

    def __init__(self) -> None:
        self._woken = threading.Event()
        self._trigger = "start"

    def wake(self, trigger: str) -> None:
        """Make the loop reconcile at once, because of `trigger`."""
        self._trigger = trigger
        self._woken.set()

    def wait(self, seconds: float) -> None:
        """Sleep until woken, at most `seconds`."""
        self._woken.wait(seconds)

    def take(self) -> str:
        """The trigger of the last `wake`, once; `timer` if there was none since the last call."""
        self._woken.clear()
        trigger, self._trigger = self._trigger, "timer"
        return trigger


@dataclass(frozen=True, eq=False)  # one for each reconcile, compared by identity
class View:
    """The last reconcile, for the status page and metrics; `last_scale_up` has the duration of its stages (seconds)."""

    at: float
    observation: Observation
    plan: Plan
    last_scale_up: Mapping[str, float] = field(default_factory=dict)
    anomalies: tuple[Anomaly, ...] = ()
