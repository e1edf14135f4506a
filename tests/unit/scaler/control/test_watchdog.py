"""RayWatchdog, which always fires: what its absence means, and when it means nothing."""

from __future__ import annotations

import math

from scaler.control.watchdog import MISSING_AFTER_SECONDS, Watchdog
from support.builders import NOW

LATE = NOW + MISSING_AFTER_SECONDS + 1


def test_one_that_never_arrived_is_not_missed() -> None:
    watchdog = Watchdog()

    assert watchdog.missing_since(LATE) is None
    assert math.isnan(watchdog.up(LATE))


def test_the_end_of_one_that_never_arrived_is_no_news() -> None:
    watchdog = Watchdog()

    assert not watchdog.receive(NOW, firing=False)
    assert watchdog.missing_since(LATE) is None


def test_one_that_stays_away_is_missing_since_it_was_last_received() -> None:
    watchdog = Watchdog()
    watchdog.receive(NOW, firing=True)

    assert (watchdog.missing_since(NOW + 60), watchdog.up(NOW + 60)) == (None, 1.0)
    assert (watchdog.missing_since(LATE), watchdog.up(LATE)) == (NOW, 0.0)


def test_its_end_is_known_at_once_and_its_return_too() -> None:
    watchdog = Watchdog()
    watchdog.receive(NOW, firing=True)

    assert watchdog.receive(NOW + 40, firing=False)
    assert watchdog.missing_since(NOW + 40) == NOW
    assert watchdog.receive(NOW + 50, firing=True)
    assert watchdog.missing_since(NOW + 50) is None


def test_its_repetitions_are_no_news() -> None:
    watchdog = Watchdog()

    assert [watchdog.receive(NOW + 60 * minute, firing=True) for minute in range(3)] == [False, False, False]


def test_after_a_restart_it_is_missed_only_when_it_had_the_time_to_arrive() -> None:
    watchdog = Watchdog(last=NOW - 3600, begun=NOW)

    assert watchdog.missing_since(NOW + MISSING_AFTER_SECONDS) is None
    assert watchdog.missing_since(LATE) == NOW - 3600
