"""When windows begin and end: also on the days on which clocks change."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.model.schedule import Schedule
from scaler.schedules.windows import next_window, window_at, windows

HOUR = 3600.0
LONG_AGO = datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp()


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def day(zone: str, date: str, cron: str = "0 8 * * *", end: str = "0 18 * * *") -> tuple[str, str]:
    """The window that begins on this local day, in UTC."""
    schedule = Schedule(name="office", cron=cron, timezone=zone, end=end)
    midnight = datetime.fromisoformat(date).replace(tzinfo=ZoneInfo(zone)).timestamp()
    window = next_window(schedule, midnight - 1)
    assert window
    return tuple(datetime.fromtimestamp(at, timezone.utc).strftime("%d %H:%M") for at in window)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("zone", "date", "expected"),
    [
        pytest.param("Europe/Vienna", "2026-03-28", ("28 07:00", "28 17:00"), id="Vienna, the day before spring"),
        pytest.param("Europe/Vienna", "2026-03-29", ("29 06:00", "29 16:00"), id="Vienna, spring"),
        pytest.param("Europe/Vienna", "2026-10-24", ("24 06:00", "24 16:00"), id="Vienna, the day before autumn"),
        pytest.param("Europe/Vienna", "2026-10-25", ("25 07:00", "25 17:00"), id="Vienna, autumn"),
        pytest.param("America/New_York", "2026-03-08", ("08 12:00", "08 22:00"), id="New York, spring"),
        pytest.param("America/New_York", "2026-11-01", ("01 13:00", "01 23:00"), id="New York, autumn"),
        pytest.param("Australia/Lord_Howe", "2026-10-04", ("03 21:00", "04 07:00"), id="Lord Howe, spring"),
        pytest.param("Australia/Lord_Howe", "2026-04-05", ("04 21:30", "05 07:30"), id="Lord Howe, autumn"),
    ],
)
def test_office_hours_are_those_of_the_clock_on_the_wall(zone: str, date: str, expected: tuple[str, str]) -> None:
    assert day(zone, date) == expected


@pytest.mark.parametrize(
    ("zone", "date", "begins"),
    [
        pytest.param("Europe/Vienna", "2026-03-29", "2026-03-29T01:00", id="Vienna, skipped: right after the gap"),
        pytest.param("Europe/Vienna", "2026-10-25", "2026-10-25T00:30", id="Vienna, twice: the first"),
        pytest.param("America/New_York", "2026-03-08", "2026-03-08T07:00", id="New York, skipped"),
        pytest.param("America/New_York", "2026-11-01", "2026-11-01T07:30", id="New York, after the repeated hour"),
        pytest.param("Australia/Lord_Howe", "2026-10-04", "2026-10-03T15:30", id="Lord Howe, the minute after the gap"),
    ],
)
def test_a_time_that_is_skipped_or_comes_twice_begins_one_window(zone: str, date: str, begins: str) -> None:
    schedule = Schedule(name="night", cron="30 2 * * *", timezone=zone, duration=HOUR)
    midnight = datetime.fromisoformat(date).replace(tzinfo=ZoneInfo(zone)).timestamp()
    found = list(islice(windows(schedule, midnight - 1), 2))

    assert found[0].start == utc(begins)
    assert found[0].end - found[0].start == HOUR  # a duration is real time
    assert found[1].start - found[0].start > 20 * HOUR


def test_a_window_holds_from_its_beginning_until_before_its_end() -> None:
    schedule = Schedule(name="office", cron="0 8 * * *", duration=HOUR)
    begin = utc("2026-06-01T08:00")
    looks = [(begin - 1, False), (begin, True), (begin + HOUR - 1, True), (begin + HOUR, False)]
    assert [(at, window_at(schedule, at) is not None) for at, _ in looks] == looks


def test_an_expression_of_certain_days_skips_the_others() -> None:
    schedule = Schedule(name="office", cron="0 8 * * mon-fri", duration=HOUR)
    friday = utc("2026-06-05T08:00")
    window = next_window(schedule, friday)
    assert window is not None
    assert window.start == utc("2026-06-08T08:00")


ZONES = st.sampled_from(["Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kathmandu"])
CRONS = st.sampled_from(["*/30 * * * *", "30 2 * * *", "0 * * * *", "15 1-3 * * *", "0 8 * * mon-fri", "0 0 1 * *"])
MOMENTS = st.integers(0, 2 * 366 * 24 * 60).map(lambda minutes: LONG_AGO + timedelta(minutes=minutes).total_seconds())


@given(zone=ZONES, cron=CRONS, at=MOMENTS, duration=st.sampled_from([600.0, HOUR, 26 * HOUR]))
def test_what_comes_next_has_come_when_its_time_is_there(zone: str, cron: str, at: float, duration: float) -> None:
    """Looking back finds what looking ahead announced, on every day of two years."""
    schedule = Schedule(name="any", cron=cron, timezone=zone, duration=duration)
    window = next_window(schedule, at)
    assert window is not None
    assert window.start > at
    assert window_at(schedule, window.start) == window
    before = window_at(schedule, window.start - 1)
    assert before is None or before.start < window.start
