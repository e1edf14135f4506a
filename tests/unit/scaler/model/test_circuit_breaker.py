"""How long a worker type rests after launches that failed, and when its breaker opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.model.circuit_breaker import (
    AVOIDED_SECONDS,
    HEALTHY,
    BreakerState,
    LaunchHealth,
    LaunchOutcome,
    avoided_hosts,
    health_by_type,
)
from support.builders import NOW

if TYPE_CHECKING:
    from random import Random


def outcome(
    decision: int, seconds: float, *, joined: bool = False, kind: str = "default", host: str = ""
) -> LaunchOutcome:
    """A launch of that decision, whose end was known so many seconds after NOW."""
    return LaunchOutcome(kind, decision, NOW + seconds, joined, "" if joined else "no such image", host)


@pytest.mark.parametrize(
    ("rounds", "seconds"),
    [
        pytest.param(0, 0, id="none failed"),
        pytest.param(1, 10, id="one failed round"),
        pytest.param(2, 20, id="two"),
        pytest.param(3, 40, id="three"),
        pytest.param(5, 160, id="five"),
        pytest.param(6, 300, id="never longer than the longest"),
        pytest.param(99, 300, id="not after many rounds either"),
    ],
)
def test_the_rest_doubles_with_each_failed_round(rounds: int, seconds: float) -> None:
    assert LaunchHealth(frozenset(range(rounds)), NOW).wait(NOW) == seconds


@pytest.mark.parametrize(
    ("rounds", "later", "state"),
    [
        pytest.param(0, 0, BreakerState.CLOSED, id="healthy"),
        pytest.param(2, 0, BreakerState.CLOSED, id="two failures rest, the breaker stays closed"),
        pytest.param(3, 39, BreakerState.OPEN, id="three failures open it"),
        pytest.param(3, 40, BreakerState.HALF_OPEN, id="after the rest it is half open"),
        pytest.param(3, -41, BreakerState.HALF_OPEN, id="a clock that was set back does not keep it open"),
    ],
)
def test_the_breaker_opens_and_recovers_by_itself(rounds: int, later: float, state: BreakerState) -> None:
    assert LaunchHealth(frozenset(range(rounds)), NOW).state(NOW + later) is state


def test_launches_of_one_decision_fail_once() -> None:
    health = health_by_type([outcome(1, 0), outcome(1, 1), outcome(1, 2)])

    assert (health["default"].failures, health["default"].last_failure) == (1, NOW + 2)


def test_a_worker_that_joins_closes_the_breaker() -> None:
    failures = [outcome(decision, decision) for decision in range(5)]

    assert health_by_type([*failures, outcome(9, 9, joined=True)]) == {"default": HEALTHY}


def test_types_fail_each_for_itself() -> None:
    health = health_by_type([outcome(1, 0), outcome(2, 1, kind="gpu"), outcome(3, 2, kind="gpu", joined=True)])

    assert (health["default"].failures, health["gpu"].failures) == (1, 0)


BAD = [outcome(decision, decision, host="h1") for decision in range(5)]


@pytest.mark.parametrize(
    ("others", "hosts", "failures"),
    [
        pytest.param([], (), 5, id="it fails on the only host that was tried"),
        pytest.param([outcome(0, -1, joined=True, host="h2")], (), 0, id="it runs on another one"),
        pytest.param([outcome(6, 6, host="h2")], (), 6, id="it fails on both"),
        pytest.param([outcome(0, -1, joined=True, host="h2")], ("h1", "h3"), 5, id="the other one is gone"),
        pytest.param([outcome(6, 6, host="h2")], ("h1",), 5, id="failures on a host that is gone do not matter"),
        pytest.param([outcome(0, -1, joined=True, host="h2"), outcome(7, 7)], (), 1, id="it fails whatever the host"),
        pytest.param([outcome(6, 6, joined=True, host="h1")], (), 0, id="the host recovers"),
    ],
)
def test_a_type_is_stopped_only_if_it_fails_on_every_host(
    others: list[LaunchOutcome], hosts: tuple[str, ...], failures: int
) -> None:
    assert health_by_type([*BAD, *others], hosts)["default"].failures == failures


@pytest.mark.parametrize(
    ("more", "later", "avoided"),
    [
        pytest.param([], 4, ("h1",), id="its launches fail there"),
        pytest.param([], 4 + AVOIDED_SECONDS, (), id="after a while it is tried again"),
        pytest.param([outcome(6, 6, joined=True, host="h1")], 7, (), id="a worker has joined there since"),
        pytest.param([outcome(6, 6)], 7, ("h1",), id="a failure without a host names none"),
    ],
)
def test_hosts_on_which_launches_fail_are_avoided(
    more: list[LaunchOutcome], later: float, avoided: tuple[str, ...]
) -> None:
    assert avoided_hosts([*BAD, *more], NOW + later) == {"default": avoided}


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 50), st.booleans()), max_size=12), st.randoms())
def test_the_order_in_which_outcomes_are_listed_does_not_matter(
    told: list[tuple[int, int, bool]], random: Random
) -> None:
    outcomes = [outcome(d, number, joined=joined) for number, (d, _, joined) in enumerate(told)]
    shuffled = list(outcomes)
    random.shuffle(shuffled)

    assert health_by_type(shuffled) == health_by_type(outcomes)
