"""Why the pool is as it is: one cause and one sentence for each pending shape and for each worker.

Pure: standard library only. What a rule of the plan holds back has the rule's own words, so that there is no
second account of the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaler.explain.demand import explain_demand
from scaler.explain.summary import headlines, problems
from scaler.explain.workers import explain_workers
from scaler.model.cost import cost_per_hour, counted
from scaler.planning.plan import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaler.explain.summary import PendingShape, WorkerWhy
    from scaler.model.decision import Observation, Plan
    from scaler.model.policy import Policy


@dataclass(frozen=True)
class Explanation:
    """`summary` has the most important first; `healthy`: nothing is wrong; `workers` are in the observation's order."""

    summary: tuple[str, ...]
    pending: tuple[PendingShape, ...]
    workers: tuple[WorkerWhy, ...]
    healthy: bool


def explain(
    observation: Observation,
    proposed: Plan,
    policy: Policy,
    now: float,
    planner: Callable[[Observation, Policy, float], Plan] = plan,
) -> Explanation:
    """Explain `proposed`, which `planner` made of the other arguments."""
    pending = explain_demand(observation, proposed, policy, now)
    workers = explain_workers(observation, proposed, policy, now, planner)
    cost = cost_per_hour(policy, counted(observation.workers))
    wrong = problems(observation, proposed, pending, workers, now)
    return Explanation(headlines(wrong, proposed, pending, workers, cost), pending, workers, healthy=not wrong)
