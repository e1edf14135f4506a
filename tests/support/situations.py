"""What an operator meets: a pool in one situation each, for the tests and golden files of plan and explain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaler.control.view import View
from scaler.journal.journal import Journal
from scaler.model.alerts import Permission
from scaler.model.circuit_breaker import LaunchHealth
from scaler.model.cluster import Direction
from scaler.model.decision import Observation
from scaler.model.pause import Pause
from scaler.model.workers import WorkerState
from scaler.planning.plan import plan
from scaler.web.status import status
from support.builders import NOW, alert, demand, observation, permits, policy, worker, worker_type

if TYPE_CHECKING:
    from scaler.model.decision import Plan
    from scaler.model.policy import Policy

GPU = {"GPU": 1.0}
PENDING = Permission((alert(starts_at=NOW - 40, summary="12 tasks wait for room"),))
IDLE = Permission((alert(Direction.DOWN, starts_at=NOW - 30, summary="2 workers are idle"),))
LARGE = policy(worker_type(max_workers=20), max_workers=20)


@dataclass(frozen=True)
class Situation:
    """An observation under a policy."""

    observation: Observation
    policy: Policy

    @property
    def plan(self) -> Plan:
        return plan(self.observation, self.policy, NOW)

    def status(self) -> dict[str, Any]:
        """The scaler's status document, with an empty journal."""
        journal = Journal(None)
        try:
            view = View(NOW, self.observation, self.plan, self.policy)
            return dict(status(view, self.policy, journal, cluster="test", provider="fake", now=NOW))
        finally:
            journal.close()


SITUATIONS = {
    "nothing pending": Situation(observation(worker(1), worker(2, idle=20)), policy()),
    "a burst during the cooldown": Situation(
        observation(
            worker(1),
            worker(2, WorkerState.ALLOCATED, created_at=NOW - 12),
            worker(3, WorkerState.ALLOCATED, created_at=NOW - 12),
            demands=(demand(12),),
            up=PENDING,
            last_scale_up=NOW - 12,
            demand_since=NOW - 12,
        ),
        LARGE,
    ),
    "at max_workers": Situation(
        observation(*(worker(index) for index in range(1, 6)), demands=(demand(12),), up=PENDING), policy()
    ),
    "a GPU that no type has": Situation(
        observation(worker(1), demands=(demand(2, GPU), demand(1)), up=PENDING), policy()
    ),
    "no snapshot": Situation(
        Observation(None, (worker(1), worker(2)), up=PENDING, blind_since=NOW - 3, problem="the exporter is silent"),
        policy(),
    ),
    "idle, but needed for min_workers": Situation(
        observation(worker(1, idle=90), worker(2, idle=80), down=IDLE), policy(worker_type(min_workers=1))
    ),
    "no alert permits anything": Situation(observation(worker(1, idle=90), demands=(demand(4),)), policy()),
    "all pending demand fits on joining workers": Situation(
        observation(worker(1), worker(2, WorkerState.ALLOCATED, created_at=NOW - 2), demands=(demand(1),), up=PENDING),
        policy(),
    ),
    "idle workers of another type": Situation(
        observation(
            worker(1, idle=90, worker_type="small"),
            worker(2, idle=80, worker_type="small"),
            demands=(demand(1, GPU),),
            up=PENDING,
            down=IDLE,
        ),
        policy(worker_type(name="small"), worker_type(name="gpu", num_gpus=1), max_workers=2),
    ),
    "an idle worker that pending demand needs": Situation(
        observation(
            worker(1, idle=90), demands=(demand(4),), up=PENDING, down=IDLE, last_scale_up=NOW - 1, demand_since=NOW - 9
        ),
        policy(),
    ),
    "the scale-down cooldown": Situation(observation(worker(1, idle=90), down=IDLE, last_scale_down=NOW - 4), policy()),
    "an engine that does not answer": Situation(
        observation(worker(1), demands=(demand(4),), up=permits(), provider_problem="no Docker engine answers"),
        policy(),
    ),
    "launches that fail": Situation(
        observation(
            worker(1),
            demands=(demand(3),),
            up=PENDING,
            launch_health={"default": LaunchHealth(frozenset({4, 5, 6}), NOW - 12, "no such image: my/ray:9")},
        ),
        policy(),
    ),
    "scaling is paused": Situation(
        observation(
            worker(1, idle=90),
            demands=(demand(4),),
            up=PENDING,
            paused_up=Pause("benchmark", "anna", NOW - 600, NOW + 3600),
            paused_down=Pause("benchmark", "anna", NOW - 600),
        ),
        policy(),
    ),
    "a journal that cannot be written": Situation(
        observation(worker(1, idle=90), demands=(demand(4),), up=PENDING, journal_problem="disk is full"), policy()
    ),
    "a worker that never joined": Situation(
        observation(worker(1, WorkerState.LAUNCH_FAILED, detail="exit code 1: no space left on device")), policy()
    ),
}
