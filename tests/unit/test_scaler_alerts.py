"""Alerts as state: repeated, late, lost and reordered notifications change nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from builders import NOW, alert
from hypothesis import given
from hypothesis import strategies as st

from scaler import notification
from scaler.alerts import absorb, permission
from scaler.errors import InvalidAlertError
from scaler.model import Direction

FIRING = alert(starts_at=NOW - 50)
RESOLVED = alert(starts_at=NOW - 50, firing=False)
TIMED_OUT = alert(starts_at=NOW - 50, firing=False, received_at=NOW - 100)
FROM_THE_FUTURE = alert(starts_at=NOW + 3600, firing=False, received_at=NOW + 3500)
AGAIN = alert(starts_at=NOW - 5)


@pytest.mark.parametrize(
    ("known", "heard", "active"),
    [
        pytest.param([], [FIRING], True, id="a new alert is active"),
        pytest.param([FIRING], [FIRING], True, id="a repeated one stays active"),
        pytest.param([FIRING], [RESOLVED], False, id="its resolve ends it"),
        pytest.param([RESOLVED], [FIRING], False, id="a late repetition does not bring it back"),
        pytest.param([RESOLVED], [AGAIN], True, id="firing anew does"),
        pytest.param([AGAIN], [RESOLVED], True, id="a late resolve does not end a newer firing"),
        pytest.param([], [RESOLVED, AGAIN, FIRING], True, id="order within one notification does not matter"),
        pytest.param([TIMED_OUT], [FIRING], True, id="what fires on after Alertmanager timed it out is active again"),
        pytest.param([FROM_THE_FUTURE], [FIRING], True, id="a start in a wrong clock's future does not silence it"),
    ],
)
def test_only_news_changes_an_alert(known: list[Any], heard: list[Any], active: bool) -> None:
    state = {a.key: a for a in known}
    state.update(absorb(state, heard))

    assert bool(permission(state.values(), Direction.UP, NOW, 300)) is active


@given(st.permutations([FIRING, RESOLVED, AGAIN, FIRING]))
def test_any_order_of_arrival_ends_in_the_same_state(order: list[Any]) -> None:
    state: dict[str, Any] = {}
    for heard in order:
        state.update(absorb(state, [heard]))

    assert state == {AGAIN.key: AGAIN}


def test_an_alert_without_news_expires() -> None:
    assert not permission([alert(received_at=NOW - 301)], Direction.UP, NOW, 300)
    assert permission([alert(received_at=NOW - 300)], Direction.UP, NOW, 300)


def test_an_alert_permits_its_own_direction_only() -> None:
    assert not permission([alert(Direction.DOWN)], Direction.UP, NOW, 300)


def incoming(**changes: object) -> dict[str, Any]:
    """One alert as Alertmanager 0.25 sends it."""
    return {
        "status": "firing",
        "labels": {"alertname": "RayPendingTasks", "ray_scale": "up"},
        "annotations": {"summary": "3 tasks wait"},
        "startsAt": "2026-01-02T03:04:05.678Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "abc123",
        **changes,
    }


def body(*alerts: dict[str, Any], **changes: object) -> bytes:
    """A whole notification."""
    envelope = {
        "version": "4",
        "groupKey": "{}:{alertname='RayPendingTasks'}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "ray-watcher",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "notification_reason": "an unknown field",
        "alerts": list(alerts),
    }
    return json.dumps({**envelope, **changes}).encode()


def test_a_notification_becomes_alerts() -> None:
    (heard,) = notification.read(body(incoming()), NOW).alerts

    assert (heard.name, heard.direction, heard.firing, heard.step) == ("RayPendingTasks", Direction.UP, True, None)
    assert heard.key == "{}:{alertname='RayPendingTasks'}|abc123"
    assert heard.starts_at == 1767323045.678
    assert heard.received_at == NOW


def test_each_alert_of_a_mixed_notification_keeps_its_own_status() -> None:
    heard = notification.read(body(incoming(), incoming(status="resolved", fingerprint="f2")), NOW)

    assert [a.firing for a in heard.alerts] == [True, False]


def test_alerts_that_do_not_scale_are_ignored() -> None:
    heard = notification.read(body(incoming(labels={"alertname": "RayExporterDown"}), incoming()), NOW)

    assert (len(heard.alerts), heard.ignored, heard.problems) == (1, 1, ())


@pytest.mark.parametrize(
    ("changes", "usable", "problem"),
    [
        pytest.param(
            {"labels": {"alertname": "Mine", "ray_scale": "sideways"}},
            1,
            "Mine: label ray_scale is 'sideways', wanted up or down",
            id="a wrong direction costs the alert",
        ),
        pytest.param(
            {"annotations": {"step": "many"}},
            2,
            "RayPendingTasks: annotation step is 'many', wanted 1 to 999; sized by demand",
            id="a wrong step costs the step",
        ),
        pytest.param(
            {"annotations": {"step": "-1"}},
            2,
            "RayPendingTasks: annotation step is '-1', wanted 1 to 999; sized by demand",
            id="a negative step too",
        ),
        pytest.param(
            {"annotations": {"step": "9" * 5000}},
            2,
            f"RayPendingTasks: annotation step is {'9' * 5000!r}, wanted 1 to 999; sized by demand",
            id="one of five thousand digits too",
        ),
    ],
)
def test_a_bad_alert_costs_none_of_the_others(changes: dict[str, Any], usable: int, problem: str) -> None:
    heard = notification.read(body(incoming(**changes), incoming(fingerprint="good")), NOW)

    assert (len(heard.alerts), heard.problems) == (usable, (problem,))


def test_step_and_worker_type_are_read() -> None:
    labels = {"alertname": "Mine", "ray_scale": "up", "worker_type": "gpu"}
    (heard,) = notification.read(body(incoming(labels=labels, annotations={"step": "3"})), NOW).alerts

    assert (heard.step, heard.worker_type) == (3, "gpu")


def test_without_a_fingerprint_equal_labels_are_one_alert() -> None:
    keys = {notification.read(body(incoming(fingerprint="")), NOW).alerts[0].key for _ in range(2)}

    assert len(keys) == 1


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        pytest.param(b"", "Invalid JSON", id="nothing"),
        pytest.param(b"{", "Invalid JSON", id="half a document"),
        pytest.param(b"[]", "body: Input should be an object", id="a list"),
        pytest.param(b'{"version": "3"}', "version: Input should be '4'", id="another version"),
        pytest.param(body(incoming(startsAt="yesterday")), "alerts.0.startsAt", id="no time"),
        pytest.param(body(incoming(startsAt="2026-01-02T03:04:05")), "alerts.0.startsAt", id="a time without zone"),
        pytest.param(body(incoming(status="maybe")), "alerts.0.status", id="no status"),
        pytest.param(b"\xff\xfe", "Invalid JSON", id="bytes that are no text"),
    ],
)
def test_what_is_no_notification_is_refused_with_the_place_of_the_mistake(sent: bytes, says: str) -> None:
    with pytest.raises(InvalidAlertError) as refused:
        notification.read(sent, NOW)

    assert str(refused.value).startswith("not an Alertmanager webhook (version 4): ")
    assert says in str(refused.value)
