"""Lines of several logs, merged by the times in them."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ray_watcher.output.merging import Merger, moment

NOON = datetime(2026, 1, 2, 12, 0, 0, 250_000, tzinfo=timezone.utc).timestamp()
LOCAL = datetime(2026, 1, 2, 12, 0, 0, 250_000).timestamp()  # noqa: DTZ001  # Ray writes local times


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param('{"event": "listening", "timestamp": "2026-01-02T12:00:00.250000Z"}', NOON, id="ours"),
        pytest.param("ts=2026-01-02T12:00:00.250Z caller=main.go:1 msg=x", NOON, id="Prometheus 2"),
        pytest.param('time=2026-01-02T13:00:00.250+01:00 level=INFO msg="x"', NOON, id="Prometheus 3, with a zone"),
        pytest.param("2026-01-02 12:00:00,250\tINFO scripts.py:1", LOCAL, id="Ray"),
        pytest.param("[2026-01-02 12:00:00,250 I 7 7] (raylet)", LOCAL, id="Ray's C++"),
        pytest.param('{"until": "2030-01-01T00:00:00Z", "timestamp": "2026-01-02T12:00:00.25Z"}', NOON, id="two times"),
        pytest.param("Traceback of 2026-01-02T12:00:00Z", None, id="a time within the text"),
        pytest.param("2026-02-31 12:00:00 x", None, id="no such day"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_the_time_of_a_line(line: str, expected: float | None) -> None:
    assert moment(line) == expected


def test_lines_are_ordered_by_time_and_a_line_without_one_stays_with_its_own() -> None:
    head = [("head", "2026-01-02 12:00:01 a"), ("head", "  of a"), ("head", "2026-01-02 12:00:03 c")]
    worker = [("worker-1", "2026-01-02 12:00:02 b")]

    assert Merger().merged([*head, *worker]) == [head[0], head[1], worker[0], head[2]]


def test_the_last_time_of_a_part_is_remembered() -> None:
    merger = Merger()
    merger.merged([("a", "2026-01-02 12:00:05 x")])

    batch = [("a", "no time"), ("b", "2026-01-02 12:00:01 y")]
    assert merger.merged(batch) == [batch[1], batch[0]]
