"""A recording through another policy or planner."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ray_watcher.tuning.replay import Key, replay
from scaler.planning.plan import plan
from scaler.recording.moment import Moment
from scaler.recording.series import GAP_SECONDS
from support.builders import NOW, demand, observation, permits, policy, worker
from support.observations import POLICY, observations
from support.recordings import launching, moment, with_pending

if TYPE_CHECKING:
    from ray_watcher.tuning.replay import Replay
    from scaler.model.decision import Observation, Plan
    from scaler.model.policy import Policy


def cooling(at: float) -> Moment:
    """Pending work that waits for the cooldown of 60 s, of which 10 s are over at NOW."""
    seen = observation(
        worker(1), demands=(demand(2),), up=permits(), observed_at=at, last_scale_up=NOW - 10, demand_since=NOW - 99
    )
    return moment(seen, at)


def of(moments: list[Moment], other: Policy | None = None, step: float = 10.0) -> Replay:
    result = replay(moments, plan, other, step)
    assert result
    return result


@given(st.lists(observations(), min_size=1, max_size=4))
def test_the_same_policy_and_planner_decide_the_same(seen: list[Observation]) -> None:
    moments = [Moment(NOW + at, one, POLICY, plan(one, POLICY, NOW + at)) for at, one in enumerate(seen)]

    assert of(moments).differences == ()


def test_a_shorter_cooldown_launches_where_the_recorded_one_held() -> None:
    result = of([cooling(NOW), cooling(NOW + 20)], policy(scale_up_cooldown=5))

    (difference,) = result.differences
    assert (difference.since, difference.until) == (NOW, NOW + 20)
    assert [part.key for part in difference.recorded] == [Key("hold", "cooldown", "default")]
    assert [(part.key, part.count) for part in difference.replayed] == [(Key("launch", "pending_demand", "default"), 2)]


def test_a_decision_that_time_alone_brings_is_found_between_moments() -> None:
    result = of([cooling(NOW), cooling(NOW + 45)], policy(scale_up_cooldown=32))

    assert [(one.since - NOW, one.until - NOW) for one in result.differences] == [(30, 45)]


def test_totals_count_differences_by_kind_and_cause() -> None:
    result = of([cooling(NOW), cooling(NOW + 20)], policy(scale_up_cooldown=5))

    assert dict(result.totals()) == {Key("hold", "cooldown", ""): (1, 0), Key("launch", "pending_demand", ""): (0, 1)}


def test_another_count_of_launches_is_a_difference_and_of_holds_is_none() -> None:
    fewer = replace(launching().policy, max_workers=2)

    (difference,) = of([launching()], fewer).differences
    assert (difference.recorded[0].key.what, difference.recorded[0].count) == ("launch", 4)
    assert of([with_pending(2), with_pending(3, NOW + 1)]).differences == ()


def test_what_follows_a_moment_that_acted_is_not_guessed() -> None:
    result = of([launching(), with_pending(9, NOW + 45)])

    assert (result.plans, result.differences) == (2, ())


def test_a_gap_is_said_and_not_filled() -> None:
    later = NOW + GAP_SECONDS + 10
    result = of([cooling(NOW), cooling(later)], policy(scale_up_cooldown=5))

    assert (result.gaps, result.plans) == (((NOW, later),), 2)
    assert result.differences[0].until <= later


def test_a_planner_gets_each_observation_as_the_loop_gave_it() -> None:
    seen: list[tuple[Observation, float]] = []

    def planner(observed: Observation, limits: Policy, now: float) -> Plan:
        seen.append((observed, now))
        return plan(observed, limits, now)

    replay([cooling(NOW), cooling(NOW + 5)], planner)
    assert seen == [(cooling(NOW).observation, NOW), (cooling(NOW + 5).observation, NOW + 5)]


def test_nothing_is_no_recording() -> None:
    assert replay([], plan) is None
