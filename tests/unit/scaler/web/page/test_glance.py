"""How urgent the page says things are, and its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from scaler.control.view import View
from scaler.journal.journal import Journal
from scaler.model.circuit_breaker import LaunchHealth
from scaler.model.cluster import Direction
from scaler.model.pause import Pause
from scaler.model.workers import WorkerState
from scaler.planning.plan import plan
from scaler.web.page.glance import Level, level, tiles
from scaler.web.status import status
from support.builders import NOW, demand, head, node, observation, permits, policy, worker

if TYPE_CHECKING:
    from scaler.model.decision import Observation
    from scaler.web.api.documents import Status

PAUSE = Pause("maintenance", "anna", NOW - 10)
FAILING = {"default": LaunchHealth(frozenset(range(5)), NOW - 1, "no image")}


def status_of(given: Observation) -> Status:
    journal, limits = Journal(None), policy()
    try:
        view = View(NOW, given, plan(given, limits, NOW), limits)
        return status(view, limits, journal, cluster="test", provider="fake", now=NOW)
    finally:
        journal.close()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(observation(nodes=(head(),)), Level.OK, id="nothing to do"),
        pytest.param(
            observation(worker(1), demands=(demand(2),), up=permits(), last_scale_up=NOW), Level.OK, id="cooldown"
        ),
        pytest.param(observation(nodes=(head(),), paused_up=PAUSE), Level.LOOK, id="paused"),
        pytest.param(observation(nodes=(head(),), demands=(demand(1, {"GPU": 1}),)), Level.LOOK, id="infeasible"),
        pytest.param(
            observation(*(worker(i) for i in range(1, 6)), demands=(demand(9),), up=permits()), Level.LOOK, id="full"
        ),
        pytest.param(observation(nodes=(head(),), launch_health=FAILING), Level.ACT, id="breaker open"),
        pytest.param(observation(provider_problem="engine gone"), Level.ACT, id="no engine"),
        pytest.param(observation(journal_problem="disk full"), Level.ACT, id="no journal"),
    ],
)
def test_colour_means_that_a_person_has_something_to_do(given: Observation, expected: Level) -> None:
    assert level(status_of(given)) is expected


def test_without_a_snapshot_it_is_a_problem() -> None:
    blind = cast("Any", status_of(observation(nodes=(head(),))))
    blind["snapshot"]["usable"] = False

    assert level(blind) is Level.ACT


def figures(given: Observation) -> dict[str, tuple[str, str]]:
    return {tile.name: (tile.value, tile.note) for tile in tiles(status_of(given))}


def test_the_figures_are_those_of_the_cluster() -> None:
    given = observation(
        worker(1),
        worker(2, idle=5),
        worker(3, WorkerState.ALLOCATED),
        nodes=(node(is_head=True, total={"CPU": 2, "GPU": 1}, available={"CPU": 1}),),
        demands=(demand(3), demand(1, {"CPU": 4})),
        up=permits(),
    )

    shown = figures(given)
    assert shown["Pending requests"] == ("4", "1 infeasible")
    assert shown["Workers running"] == ("2", "1 joining, limits 0 to 5")
    assert shown["CPUs booked"] == ("2 of 4", "head and workers")
    assert shown["GPUs booked"] == ("1 of 1", "head and workers")
    assert shown["Alerts permit"] == ("up", "RayPendingTasks")
    assert shown["Role"] == ("leader", "fake")


def test_a_cooldown_counts_down_to_its_end_and_a_pause_stands_in_its_place() -> None:
    by_name = {tile.name: tile for tile in tiles(status_of(observation(last_scale_up=NOW - 12, paused_down=PAUSE)))}

    assert by_name["Cooldown up"].until == NOW + 48
    assert (by_name["Cooldown down"].value, by_name["Cooldown down"].note) == ("paused", "by anna: maintenance")


def test_gpus_are_not_shown_if_there_are_none() -> None:
    assert "GPUs booked" not in figures(observation(nodes=(head(),), down=permits(Direction.DOWN)))
