"""A planner that starts nothing, for tests of what reaches the scaler (`support.no_launches:observed`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scaler.planning.plan import plan

if TYPE_CHECKING:
    from scaler.model.decision import Observation, Plan
    from scaler.model.policy import Policy


def observed(observation: Observation, policy: Policy, now: float) -> Plan:
    """The plan without its actions."""
    return replace(plan(observation, policy, now), actions=())
