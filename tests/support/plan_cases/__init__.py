"""What the planner is asked, case by case, and what it has to answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaler.model.cluster import Direction
from scaler.model.workers import ActionKind
from support.builders import permits, policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaler.model.decision import Cause, Observation, Plan
    from scaler.model.policy import Policy

PREPARE, LAUNCH, DRAIN, REMOVE = ActionKind.PREPARE, ActionKind.LAUNCH, ActionKind.DRAIN, ActionKind.REMOVE
UP, DOWN = permits(Direction.UP), permits(Direction.DOWN)

DEFAULT_POLICY = policy()


@dataclass(frozen=True)
class Case:
    """Given an observation, these actions follow, these causes hold something back, and these types are launched."""

    sentence: str
    given: Observation
    actions: tuple[tuple[ActionKind, Cause, int], ...] = ()
    held: tuple[tuple[Cause, int], ...] = ()
    policy: Policy = DEFAULT_POLICY
    types: Mapping[str, int] | None = None  # of the launches; None: not said


def actions_of(proposed: Plan) -> tuple[tuple[ActionKind, Cause, int], ...]:
    """Kind, cause and number of actions, in the order of the plan."""
    keys = dict.fromkeys((action.kind, action.cause) for action in proposed.actions)
    return tuple((*key, sum((a.kind, a.cause) == key for a in proposed.actions)) for key in keys)


def launched_types(proposed: Plan) -> Counter[str]:
    """How many workers of which type a plan launches."""
    return Counter(action.worker_type for action in proposed.actions if action.kind is LAUNCH)
