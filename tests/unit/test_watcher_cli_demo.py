"""The demo's ends: what it prints in a pipe, and what it does not call a success."""

from __future__ import annotations

from typing import Any

import pytest

from watcher.demo.ground import make_ground
from watcher.demo.run import table
from watcher.demo.scene import Scene
from watcher.demo.timeline import Record
from watcher.demo.views import PlainView
from watcher.errors import WatcherError

SUBMITTED = {"event": "submitted", "at": 1.0, "tasks": 12}


def test_each_plain_line_has_the_seconds_since_the_start() -> None:
    lines: list[str] = []
    view = PlainView(lines.append)
    view.step("a Ray head starts")
    view.show(Scene(pending=3, tasks=12))
    view.show(Scene(pending=3, tasks=12))
    assert [line.split(" s  ", 1)[1] for line in lines] == [
        "a Ray head starts",
        "3 pending, 0 of 0 CPUs busy, 0 of 12 tasks done",
    ]
    assert all(float(line.split(" s  ")[0]) >= 0 for line in lines)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        pytest.param([SUBMITTED], "the driver did not say", id="no-end"),
        pytest.param(
            [SUBMITTED, {"event": "done", "at": 9.0, "finished": 11, "failed": 1, "tasks": 12}],
            "not all tasks finished",
            id="a-task-failed",
        ),
        pytest.param(
            [SUBMITTED, {"event": "done", "at": 9.0, "finished": 12, "failed": 0, "tasks": 12}],
            "missing: metric, alert, webhook, launch",
            id="nothing-was-launched",
        ),
    ],
)
def test_half_a_loop_is_no_success(events: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(WatcherError, match=told):
        table(Record(events=events))


def test_two_demos_share_nothing() -> None:
    one, other = make_ground("process"), make_ground("process")
    try:
        assert one.directory != other.directory
        assert one.settings.cluster != other.settings.cluster
        assert one.settings.network == one.settings.cluster
        assert one.remains() == []
        assert f"export WATCHER_STATE_DIR={one.directory}\n" in one.environment()
    finally:
        one.clear()
        other.clear()
    assert not one.directory.exists()
