"""A moment as a document and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from pydantic import ByteSize

from scaler.model.alerts import Permission
from scaler.model.errors import RecordingError
from scaler.model.pause import Pause
from scaler.planning.plan import plan
from scaler.recording.document import document_of, has_changed
from scaler.recording.moment import Moment
from scaler.recording.patch import difference
from scaler.recording.reading import Reader
from support.builders import NOW, head, node, observation, permits, worker, worker_name
from support.observations import POLICY, observations
from support.recordings import moment

if TYPE_CHECKING:
    from scaler.model.decision import Observation


def through_json(made: Moment) -> Moment:
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document_of(made)))
    return Reader().moment(document)


def received_now(permission: Permission) -> Permission:
    return Permission(tuple(alert._replace(received_at=NOW) for alert in permission.alerts))


@given(observations())
def test_what_is_read_is_what_was_written(seen: Observation) -> None:
    made = Moment(NOW, seen, POLICY, plan(seen, POLICY, NOW))

    received = replace(seen, up=received_now(seen.up), down=received_now(seen.down))
    assert through_json(made) == replace(made, observation=received)


@given(observations())
def test_the_plan_of_what_is_read_is_the_plan_that_was_made(seen: Observation) -> None:
    made = Moment(NOW, seen, POLICY, plan(seen, POLICY, NOW))

    read = through_json(made)
    assert plan(read.observation, read.policy, read.at) == made.plan


def test_a_size_that_settings_read_is_recorded_as_a_number() -> None:
    types = tuple(replace(kind, memory=ByteSize(2_000_000_000)) for kind in POLICY.worker_types)
    made = replace(moment(observation()), policy=replace(POLICY, worker_types=types))

    assert {kind["memory"] for kind in document_of(made)["policy"]["worker_types"]} == {2_000_000_000}


def test_what_has_no_value_in_json_survives() -> None:
    seen = observation(worker(1), paused_up=Pause("maintenance", "anna", NOW - 5), learned={"default": {"CPU": 2.0}})

    assert through_json(moment(seen)).observation == seen


def test_a_worker_of_an_earlier_snapshot_keeps_its_node() -> None:
    lost = replace(observation(nodes=(head(),)), workers=(worker(1),))

    assert through_json(moment(lost)).observation.workers[0].node == node(worker_name(1))


def test_a_worker_that_joined_again_has_two_nodes() -> None:
    living, dead = node(worker_name(1)), replace(node(worker_name(1)), node_id="dead")
    seen = observation(worker(1, node=living), nodes=(dead,))

    assert through_json(moment(seen)).observation == seen


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"observed_at": NOW + 5}, False, id="time passed"),
        pytest.param({"up": permits(received_at=NOW)}, False, id="the alert was received again"),
        pytest.param({"up": permits(starts_at=NOW - 1)}, True, id="the alert fired again"),
        pytest.param({"last_scale_up": NOW}, True, id="a cooldown began"),
    ],
)
def test_only_what_may_decide_is_a_change(changed: dict[str, Any], expected: bool) -> None:
    first: dict[str, Any] = {"up": permits(), "observed_at": NOW}
    before = document_of(moment(observation(worker(1), **first)))
    after = document_of(moment(observation(worker(1), **{**first, **changed}), NOW + 5), before)

    assert has_changed(difference(before, after)) is expected


def test_a_worker_that_stays_idle_is_no_change() -> None:
    before = document_of(moment(observation(worker(1, idle=10.0))))
    after = moment(observation(worker(1, idle=15.003), observed_at=NOW + 5), NOW + 5)

    assert not has_changed(difference(before, document_of(after, before)))


def test_figures_in_sentences_are_no_change_of_a_plan() -> None:
    quiet: dict[str, Any] = {"up": permits(), "last_scale_up": NOW - 10, "demand_since": NOW - 99}
    before = moment(observation(worker(1), **quiet))
    after = moment(observation(worker(1), observed_at=NOW + 5, **quiet), NOW + 5)
    known = document_of(before)

    assert document_of(after, known)["plan"] == known["plan"]


@pytest.mark.parametrize("damage", [{"at": "noon"}, {"nodes": 5}, {"policy": {}}, {"plan": {"actions": [1]}}])
def test_what_is_no_moment_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(RecordingError):
        Reader().moment({**document_of(moment(observation(worker(1)))), **damage})
