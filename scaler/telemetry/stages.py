"""Duration of each stage from demand to running worker. Pure: standard library only.

demand ──alert──▶ firing ──webhook──▶ received ──decision──▶ launching ──launch──▶ up ──join──▶ in Ray ──demand_drop──▶

A scale-up begins with the first launch for pending demand under an alert and ends when pending demand first falls after
a worker joined; what is launched meanwhile is part of it. Each stage is measured once, launch and join once for each
worker. The times come from several clocks, and alerts may have fired before: no time counts as earlier than the one
before it, so that no stage is negative and the stages add up. Nothing is kept across a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scaler.model.decision import Cause
from scaler.model.workers import ENDED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray_watcher_common.state import ClusterState
    from scaler.model.alerts import Alert
    from scaler.model.decision import Action, Observation, Plan

STAGES = ("alert", "webhook", "decision", "launch", "join", "demand_drop")
DEMAND_TO_WORKER = "demand_to_worker"  # from the first observation of the demand to the first new worker in Ray

Measured = tuple[str, float]
"""One of `STAGES` or `DEMAND_TO_WORKER`, and its duration in seconds."""


@dataclass(frozen=True)
class ScaleUp:
    """A scale-up in progress; times are unix seconds."""

    demand_at: float
    joined_at: float | None = None  # the first of its workers


@dataclass(frozen=True)
class Launch:
    """A worker that was requested and has not joined Ray; times are unix seconds."""

    decided_at: float
    running_at: float | None = None


class StageTracker:
    """Measures stages from successive reconciles; `last` has the stages of the last scale-up so far."""

    def __init__(self) -> None:
        self.last: Mapping[str, float] = {}
        self._scale_up: ScaleUp | None = None
        self._launches: dict[str, Launch] = {}
        self._received: dict[tuple[str, float], float] = {}  # when an alert's firing was first received
        self._met_at = float("-inf")  # current demand became pending after this time
        self._pending = 0

    def see(
        self, observation: Observation, proposed: Plan, launched: Mapping[str, Action], now: float
    ) -> list[Measured]:
        """Stages that ended by a reconcile at `now` (unix seconds); `launched` has its launches by worker id."""
        firings = {(alert.key, alert.starts_at): alert.received_at for alert in observation.up.alerts}
        self._received = firings | {known: at for known, at in self._received.items() if known in firings}
        snapshot = observation.snapshot
        measured = [] if observation.provider_problem else self._follow_workers(observation, now)
        if snapshot and snapshot.demand_known:
            measured += self._follow_demand(snapshot, now)
            for_demand = [id_ for id_, action in launched.items() if action.cause is Cause.PENDING_DEMAND]
            if for_demand and observation.up and snapshot.pending_since is not None:
                measured += self._decided(snapshot.pending_since, observation.up.alerts, for_demand, now)
            elif proposed.demand_met:
                self._met_at = now
        return measured

    def _decided(
        self, pending_since: float, alerts: tuple[Alert, ...], worker_ids: list[str], now: float
    ) -> list[Measured]:
        """Stages up to launches for demand; the first of them begin a scale-up."""
        self._launches |= dict.fromkeys(worker_ids, Launch(now))
        if self._scale_up:
            return []
        alert = min(alerts, key=lambda alert: alert.starts_at)  # the first to permit it
        demand_at = max(pending_since, self._met_at)
        fired_at = max(demand_at, alert.starts_at)
        received_at = max(fired_at, self._received[alert.key, alert.starts_at])
        self._scale_up = ScaleUp(demand_at)
        took = (fired_at - demand_at, received_at - fired_at, max(0.0, now - received_at))
        measured = list(zip(STAGES, took, strict=False))
        self.last = dict(measured)
        return measured

    def _follow_workers(self, observation: Observation, now: float) -> list[Measured]:
        """Stages of launches that ended and workers that joined; failed ones are forgotten."""
        measured: list[Measured] = []
        joining: dict[str, Launch] = {}
        for worker in observation.workers:
            launch = self._launches.get(worker.worker_id)
            if launch is None or worker.state in ENDED:
                continue
            if launch.running_at is None and worker.action is None:
                launch = replace(launch, running_at=now)
                measured.append(("launch", max(0.0, now - launch.decided_at)))
            if launch.running_at is not None and observation.snapshot and worker.node and worker.node.alive:
                measured += self._joined(launch.decided_at, launch.running_at, observation.snapshot.observed_at)
            else:
                joining[worker.worker_id] = launch
        self._launches = joining
        if self._scale_up and self._scale_up.joined_at is None and not joining:
            self._scale_up = None  # all of its workers failed
        return measured

    def _joined(self, decided_at: float, running_at: float, at: float) -> list[Measured]:
        join = max(0.0, at - running_at)
        if self._scale_up is None or self._scale_up.joined_at is not None:
            return [("join", join)]
        total = max(0.0, at - self._scale_up.demand_at)
        self._scale_up = replace(self._scale_up, joined_at=at)
        self.last = {**self.last, "launch": max(0.0, running_at - decided_at), "join": join, DEMAND_TO_WORKER: total}
        return [("join", join), (DEMAND_TO_WORKER, total)]

    def _follow_demand(self, snapshot: ClusterState, now: float) -> list[Measured]:
        """The first decrease of pending demand after a join ends a scale-up."""
        before, self._pending = self._pending, snapshot.pending
        if self._scale_up is None or self._scale_up.joined_at is None or 0 < before <= snapshot.pending:
            return []
        took = max(0.0, snapshot.observed_at - self._scale_up.joined_at)
        self._scale_up, self._met_at = None, now
        if snapshot.pending >= before:
            return []  # no demand was pending any more when the first worker joined
        self.last = {**self.last, "demand_drop": took}
        return [("demand_drop", took)]
