"""Short recordings for tests."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from scaler.planning.plan import plan
from scaler.recording.moment import Moment
from scaler.recording.segments import Writer
from support.builders import NOW, demand, observation, permits, policy, worker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scaler.model.decision import Observation, Plan
    from scaler.recording.segments import Segment


def moment(seen: Observation, at: float = NOW) -> Moment:
    """What the loop hands over after a reconcile of `seen`."""
    return Moment(at, seen, policy(), plan(seen, policy(), at))


def with_pending(count: int, at: float = NOW, workers: int = 1) -> Moment:
    """Some busy workers and pending tasks, while no alert fires; the plan is the same at any time."""
    return Moment(at, _pending(count, at, workers), policy(), _planned(count, workers))


def _pending(count: int, at: float, workers: int) -> Observation:
    return observation(
        *(worker(index) for index in range(1, workers + 1)), demands=(demand(count),) * bool(count), observed_at=at
    )


@cache
def _planned(count: int, workers: int) -> Plan:
    return plan(_pending(count, NOW, workers), policy(), NOW)


def launching(at: float = NOW) -> Moment:
    """A moment with a launch."""
    made = moment(observation(worker(1), demands=(demand(9),), up=permits(), demand_since=at - 99, observed_at=at), at)
    assert made.plan.launches
    return made


def written(moments: Iterable[Moment]) -> list[Segment]:
    """The segments of `moments`."""
    writer = Writer()
    segments = [writer.add(one) for one in moments]
    return [segment for segment in (*segments, writer.take()) if segment]
