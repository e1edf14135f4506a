"""Custom scaling logic: followed where it makes sense, told and left aside where it does not."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import datetime, timezone
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import pytest

from ray_watcher_common.program.settings import SettingsError
from scaler.control.custom_planner import guarded, load_planner
from scaler.model.decision import Action, Cause, Plan
from scaler.model.pause import Pause
from scaler.model.workers import ActionKind, WorkerState
from scaler.planning.plan import plan
from support.builders import NOW, demand, head, observation, permits, policy, worker, worker_name
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from scaler.model.decision import Observation
    from scaler.model.policy import Policy

GIVEN = observation(worker(), nodes=(head(),), demands=(demand(3),), up=permits())
PAUSE = Pause("benchmark", "anna", NOW)
BUILT_IN = plan(GIVEN, policy(), NOW)


def launch(worker_type: str = "default") -> Action:
    return Action(ActionKind.LAUNCH, Cause.ALERT_STEP, "mine", worker_type)


def broken(_observation: Observation, _policy: Policy, _now: float) -> Plan:
    raise ZeroDivisionError("no idea")


def test_without_a_name_the_built_in_planner_plans() -> None:
    assert load_planner(None) is plan


def test_a_custom_plan_is_followed() -> None:
    mine = Plan((launch(),))

    assert guarded(lambda _o, _p, _n: mine, "mine")(GIVEN, policy(), NOW) == mine


@pytest.mark.parametrize(
    ("returned", "names"),
    [
        pytest.param(None, "NoneType", id="nothing"),
        pytest.param(Plan(cast("tuple[Action, ...]", [launch()])), "Action", id="a list"),
        pytest.param(Plan(cast("tuple[Action, ...]", ("launch",))), "Action", id="words"),
        pytest.param(Plan((launch("gpu"),)), "'gpu'", id="unknown type"),
        pytest.param(
            Plan((Action(ActionKind.PREPARE, Cause.BELOW_WARM_WORKERS, "mine", "gpu"),)),
            "'gpu'",
            id="unknown type to prepare",
        ),
        pytest.param(
            Plan((replace(launch(), worker_id="worker-9"),)),
            "'worker-9'",
            id="no warm one",
        ),
        pytest.param(Plan((launch(),) * 5), "max_workers", id="too many"),
        pytest.param(
            Plan((Action(ActionKind.REMOVE, Cause.IDLE, "mine", "default", "worker-9"),)),
            "'worker-9'",
            id="unknown worker",
        ),
    ],
)
def test_an_invalid_plan_is_reported_and_the_built_in_one_used(returned: Any, names: str) -> None:
    proposed = guarded(lambda _o, _p, _n: returned, "mine")(GIVEN, policy(), NOW)

    assert proposed.actions == BUILT_IN.actions
    assert proposed.held[0].cause is Cause.CUSTOM_PLANNER_FAILED
    assert names in proposed.held[0].reason


@pytest.mark.parametrize(("warm", "followed"), [("", False), (worker_name(5), True)], ids=["cold", "warm"])
def test_a_warm_worker_has_its_place_already(warm: str, *, followed: bool) -> None:
    full = observation(*map(worker, range(1, 5)), worker(5, WorkerState.WARM))
    mine = Plan((replace(launch(), worker_id=warm),))

    assert (guarded(lambda _o, _p, _n: mine, "mine")(full, policy(), NOW) == mine) is followed


@pytest.mark.parametrize(
    ("action", "paused"),
    [
        pytest.param(launch(), {"paused_up": PAUSE}, id="up"),
        pytest.param(
            Action(ActionKind.DRAIN, Cause.IDLE, "mine", "default", worker_name(1)),
            {"paused_down": PAUSE},
            id="down",
        ),
    ],
)
def test_a_custom_planner_does_not_get_around_a_pause(action: Action, paused: dict[str, Any]) -> None:
    given = replace(GIVEN, **paused)
    proposed = guarded(lambda _o, _p, _n: Plan((action,)), "mine")(given, policy(), NOW)

    assert action not in proposed.actions
    assert proposed.held[0].cause is Cause.CUSTOM_PLANNER_FAILED


def test_a_planner_that_raises_stops_nothing() -> None:
    proposed = guarded(broken, "mine")(GIVEN, policy(), NOW)

    assert replace(proposed, held=BUILT_IN.held) == BUILT_IN
    assert proposed.held[0].cause is Cause.CUSTOM_PLANNER_FAILED
    assert "ZeroDivisionError: no idea" in proposed.held[0].reason


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere.to_be_found:plan", "No module named"),
        ("scaler.planning.plan:scheme", "no attribute 'scheme'"),
        ("scaler.planning.plan", "wanted package.module:function"),
        (":plan", "wanted package.module:function"),
        ("ray_watcher_common.state:shape_text", "must take (observation, policy, now)"),
    ],
)
def test_what_cannot_be_a_planner_is_told_at_the_start(name: str, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_planner(name)

    assert str(error.value).startswith("WATCHER_PLANNER: ")
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        pytest.param("def plan(:", "SyntaxError", id="a slip"),
        pytest.param("{}['key']", "KeyError", id="a key that is missing"),
        pytest.param("raise SystemExit(3)", "SystemExit", id="a script that ends"),
        pytest.param("1 / 0", "ZeroDivisionError", id="any error"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(
    source: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slip_of_a_planner.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SettingsError) as error:
        load_planner("slip_of_a_planner:plan")

    message = str(error.value)
    assert message.startswith("WATCHER_PLANNER: got 'slip_of_a_planner:plan', wanted ")
    assert (kind in message, message.count("\n")) == (True, 0)


def test_the_documented_example_works(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "custom-planner.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert example
    module = ModuleType("my_rules")
    exec(example[1], module.__dict__)  # noqa: S102  # our own documentation
    monkeypatch.setitem(sys.modules, "my_rules", module)
    planner = load_planner("my_rules:night_shift")

    def launched(hour: int) -> int:
        at = datetime(2026, 1, 2, hour, tzinfo=timezone.utc).astimezone().replace(hour=hour).timestamp()
        proposed = planner(replace(GIVEN, last_scale_up=None, up=permits(received_at=at)), policy(), at)
        return sum(action.kind is ActionKind.LAUNCH for action in proposed.actions)

    assert (launched(hour=23), launched(hour=12)) == (1, 3)
