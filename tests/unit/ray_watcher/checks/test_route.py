"""Each way in which Alertmanager's file keeps a scaling alert from the scaler, or brings it late."""

from __future__ import annotations

import pytest

from ray_watcher.checks import route
from ray_watcher.checks.matching import destinations
from ray_watcher.checks.rules import ScalingAlert, scaling_alerts
from ray_watcher_common import yaml_lines
from support.rules_data import SHIPPED

UP = ScalingAlert("Up", {"alertname": "Up", "ray_scale": "up", "severity": "info"}, frozenset({"cluster"}))
DOWN = ScalingAlert("Down", {"alertname": "Down", "ray_scale": "down"}, frozenset({"cluster"}))
LISTEN = "127.0.0.1:9812"

GOOD = """\
route:
  receiver: operators
  routes:
    - receiver: ray-watcher
      matchers: ['ray_scale=~"up|down"']
      group_wait: 0s
      group_interval: 500ms
      repeat_interval: 1m
receivers:
  - name: ray-watcher
    webhook_configs:
      - url: http://127.0.0.1:9812/alerts
        send_resolved: true
  - name: operators
  - name: chat
    webhook_configs:
      - url: http://127.0.0.1:4000/chat
"""


def told(text: str, *alerts: ScalingAlert, expiry: float = 300, receiver: str = "ray-watcher") -> list[str]:
    document = yaml_lines.parse(text, "a.yml", as_text=True)
    found = route.route_findings(document, alerts or (UP, DOWN), listen=LISTEN, expiry=expiry, receiver=receiver)
    return list(dict.fromkeys(f"{one.line}: {one.severity.value}: {one.message}" for one in found))


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(GOOD, id="as shipped"),
        pytest.param(changed("      - url: http://127.0.0.1:9812/alerts\n", "      - url_file: /u\n"), id="by a file"),
        pytest.param(changed("http://127.0.0.1:9812/alerts", "https://scaler/ray/alerts?x=1"), id="another host"),
        pytest.param(changed("        send_resolved: true\n", ""), id="webhooks send the end unless told not to"),
        pytest.param(
            changed(
                "    - receiver: ray-watcher\n",
                "    - receiver: chat\n      continue: true\n    - receiver: ray-watcher\n",
            ),
            id="after one that goes on",
        ),
        pytest.param(changed("['ray_scale=~\"up|down\"']", '[\'ray_scale!=""\', cluster="blue"]'), id="one cluster"),
        pytest.param(
            changed("      matchers: ['ray_scale=~\"up|down\"']\n", "      match_re: {ray_scale: up|down}\n"),
            id="the old spelling",
        ),
        pytest.param(changed("group_interval: 500ms", "group_interval: 10s"), id="ten seconds are no stall"),
    ],
)
def test_a_good_route_is_let_be(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "group_wait: 0s",
            "group_wait: 10s",
            "6: warning: group_wait is 10s on the way to the scaler: a new alert",
            id="a slow start",
        ),
        pytest.param("group_wait: 0s", "group_wait: 61s", "6: error: group_wait is 61s", id="a start that stalls"),
        pytest.param(
            "      group_wait: 0s\n",
            "",
            "4: warning: group_wait is not set on the way to the scaler, which makes it 30s",
            id="unset",
        ),
        pytest.param(
            "group_interval: 500ms",
            "group_interval: 11s",
            "7: warning: group_interval is 11s on the way to the scaler: an alert that ends",
            id="slow",
        ),
        pytest.param("group_interval: 500ms", "group_interval: 1m1s", "7: error: group_interval is 1m1s", id="stalls"),
        pytest.param(
            "group_wait: 0s",
            "group_wait: soon",
            "6: error: group_wait: got 'soon', wanted a duration such as 500ms or 1m",
            id="no duration",
        ),
        pytest.param(
            "repeat_interval: 1m",
            "repeat_interval: x",
            "8: error: repeat_interval: got 'x', wanted a duration",
            id="no duration to repeat",
        ),
        pytest.param(
            "repeat_interval: 1m",
            "repeat_interval: 5m",
            "8: error: repeat_interval is 5m on the way to the scaler, so the scaler hears of a firing alert "
            "every 300 s and has forgotten it by then (WATCHER_ALERT_EXPIRY is 300 s)",
            id="forgotten",
        ),
        pytest.param(
            "repeat_interval: 1m",
            "repeat_interval: 3m",
            "8: warning: repeat_interval is 3m on the way to the scaler, so the scaler hears of a firing alert "
            "every 180 s: one lost message",
            id="nearly forgotten",
        ),
        pytest.param(
            "      repeat_interval: 1m\n",
            "",
            "4: error: repeat_interval is not set on the way to the scaler, which makes it 4h",
            id="never",
        ),
        pytest.param("send_resolved: true", "send_resolved: no", "13: error: send_resolved is off", id="no end"),
        pytest.param("send_resolved: true", "max_alerts: 3", "13: warning: max_alerts is 3", id="cut"),
        pytest.param(
            "9812/alerts",
            "9812/",
            "12: error: url: got 'http://127.0.0.1:9812/', wanted one that ends in /alerts",
            id="another path",
        ),
        pytest.param("9812/alerts", "9812/alerts/", "12: error: url: got", id="a slash too many"),
        pytest.param(
            '=~"up|down"',
            '="up"',
            "2: error: Down: sent to receiver 'operators', which has no webhook; "
            "wanted a route to the scaler that matches ray_scale",
            id="one direction only",
        ),
        pytest.param(
            "['ray_scale=~\"up|down\"']",
            '[rayscale=~".+"]',
            "2: error: Up, Down: sent to receiver 'operators'",
            id="a label that no rule has",
        ),
        pytest.param(
            "    - receiver: ray-watcher",
            "    - receiver: ray-watch",
            "4: error: Up, Down: sent to receiver 'ray-watch', which is not defined",
            id="no such receiver",
        ),
        pytest.param(
            "    - receiver: ray-watcher",
            "    - receiver: chat",
            "17: error: url: got 'http://127.0.0.1:4000/chat', wanted the scaler's, which ends in /alerts; "
            "Up, Down go nowhere else",
            id="to another webhook",
        ),
        pytest.param(
            "    - receiver: ray-watcher",
            "    - receiver: chat\n    - receiver: ray-watcher",
            "18: error: url: got 'http://127.0.0.1:4000/chat'",
            id="another takes them first",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, expected: str) -> None:
    [line] = told(changed(old, new))
    assert line.startswith(expected)


def test_a_setting_of_the_route_around_is_told_where_it_stands() -> None:
    text = changed("      group_interval: 500ms\n", "").replace(
        "  receiver: operators\n", "  receiver: operators\n  group_interval: 2m\n", 1
    )
    [line] = told(text)
    assert line.startswith("3: error: group_interval is 2m on the way")


def test_alertmanager_repeats_only_at_a_tick_of_the_group() -> None:
    text = GOOD.replace("group_interval: 500ms", "group_interval: 50s").replace(
        "repeat_interval: 1m", "repeat_interval: 55s"
    )
    assert any("every 100 s and has forgotten" in line for line in told(text, expiry=90))


def test_without_rules_any_alert_with_a_direction_is_meant() -> None:
    text = changed('=~"up|down"', '="up"')
    document = yaml_lines.parse(text, "a.yml", as_text=True)
    [found] = route.route_findings(document, (), listen=LISTEN, expiry=300)
    assert found.message.startswith("any alert with ray_scale: down: sent to receiver 'operators'")


@pytest.mark.parametrize("text", ["[]", "receivers: []", "route: x", "route:\nreceivers: []"])
def test_what_is_no_configuration_is_told(text: str) -> None:
    [line] = told(text)
    assert line == "1: error: wanted Alertmanager's configuration: `route:` with keys and values"


@pytest.mark.parametrize(
    "text",
    [
        "route: {receiver: a, routes: x}",
        "route: {}\nreceivers: [x, {name: a}]\n",
        "route: {receiver: a, matchers: 3, routes: [x, [y]]}\nreceivers: {}\n",
        "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [x]}]\n",
    ],
)
def test_a_broken_file_is_told_and_breaks_nothing(text: str) -> None:
    assert any("sent to receiver" in line for line in told(text))


def test_the_shipped_route_has_no_mistake() -> None:
    alerts = scaling_alerts(yaml_lines.read(SHIPPED / "rules" / "scaling.yml", as_text=True))
    assert told((SHIPPED / "alertmanager.yml").read_text(encoding="utf-8"), *alerts) == []


@pytest.mark.parametrize(
    ("matchers", "reached"),
    [
        pytest.param('[team="x"]', ["operators"], id="a label it cannot have"),
        pytest.param('[team!="x"]', ["child"], id="a label it cannot have, negated"),
        pytest.param('[cluster="blue"]', ["child", "operators"], id="a label that shows when it fires"),
        pytest.param('[cluster="blue", ray_scale="down"]', ["operators"], id="one that is false settles it"),
        pytest.param('\'{ray_scale="up",severity=~"info|warning"}\'', ["child"], id="all in braces"),
        pytest.param("[ray_scale = up]", ["child"], id="without quotes"),
        pytest.param('[ray_scale=~"u"]', ["operators"], id="an expression means all of the value"),
        pytest.param('[ray_scale!~"d.*"]', ["child"], id="an expression, negated"),
        pytest.param('[ray_scale=~"("]', ["child", "operators"], id="an expression that is none"),
        pytest.param("[]", ["child"], id="no matcher takes all"),
    ],
)
def test_a_matcher_says_yes_no_or_perhaps(matchers: str, reached: list[str]) -> None:
    text = f"receiver: operators\nroutes:\n  - receiver: child\n    matchers: {matchers}\n"
    tree = yaml_lines.parse(text, "a.yml", as_text=True).value
    assert [branch.receiver for branch in destinations(tree, UP)] == reached


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("500ms", 0.5), ("1h30m", 5400), ("1d", 86400), ("1.5s", None), ("", None), ("10", None)],
)
def test_durations_are_prometheus_own(text: str, seconds: float | None) -> None:
    assert route.duration_seconds(text) == seconds


def test_a_receiver_that_the_scaler_does_not_look_for_in_alertmanagers_list_is_told() -> None:
    renamed = GOOD.replace("ray-watcher", "scaling")

    [said] = told(renamed)

    assert said.startswith(
        "10: warning: name: got 'scaling', but of Alertmanager's list the scaler takes up alerts for"
    )
    assert "'ray-watcher' only (ALERTMANAGER_RECEIVER)" in said
    assert told(renamed, receiver="scaling") == []
