"""What workers cost at the prices of their types."""

from __future__ import annotations

import pytest

from scaler.model.cost import cost_of_period, cost_per_hour, counted
from scaler.model.workers import WorkerState
from support.builders import policy, worker, worker_type

POLICY = policy(worker_type(name="small", price_per_hour=0.5), worker_type(name="gpu", price_per_hour=4.0))


def test_workers_cost_from_their_launch_until_they_have_ended() -> None:
    states = (WorkerState.REQUESTED, WorkerState.RUNNING, WorkerState.DRAINING, WorkerState.TERMINATED)
    there = [worker(index, state, worker_type="gpu") for index, state in enumerate(states, start=1)]

    assert counted([*there, worker(9, WorkerState.WARM, worker_type="gpu")]) == {"gpu": 3}


def test_a_type_without_a_price_or_without_a_place_in_the_policy_costs_nothing() -> None:
    assert cost_per_hour(POLICY, {"small": 2, "gpu": 1, "gone": 7}) == pytest.approx(5.0)


def test_a_period_costs_what_each_part_of_it_does() -> None:
    samples = [(0.0, {"small": 1}), (1800.0, {"small": 1, "gpu": 1}), (3600.0, {})]

    assert cost_of_period(POLICY, samples, until=7200.0) == pytest.approx(0.25 + 0.25 + 2.0)


def test_a_period_without_samples_costs_nothing() -> None:
    assert cost_of_period(POLICY, [], until=7200.0) == 0.0
