"""Which limits hold at a time."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from scaler.model.schedule import Schedule, TypeBounds
from scaler.schedules.effective import Change, effective, next_change, schedule_lines, seconds_to_look
from support.builders import policy, worker_type

if TYPE_CHECKING:
    from scaler.model.policy import Policy

HOUR = 3600.0
EIGHT = datetime(2026, 6, 1, 8, 0, tzinfo=timezone.utc).timestamp()
GPU = TypeBounds(name="gpu", min_workers=1, max_workers=2, warm_workers=1)
OFFICE = Schedule(name="office", cron="0 8 * * *", duration=10 * HOUR, min_workers=4, max_workers=10)
LUNCH = Schedule(name="lunch", cron="0 12 * * *", duration=HOUR, min_workers=2, max_workers=6)
TYPES = Schedule(name="types", cron="0 8 * * *", duration=HOUR, worker_types=(GPU,))
KINDS = (worker_type(name="cpu", max_workers=5), worker_type(name="gpu", max_workers=1))


def scheduled(*schedules: Schedule) -> Policy:
    return policy(*KINDS, min_workers=1, max_workers=5, schedules=schedules)


@pytest.mark.parametrize(
    ("at", "limits"),
    [
        pytest.param(EIGHT - 1, (1, 5, ()), id="before"),
        pytest.param(EIGHT, (4, 10, ("office",)), id="on the minute"),
        pytest.param(EIGHT + 4.5 * HOUR, (4, 6, ("office", "lunch")), id="two: largest minimum, smallest maximum"),
        pytest.param(EIGHT + 10 * HOUR, (1, 5, ()), id="after"),
    ],
)
def test_the_limits_of_windows_hold_while_they_last(at: float, limits: tuple[int, int, tuple[str, ...]]) -> None:
    found = effective(scheduled(OFFICE, LUNCH), at)
    assert (found.min_workers, found.max_workers, found.scheduled) == limits


def test_a_type_has_its_own_limits_and_others_keep_theirs() -> None:
    cpu, gpu = effective(scheduled(TYPES), EIGHT).worker_types
    assert (cpu, gpu.min_workers, gpu.max_workers, gpu.warm_workers) == (KINDS[0], 1, 2, 1)


def test_a_type_that_may_have_all_workers_of_the_pool_may_so_in_a_larger_pool() -> None:
    cpu, gpu = effective(scheduled(OFFICE), EIGHT).worker_types
    assert (cpu.max_workers, gpu.max_workers) == (10, 1)


@pytest.mark.parametrize(
    ("ahead", "limits"),
    [
        pytest.param(59.0, (1, 5), id="not yet"),
        pytest.param(60.0, (4, 5), id="now: its minimum, within the limits that hold"),
    ],
)
def test_a_minimum_counts_ahead_of_its_window_and_its_maximum_does_not(ahead: float, limits: tuple[int, int]) -> None:
    found = effective(scheduled(OFFICE), EIGHT - 60, ahead)
    assert (found.min_workers, found.max_workers) == limits


def test_a_minimum_above_the_present_maximum_has_room_ahead_of_its_window() -> None:
    night = Schedule(name="night", cron="0 8 * * *", duration=HOUR, min_workers=8, max_workers=9)
    found = effective(scheduled(night), EIGHT - 10, 60)
    assert (found.min_workers, found.max_workers, found.worker_types[0].max_workers) == (8, 8, 8)


def test_a_smaller_minimum_does_not_count_ahead() -> None:
    quiet = Schedule(name="quiet", cron="0 8 * * *", duration=HOUR, min_workers=0)
    assert effective(scheduled(quiet), EIGHT - 10, 60).min_workers == 1
    assert effective(scheduled(quiet), EIGHT).min_workers == 0


@pytest.mark.parametrize(
    ("at", "change"),
    [
        pytest.param(EIGHT - 5, Change(EIGHT, "office", begins=True), id="a beginning"),
        pytest.param(EIGHT, Change(EIGHT + 4 * HOUR, "lunch", begins=True), id="the first of several"),
        pytest.param(EIGHT + 4 * HOUR, Change(EIGHT + 5 * HOUR, "lunch", begins=False), id="an end"),
    ],
)
def test_the_next_change_is_the_first_beginning_or_end(at: float, change: Change) -> None:
    assert next_change(scheduled(OFFICE, LUNCH), at) == change


def test_windows_that_follow_without_a_gap_never_end() -> None:
    always = Schedule(name="always", cron="0 * * * *", duration=HOUR)
    assert next_change(scheduled(always), EIGHT) is None
    assert next_change(policy(), EIGHT) is None


def test_the_loop_looks_when_workers_have_to_be_launched_and_when_limits_change() -> None:
    assert seconds_to_look(scheduled(OFFICE), EIGHT - 100, 40) == 60
    assert seconds_to_look(scheduled(OFFICE), EIGHT - 30, 40) == 30
    assert seconds_to_look(policy(), EIGHT, 40) == float("inf")


def test_an_overlap_and_the_next_change_are_said() -> None:
    lines = schedule_lines(scheduled(OFFICE, LUNCH), EIGHT + 4 * HOUR)
    assert [("office, lunch" in line, "lunch ends at 2026-06-01 13:00 UTC" in line) for line in lines] == [
        (True, False),
        (False, True),
    ]
