"""What one reconcile passes to the next."""

from __future__ import annotations

import pytest

from scaler.control.view import Memory
from scaler.model.decision import Observation, Plan
from scaler.model.workers import WorkerState
from support.builders import NOW, worker


@pytest.mark.parametrize(
    ("demand_met", "since", "expected"),
    [
        pytest.param(False, None, NOW, id="demand that was met before is unmet from now on"),
        pytest.param(False, NOW - 5, NOW - 5, id="demand that goes unmet keeps its beginning"),
        pytest.param(True, NOW - 5, None, id="demand that is met has no beginning"),
    ],
)
def test_the_beginning_of_unmet_demand_is_kept(demand_met: bool, since: float | None, expected: float | None) -> None:
    memory = Memory().after(Observation(None, demand_since=since), Plan(demand_met=demand_met), NOW)

    assert memory.demand_since == expected


def test_the_beginning_of_each_drain_is_kept() -> None:
    draining = worker(1, WorkerState.DRAINING, draining_since=NOW - 7)
    memory = Memory().after(Observation(None, workers=(draining, worker(2))), Plan(), NOW)

    assert memory.draining_since == {draining.worker_id: NOW - 7}
