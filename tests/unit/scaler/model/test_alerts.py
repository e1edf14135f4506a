"""Alerts as state: repeated, late, lost and reordered notifications change nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.alerting import payload
from scaler.model.alerts import absorb, admit, permission, repeated, vanished
from scaler.model.cluster import Direction
from scaler.model.errors import InvalidAlertError
from support.builders import NOW, alert

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


LONG_AGO = NOW - 120  # retries of a sender go on for about a minute


@given(
    heard=st.lists(st.sampled_from([FIRING, RESOLVED, AGAIN, AGAIN._replace(firing=False)]), max_size=8),
    listed=st.sampled_from([(), (AGAIN,)]),
)
def test_whatever_became_of_webhooks_a_later_list_has_the_last_word(heard: list[Any], listed: tuple[Any, ...]) -> None:
    state: dict[str, Any] = {}
    for told in heard:  # lost ones are not in it, others doubled, and in any order
        state.update(absorb(state, [told._replace(received_at=LONG_AGO)]))

    state.update(absorb(state, listed))
    state.update({a.key: a for a in vanished(state.values(), lambda a: a.key not in {b.key for b in listed}, NOW, NOW)})

    assert [a.key for a in state.values() if a.firing] == [a.key for a in listed]


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
    (heard,) = payload.read(body(incoming()), NOW).alerts

    assert (heard.name, heard.direction, heard.firing, heard.step) == ("RayPendingTasks", Direction.UP, True, None)
    assert heard.key == "abc123"
    assert heard.starts_at == 1767323045.678
    assert heard.received_at == NOW


def test_each_alert_of_a_mixed_notification_keeps_its_own_status() -> None:
    heard = payload.read(body(incoming(), incoming(status="resolved", fingerprint="f2")), NOW)

    assert [a.firing for a in heard.alerts] == [True, False]


def test_alerts_that_do_not_scale_are_ignored() -> None:
    heard = payload.read(body(incoming(labels={"alertname": "RayExporterDown"}), incoming()), NOW)

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
            f"RayPendingTasks: annotation step is {'9' * 100!r}, wanted 1 to 999; sized by demand",
            id="one of five thousand digits too",
        ),
    ],
)
def test_a_bad_alert_costs_none_of_the_others(changes: dict[str, Any], usable: int, problem: str) -> None:
    heard = payload.read(body(incoming(**changes), incoming(fingerprint="good")), NOW)

    assert (len(heard.alerts), heard.problems) == (usable, (problem,))


@pytest.mark.parametrize(
    "malformed",
    [
        pytest.param(incoming(startsAt="yesterday"), id="no time"),
        pytest.param(incoming(status="maybe"), id="no status"),
        pytest.param(incoming(labels={"alertname": "Mine", "ray_scale": 1}), id="a label that is a number"),
        pytest.param(incoming(labels=None), id="no labels"),
        pytest.param(incoming(fingerprint="f" * 5000), id="an endless fingerprint"),
        pytest.param(incoming(fingerprint="", labels={"ray_scale": "up", "zone": None}), id="labels without a key"),
        pytest.param({}, id="nothing"),
        pytest.param("alert", id="a text"),
        pytest.param(None, id="null"),
    ],
)
def test_a_malformed_alert_costs_none_of_the_others_and_is_named_by_its_place(malformed: Any) -> None:
    received = payload.read(body(incoming(), malformed, incoming(fingerprint="good")), NOW)

    assert [one.key for one in received.alerts] == ["abc123", "good"]
    assert (received.ignored, received.malformed, len(received.problems)) == (1, 1, 1)
    assert "`$.alerts[1]" in received.problems[0]


def test_bytes_that_are_no_text_cost_their_alert_alone() -> None:
    sent = body(incoming(annotations={"summary": "BYTES"}), incoming(fingerprint="good")).replace(b"BYTES", b"\xff")

    received = payload.read(sent, NOW)

    assert ([one.key for one in received.alerts], received.malformed) == (["good"], 1)


def test_long_texts_are_cut() -> None:
    long = "x" * 1_000_000
    labels = {"alertname": long, "ray_scale": "up", "worker_type": long}
    (received,) = payload.read(body(incoming(labels=labels, annotations={"summary": long})), NOW).alerts

    kept = (received.name, received.worker_type or "", received.summary)
    assert [len(text) for text in kept] == [payload.MAX_TEXT + 3] * 3


def test_of_very_many_problems_the_first_are_named_and_all_are_counted() -> None:
    bad = incoming(labels={"alertname": "x" * 5000, "ray_scale": "y" * 5000})
    received = payload.read(body(*[bad] * 1000), NOW)

    assert len(received.problems) == payload.MAX_PROBLEMS + 1
    assert received.problems[-1] == "and 980 more"
    assert sum(map(len, received.problems)) < 10_000


LIMIT = 4


def known_alerts(*ages: float, firing: bool = True) -> dict[str, Any]:
    """Alerts by key, each heard of so many seconds ago."""
    return {f"{age:g}": alert(key=f"{age:g}", received_at=NOW - age, firing=firing) for age in ages}


@pytest.mark.parametrize(
    ("known", "new", "kept", "forgotten"),
    [
        pytest.param(known_alerts(1, 2), 2, 2, set(), id="room for all"),
        pytest.param(known_alerts(1, 2, 3, 4), 1, 0, set(), id="active ones stay, a new one is refused"),
        pytest.param(known_alerts(1, 2, 3, 4, firing=False), 1, 1, {"4"}, id="the oldest resolved one gives way"),
        pytest.param(known_alerts(1, 2, 4000, 5000), 1, 1, {"5000"}, id="one without news for an hour gives way"),
        pytest.param(known_alerts(1, 2, 4000, 5000), 3, 2, {"4000", "5000"}, id="as many as give way are kept"),
        pytest.param({}, 9, 4, set(), id="too many at once"),
        pytest.param(known_alerts(1, 2, 3, 4, 5, 4000), 0, 0, set(), id="an older version's are not touched for none"),
    ],
)
def test_there_is_a_most_of_alerts(known: dict[str, Any], new: int, kept: int, forgotten: set[str]) -> None:
    news = {f"new{number}": alert(key=f"new{number}", received_at=NOW) for number in range(new)}

    admitted, gone = admit(known, news, LIMIT)

    assert (list(admitted), gone) == (list(news)[:kept], forgotten)


def test_news_of_a_known_alert_are_never_refused() -> None:
    known = known_alerts(1, 2, 3, 4)
    news = {key: one._replace(firing=False, received_at=NOW) for key, one in known.items()}

    assert admit(known, news, LIMIT) == (news, set())


def test_step_and_worker_type_are_read() -> None:
    labels = {"alertname": "Mine", "ray_scale": "up", "worker_type": "gpu"}
    (heard,) = payload.read(body(incoming(labels=labels, annotations={"step": "3"})), NOW).alerts

    assert (heard.step, heard.worker_type) == (3, "gpu")


def test_a_sender_that_leaves_out_the_fingerprint_is_given_alertmanagers_own() -> None:
    labels = {"ray_scale": "up", "cluster": "blue", "alertname": "Mine"}
    (heard,) = payload.read(body(incoming(fingerprint="", labels=labels)), NOW).alerts

    assert heard.key == "1b4e7ff89ab3106d"  # as Alertmanager 0.25 listed an alert with these labels


@pytest.mark.parametrize("label", ["ray_scale", "alertname", "cluster", "worker_type"])
def test_a_label_that_is_null_is_no_label_that_is_missing(label: str) -> None:
    labels = {"alertname": "Mine", "ray_scale": "up", label: None}

    with pytest.raises(InvalidAlertError, match=r"Expected `str`, got `null`"):
        payload.read(body(incoming(labels=labels)), NOW, "blue")


def test_labels_that_are_not_read_may_be_anything() -> None:
    labels = {"alertname": "Mine", "ray_scale": "up", "severity": None, "shard": 3}

    assert len(payload.read(body(incoming(labels=labels)), NOW).alerts) == 1


def test_one_alert_in_two_groups_is_one_alert() -> None:
    keys = {payload.read(body(incoming(), groupKey=key), NOW).alerts[0].key for key in ("{}:a", "{}:b")}

    assert len(keys) == 1


@pytest.mark.parametrize(
    ("named", "ours"),
    [
        pytest.param({"cluster": "blue"}, 1, id="our cluster"),
        pytest.param({}, 1, id="no cluster"),
        pytest.param({"cluster": "green"}, 0, id="another cluster"),
    ],
)
def test_an_alert_that_names_another_cluster_is_none_of_ours(named: dict[str, str], ours: int) -> None:
    labels = {"alertname": "Mine", "ray_scale": "up", **named}
    heard = payload.read(body(incoming(labels=labels)), NOW, "blue")

    assert (len(heard.alerts), heard.other_cluster, heard.ignored) == (ours, 1 - ours, 1 - ours)


PROMQL_NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,40}", fullmatch=True)


@given(name=PROMQL_NAMES, way=st.sampled_from(list(Direction)), step=st.none() | st.integers(1, 999))
def test_any_rule_takes_part_by_its_labels_alone(name: str, way: Direction, step: int | None) -> None:
    labels = {"alertname": name, "ray_scale": way.value, "worker_type": "gpu", "queue": "serve", "instance": "h:1"}
    annotations = {} if step is None else {"step": str(step)}
    (heard,) = payload.read(body(incoming(labels=labels, annotations=annotations)), NOW).alerts

    permitted = permission([heard._replace(received_at=NOW)], way, NOW, 300)
    assert (permitted.names, permitted.allows("gpu"), permitted.allows("cpu")) == (name, True, False)
    assert permitted.steps() == ({} if step is None else {"gpu": step})


@pytest.mark.parametrize(
    ("known", "heard", "twice"),
    [
        pytest.param([FIRING], [FIRING], 1, id="sent again, or by the other one of a pair"),
        pytest.param([], [FIRING], 0, id="heard for the first time"),
        pytest.param([FIRING], [RESOLVED], 0, id="its end"),
        pytest.param([FIRING], [AGAIN], 0, id="fires anew"),
    ],
)
def test_what_is_known_already_is_counted_as_repeated(known: list[Any], heard: list[Any], twice: int) -> None:
    assert repeated({a.key: a for a in known}, heard) == twice


@pytest.mark.parametrize(
    ("known", "ends", "gone"),
    [
        pytest.param(FIRING, True, True, id="what the list ends has ended"),
        pytest.param(FIRING, False, False, id="what the list has goes on"),
        pytest.param(RESOLVED, True, False, id="what has ended already is no news"),
        pytest.param(alert(received_at=NOW), True, False, id="what was heard of after the question is newer"),
    ],
)
def test_a_list_ends_what_it_lacks(known: Any, ends: bool, gone: bool) -> None:
    ended = vanished([known], lambda _: ends, asked_at=NOW, now=NOW + 1)

    assert [(a.firing, a.received_at) for a in ended] == ([(False, NOW + 1)] if gone else [])


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        pytest.param(b"", "Input data was truncated", id="nothing"),
        pytest.param(b"{", "Input data was truncated", id="half a document"),
        pytest.param(b"[]", "Expected `object`, got `array`", id="a list"),
        pytest.param(b'{"version": "3"}', "Invalid enum value '3' - at `$.version`", id="another version"),
        pytest.param(body(incoming(startsAt="yesterday")), "at `$.alerts[0].startsAt`", id="no time"),
        pytest.param(body(incoming(startsAt="2026-01-02T03:04:05")), "at `$.alerts[0].startsAt`", id="a local time"),
        pytest.param(body(incoming(status="maybe")), "at `$.alerts[0].status`", id="no status"),
        pytest.param(b"\xff\xfe", "JSON is malformed", id="bytes that are no text"),
        pytest.param(b'{"version": "\xff"}', "can't decode byte 0xff", id="bytes in a text that are none"),
        pytest.param(b'{"more": ' + b"[" * 100_000, "maximum recursion depth exceeded", id="lists without end"),
    ],
)
def test_what_is_no_notification_is_refused_with_the_place_of_the_mistake(sent: bytes, says: str) -> None:
    with pytest.raises(InvalidAlertError) as refused:
        payload.read(sent, NOW)

    assert str(refused.value).startswith("not an Alertmanager webhook (version 4): ")
    assert says in str(refused.value)
