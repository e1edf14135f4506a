"""A plan in the making: what the rules see and add to. Pure: standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scaler.binpack import Room, Slot, fresh
from scaler.decision import Action, Cause, Held, Infeasible, Observation
from scaler.lifecycle import JOINING, ActionKind, Worker, ghosts
from scaler.model import NodeStatus, Snapshot

if TYPE_CHECKING:
    from scaler.config import Policy


def cooldown_left(last_event: float | None, cooldown: float, now: float) -> float:
    """Seconds until the next event is allowed, 0.0 where it is; never more than `cooldown`, whatever the clock did."""
    return 0.0 if last_event is None else max(0.0, min(cooldown, last_event + cooldown - now))


@dataclass
class Draft:
    """The rules' common ground. `demand_met`: no demand waits for a worker that is still to be launched."""

    observation: Observation
    policy: Policy
    now: float
    actions: list[Action] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    infeasible: list[Infeasible] = field(default_factory=list)
    demand_met: bool = True

    def hold(self, cause: Cause, count: int, reason: str) -> None:
        """Say that `count` workers or requests are held back; nothing to say for none."""
        if count > 0:
            self.held.append(Held(cause, count, reason))

    @property
    def launches(self) -> list[Action]:
        """The launches so far."""
        return [action for action in self.actions if action.kind is ActionKind.LAUNCH]

    @property
    def staying(self) -> list[Worker]:
        """Workers that count and that this plan does not remove."""
        removed = {action.worker_id for action in self.actions if action.kind is ActionKind.REMOVE}
        return [w for w in self.observation.workers if w.counts and w.worker_id not in removed]

    def room(self) -> Room:
        """How many workers may yet be launched."""
        names = [worker.worker_type for worker in self.staying] + [launch.worker_type for launch in self.launches]
        return Room(
            self.policy.max_workers - len(names),
            {kind.name: kind.max_workers - names.count(kind.name) for kind in self.policy.worker_types},
        )

    @property
    def scale_up_wait(self) -> float:
        """Seconds of cooldown left before workers may be launched."""
        return cooldown_left(self.observation.last_scale_up, self.policy.scale_up_cooldown, self.now)

    @property
    def scale_down_wait(self) -> float:
        """Seconds of cooldown left before workers may be drained."""
        return cooldown_left(self.observation.last_scale_down, self.policy.scale_down_cooldown, self.now)

    def slots(self, snapshot: Snapshot, without: frozenset[str] = frozenset()) -> list[Slot]:
        """Room that is free now or joining; not of draining, dead or vanished nodes, nor of those in `without`."""
        gone = ghosts(snapshot, self.observation.workers) | without
        present = [
            Slot(dict(node.available), node.labels)
            for node in snapshot.nodes
            if node.status in (NodeStatus.RUNNING, NodeStatus.IDLE) and node.node_id not in gone
        ]
        joining = [worker.worker_type for worker in self.staying if worker.state in JOINING]
        kinds = map(self.policy.worker_type, [*joining, *(launch.worker_type for launch in self.launches)])
        return present + [fresh(kind) for kind in kinds if kind is not None]
