"""What the demo shows: one look as a value, and the words for what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ray_watcher.demo.scene import Scene, changes, pending, scene
from ray_watcher.output.history import parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    Items = Sequence[dict[str, Any]]

STATE: dict[str, Any] = {
    "demand_known": True,
    "demands": [{"shape": {"CPU": 1}, "count": 4}],
    "gangs": [{"bundles": [{"shape": {"CPU": 1}, "count": 2}]}],
    "nodes": [
        {"status": "RUNNING", "total": {"CPU": 2.0}, "available": {}},
        {"status": "IDLE", "total": {"CPU": 1.0}, "available": {"CPU": 1.0}},
        {"status": "DEAD", "total": {"CPU": 8.0}, "available": {"CPU": 8.0}},
    ],
}
LAUNCH = {"action": "launch", "worker_id": "", "cause": "pending_demand", "reason": "4 x CPU:1 wait"}
HELD = {"cause": "max_workers", "count": 2, "reason": "max_workers is 4"}


def decision(
    number: int = 1, at: float = 100.0, actions: Items = (), held: Items = (), infeasible: Items = ()
) -> dict[str, Any]:
    return {"id": number, "at": at, "actions": list(actions), "held": list(held), "infeasible": list(infeasible)}


def look(
    *decisions: dict[str, Any],
    workers: Sequence[tuple[str, str]] = (),
    alerts: Sequence[tuple[str, str, str | None]] = (),
    state: dict[str, Any] = STATE,
    since: float = 0.0,
) -> Scene:
    """Decisions newest first, as the scaler gives them."""
    status = {"workers": [{"worker_id": w, "state": s} for w, s in workers], "decisions": list(decisions)}
    return scene(state, status, [{"name": n, "state": s, "scale": p} for n, s, p in alerts], since)


def test_dead_nodes_bring_no_cpus() -> None:
    assert (look().cpus_used, look().cpus_total) == (2.0, 3.0)


def test_gangs_wait_too() -> None:
    assert pending(STATE) == 6


def test_unknown_demand_is_not_zero() -> None:
    unknown = look(state={**STATE, "demand_known": False})
    assert unknown.pending is None
    assert unknown.figures.startswith("? pending")


def test_alerts_that_permit_nothing_are_not_shown() -> None:
    seen = look(alerts=[("RayPendingTasks", "firing", "up"), ("RayAtMaxWorkers", "pending", None)])
    assert seen.alerts == (("RayPendingTasks", "firing"),)


def test_actions_of_one_cause_are_told_together_and_then_what_is_held() -> None:
    told = [f"{part.what}: {part.reason}" for part in parts(decision(actions=[LAUNCH] * 3, held=[HELD]))]
    assert told == ["launch 3 workers: 4 x CPU:1 wait", "hold 2: max_workers is 4"]


def test_one_worker_is_told_by_name() -> None:
    drain = {"action": "drain", "worker_id": "worker-1-00000a", "cause": "idle", "reason": "idle for 5 s"}
    assert parts(decision(actions=[drain]))[0].what == "drain worker-1-00000a"


def test_what_can_never_run_is_part_of_a_decision() -> None:
    shape = {"shape": "GPU:8", "count": 1, "cause": "no_worker_type_fits", "reason": "GPU:8 fits on no worker type"}
    assert [(part.what, part.cause) for part in parts(decision(infeasible=[shape]))] == [
        ("infeasible 1", "no_worker_type_fits")
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({}, {"workers": [("w1", "ALLOCATED")]}, ["w1 ALLOCATED"], id="a-worker-appears"),
        pytest.param(
            {"workers": [("w1", "ALLOCATED")]}, {"workers": [("w1", "RUNNING")]}, ["w1 RUNNING"], id="a-worker-joins"
        ),
        pytest.param({"workers": [("w1", "RUNNING")]}, {}, ["w1 removed"], id="a-worker-is-removed"),
        pytest.param({}, {"alerts": [("A", "firing", "up")]}, ["alert A firing"], id="an-alert-fires"),
        pytest.param({"alerts": [("A", "firing", "up")]}, {}, ["alert A resolved"], id="an-alert-ends"),
        pytest.param({"alerts": [("A", "firing", "up")]}, {"alerts": [("A", "firing", "up")]}, [], id="nothing-new"),
    ],
)
def test_changes_between_two_looks(before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    assert changes(look(**before), look(**after)) == expected


def test_the_first_look_tells_its_figures() -> None:
    assert changes(Scene(), look()) == ["6 pending, 2 of 3 CPUs busy, 0 of 0 tasks finished"]


def test_a_picture_that_has_the_figures_needs_no_line_for_them() -> None:
    assert changes(Scene(), look(), figures=False) == []


def test_every_decision_since_the_last_look_is_told_once_oldest_first() -> None:
    first, second = decision(1, actions=[LAUNCH]), decision(2, actions=[{**LAUNCH, "action": "drain"}] * 2)
    now = look(second, first)
    assert changes(look(), now) == [
        "decision: launch 1 worker: 4 x CPU:1 wait",
        "decision: drain 2 workers: 4 x CPU:1 wait",
    ]
    assert changes(now, now) == []


def test_holding_on_for_the_same_causes_is_told_once() -> None:
    before = look(decision(1, held=[HELD]))
    after = look(decision(2, held=[{**HELD, "count": 1}]), decision(1, held=[HELD]))
    assert changes(before, after) == []


def test_decisions_before_the_burst_and_empty_ones_are_not_told() -> None:
    assert changes(look(), look(decision(2, at=200.0), decision(1, at=50.0, held=[HELD]), since=100.0)) == []
