"""What an operator may add and remove: without an alert and a cooldown, within every other limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scaler.model.decision import Action, Cause, Observation, Plan
from scaler.model.pause import Pause
from scaler.model.workers import ActionKind, WorkerState
from scaler.planning.by_hand import AddWorker, RemoveWorker, Request, with_requests
from support.builders import NOW, head, observation, policy, worker, worker_name, worker_type

if TYPE_CHECKING:
    from scaler.model.policy import Policy

ADD = AddWorker("default", "why")
REMOVE = RemoveWorker(worker_name(1), "why")
FORCE = RemoveWorker(worker_name(1), "why", force=True)
PAUSE = Pause("maintenance", "anna", NOW - 10)
IDLE = worker(1, idle=30)
BUSY = worker(1)


def answer(given: Observation, request: Request, limits: Policy | None = None) -> tuple[str, str]:
    """The action's kind or "held", and the cause."""
    plan, (found,) = with_requests(given, Plan(), limits or policy(), NOW, [request])
    assert plan.actions == ((found,) if isinstance(found, Action) else ())
    return (found.kind.value if isinstance(found, Action) else "held", found.cause.value)


@pytest.mark.parametrize(
    ("given", "request_", "limits", "expected"),
    [
        pytest.param(observation(nodes=(head(),)), ADD, None, ("launch", "operator"), id="without alert and demand"),
        pytest.param(
            observation(nodes=(head(),), last_scale_up=NOW), ADD, None, ("launch", "operator"), id="in the cooldown"
        ),
        pytest.param(
            observation(*(worker(i) for i in range(1, 6))), ADD, None, ("held", "max_workers"), id="a full pool"
        ),
        pytest.param(
            observation(worker(1)),
            ADD,
            policy(worker_type(max_workers=1)),
            ("held", "max_workers"),
            id="the type's own limit",
        ),
        pytest.param(observation(paused_up=PAUSE), ADD, None, ("held", "paused"), id="paused"),
        pytest.param(
            observation(worker(1, WorkerState.ALLOCATED)),
            ADD,
            policy(max_launches=1),
            ("held", "launches_in_progress"),
            id="launches in progress",
        ),
        pytest.param(observation(provider_problem="gone"), ADD, None, ("held", "provider_unavailable"), id="no engine"),
        pytest.param(observation(journal_problem="full"), ADD, None, ("held", "journal_unavailable"), id="no journal"),
        pytest.param(observation(IDLE), REMOVE, None, ("drain", "operator"), id="an idle worker is drained"),
        pytest.param(observation(BUSY), REMOVE, None, ("held", "still_busy"), id="a busy one stays"),
        pytest.param(observation(BUSY), FORCE, None, ("remove", "operator"), id="unless it is forced"),
        pytest.param(observation(IDLE, paused_down=PAUSE), REMOVE, None, ("held", "paused"), id="down is paused"),
        pytest.param(
            observation(IDLE), FORCE, policy(min_workers=1), ("held", "min_workers"), id="min_workers, forced or not"
        ),
        pytest.param(
            observation(IDLE, worker(2, WorkerState.DRAINING)),
            REMOVE,
            policy(disruption_budget=1),
            ("held", "disruption_budget"),
            id="the disruption budget",
        ),
        pytest.param(
            observation(worker(1, WorkerState.ALLOCATED)), REMOVE, None, ("remove", "operator"), id="one that joins"
        ),
        pytest.param(observation(worker(1, WorkerState.WARM)), REMOVE, None, ("remove", "operator"), id="a warm one"),
        pytest.param(
            observation(worker(1, action=ActionKind.DRAIN)), REMOVE, None, ("held", "still_busy"), id="one in progress"
        ),
        pytest.param(
            observation(worker(1, node=None)), REMOVE, None, ("held", "snapshot_unavailable"), id="one out of sight"
        ),
        pytest.param(observation(worker(2)), REMOVE, None, ("held", "operator"), id="one that does not exist"),
    ],
)
def test_what_is_asked_for_is_done_within_the_limits(
    given: Observation, request_: Request, limits: Policy | None, expected: tuple[str, str]
) -> None:
    assert answer(given, request_, limits) == expected


def test_requests_of_one_round_count_for_each_other() -> None:
    given = observation(*(worker(i) for i in range(1, 5)))

    plan, answers = with_requests(given, Plan(), policy(), NOW, [ADD, ADD])

    assert [type(one) is Action for one in answers] == [True, False]
    assert len(plan.launches) == 1


def test_what_the_plan_launches_counts_as_well() -> None:
    launch = Action(ActionKind.LAUNCH, Cause.PENDING_DEMAND, "demand", "default")
    given = observation(*(worker(i) for i in range(1, 5)))

    plan, (held,) = with_requests(given, Plan((launch,)), policy(), NOW, [ADD])

    assert (plan.actions, held.cause) == ((launch,), Cause.MAX_WORKERS)


def test_a_worker_that_the_plan_removes_is_not_removed_twice() -> None:
    drain = Action(ActionKind.DRAIN, Cause.IDLE, "idle", "default", worker_name(1), "aa")

    plan, (held,) = with_requests(observation(IDLE), Plan((drain,)), policy(), NOW, [REMOVE])

    assert (plan.actions, held.cause) == ((drain,), Cause.STILL_BUSY)


def test_a_warm_worker_of_the_type_joins_and_others_are_in_the_way() -> None:
    mine, other = worker(1, WorkerState.WARM), worker(1, WorkerState.WARM, worker_type="gpu")
    limits = policy(worker_type(), worker_type(name="gpu"), max_workers=1)

    _, (joins,) = with_requests(observation(mine), Plan(), limits, NOW, [ADD])
    _, (held,) = with_requests(observation(other), Plan(), limits, NOW, [ADD])

    assert isinstance(joins, Action)
    assert joins.worker_id == worker_name(1)
    assert held.cause is Cause.MAX_WORKERS
