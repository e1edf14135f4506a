"""What the loop shares with other threads (`Wakeup`, `View`), and what it passes to its next round (`Memory`)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaler.explain.anomalies import Anomaly
    from scaler.model.decision import Observation, Plan
    from scaler.model.policy import Policy
    from scaler.model.workers import Joined, Worker


class Wakeup:
    """Wakes the loop, and remembers the trigger."""

    def __init__(self) -> None:
        self._woken = threading.Event()
        self._trigger = "start"

    def wake(self, trigger: str) -> None:
        """Make the loop reconcile at once, because of `trigger`."""
        self._trigger = trigger
        self._woken.set()

    def look(self) -> None:
        """Make the loop reconcile at once because someone asks for the state, which is no trigger of its own."""
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
    policy: Policy  # that the plan followed
    last_scale_up: Mapping[str, float] = field(default_factory=dict)
    anomalies: tuple[Anomaly, ...] = ()


@dataclass(frozen=True)
class Memory:
    """What a reconcile passes to the next one; times are unix seconds. It is lost with the process."""

    workers: tuple[Worker, ...] = ()  # the last ones that the provider listed
    demand_since: float | None = None  # since when demand has not been met; None: it is met
    blind_since: float | None = None  # since when demand has not been known; None: it is known
    learned: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # as in `Observation`
    joined: Mapping[str, Joined] = field(default_factory=dict)  # as in `Observation`

    @property
    def draining_since(self) -> Mapping[str, float]:
        """When each worker that was draining at the last reconcile was first seen to drain, by worker id."""
        return {one.worker_id: one.draining_since for one in self.workers if one.draining_since is not None}

    def after(self, observation: Observation, plan: Plan, now: float) -> Memory:
        """The memory after a reconcile at `now` that made this plan of this observation."""
        since = None if plan.demand_met else observation.demand_since or now
        return Memory(observation.workers, since, observation.blind_since, observation.learned, observation.joined)
