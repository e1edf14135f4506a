"""Why the pool is as it is: one cause and one sentence for each shape that waits and for each worker.

Pure: standard library only. What a rule of the plan holds back is told in the rule's own words, so that there is no
second account of the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaler.explain.demand import explain_demand
from scaler.explain.summary import headlines
from scaler.explain.workers import explain_workers
from scaler.planning.plan import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaler.explain.summary import Waiting, WorkerWhy
    from scaler.model.decision import Observation, Plan
    from scaler.model.policy import Policy


@dataclass(frozen=True)
class Explanation:
    """`summary` says the most important first; `workers` are in the observation's order."""

    summary: tuple[str, ...]
    waiting: tuple[Waiting, ...]
    workers: tuple[WorkerWhy, ...]


def explain(
    observation: Observation,
    proposed: Plan,
    policy: Policy,
    now: float,
    planner: Callable[[Observation, Policy, float], Plan] = plan,
) -> Explanation:
    """Explain `proposed`, which `planner` made of the other arguments."""
    waiting = explain_demand(observation, proposed, policy, now)
    workers = explain_workers(observation, proposed, policy, now, planner)
    return Explanation(headlines(observation, proposed, waiting, workers, now), waiting, workers)
