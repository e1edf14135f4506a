"""The demo's timeline, from what each program recorded."""

from __future__ import annotations

from typing import Any

from ray_watcher.demo.timeline import Record, rows, stages

WORKERS = ("worker-1-00000a", "worker-2-00000b")


def action(
    kind: str, started: float, finished: float | None = None, joined: float | None = None, outcome: str = "done"
) -> dict[str, Any]:
    return {
        "action": kind,
        "started_at": started,
        "finished_at": finished or started,
        "joined_at": joined,
        "outcome": outcome,
    }


def whole() -> Record:
    return Record(
        events=[
            {"event": "submitted", "at": 100.0, "tasks": 12},
            {"event": "node", "node_id": "h", "instance_id": "", "first_start": 100.2, "tasks": 4},
            {"event": "node", "node_id": "b", "instance_id": WORKERS[1], "first_start": 106.5, "tasks": 4},
            {"event": "node", "node_id": "a", "instance_id": WORKERS[0], "first_start": 106.1, "tasks": 4},
            {"event": "done", "at": 120.0, "finished": 12, "failed": 0, "tasks": 12},
        ],
        samples=[(99.0, 3.0), (100.3, 0.0), (100.6, 11.0)],
        alerts={"RayPendingTasks": {"starts_at": 100.7, "received_at": 103.7}},  # notified again since
        scale_up={"alert": 0.2, "webhook": 0.125},
        actions=[
            action("launch", 101.0, joined=106.0),
            action("launch", 101.1, joined=105.0),
            action("launch", 100.9, outcome="failed"),
            action("drain", 125.0, 125.1),
            action("remove", 126.0, 127.0),
            action("remove", 126.0, 128.5),
        ],
    )


def test_each_stage_comes_from_its_own_record() -> None:
    assert {stage.name: stage.at for stage in stages(whole())} == {
        "demand": 100.0,
        "metric": 100.6,
        "alert": 100.7,
        "webhook": 100.825,
        "launch": 101.0,
        "first joined": 105.0,
        "all joined": 106.0,
        "first task": 106.1,
        "all done": 120.0,
        "first drained": 125.1,
        "all removed": 128.5,
    }


def test_rows_count_from_the_demand_and_from_the_step_before() -> None:
    table = rows(stages(whole()))
    assert [row[:3] for row in table[:3]] == [
        ["demand", "0.00", "+0.00"],
        ["metric", "0.60", "+0.60"],
        ["alert", "0.70", "+0.10"],
    ]
    assert table[-1][:3] == ["all removed", "28.50", "+3.40"]


def test_rows_are_in_the_order_of_time() -> None:
    moments = [float(row[1]) for row in rows(stages(whole()))]
    assert moments == sorted(moments)


def test_what_was_not_seen_stands_at_the_end_and_says_so() -> None:
    record = whole()
    record.alerts = {}
    assert [row[0] for row in rows(stages(record)) if row[4] == "not observed"] == ["alert", "webhook"]


def test_nothing_recorded_gives_a_table_all_the_same() -> None:
    assert all(row[1] == "-" for row in rows(stages(Record())))
