"""Each way in which Alertmanager's file keeps a scaling alert from the scaler, or brings it late."""

from __future__ import annotations

import pytest

from ray_watcher.checks import route
from ray_watcher.checks.acceptance import Scaler
from ray_watcher.checks.matching import destinations
from ray_watcher.checks.rules import ScalingAlert, scaling_alerts
from ray_watcher_common.documents import yaml_lines
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
    found = route.route_findings(document, alerts or (UP, DOWN), Scaler(LISTEN, expiry, receiver))
    return list(dict.fromkeys(f"{one.line}: {one.severity.value}: {one.message}" for one in found))


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(GOOD, id="as shipped"),
        pytest.param(changed("      - url: http://127.0.0.1:9812/alerts\n", "      - url_file: /u\n"), id="by a file"),
        pytest.param(changed("127.0.0.1:9812", "localhost:9812"), id="another name of this host"),
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
            "6: warning|group_wait|10s",
            id="a slow start",
        ),
        pytest.param("group_wait: 0s", "group_wait: 61s", "6: error|group_wait|61s", id="a start that stalls"),
        pytest.param(
            "      group_wait: 0s\n",
            "",
            "4: warning|group_wait|30s",
            id="unset",
        ),
        pytest.param(
            "group_interval: 500ms",
            "group_interval: 11s",
            "7: warning|group_interval|11s",
            id="slow",
        ),
        pytest.param("group_interval: 500ms", "group_interval: 1m1s", "7: error|group_interval|1m1s", id="stalls"),
        pytest.param(
            "group_wait: 0s",
            "group_wait: soon",
            "6: error|group_wait|'soon'",
            id="no duration",
        ),
        pytest.param(
            "repeat_interval: 1m",
            "repeat_interval: x",
            "8: error|repeat_interval|'x'",
            id="no duration to repeat",
        ),
        pytest.param(
            "repeat_interval: 1m",
            "repeat_interval: 5m",
            "8: error|repeat_interval|5m|300 s|WATCHER_ALERT_EXPIRY",
            id="forgotten",
        ),
        pytest.param(
            "repeat_interval: 1m",
            "repeat_interval: 3m",
            "8: warning|repeat_interval|3m|180 s|WATCHER_ALERT_EXPIRY",
            id="nearly forgotten",
        ),
        pytest.param(
            "      repeat_interval: 1m\n",
            "",
            "4: error|repeat_interval|4h",
            id="never",
        ),
        pytest.param("send_resolved: true", "send_resolved: no", "13: error|send_resolved", id="no end"),
        pytest.param("send_resolved: true", "max_alerts: 3", "13: warning|max_alerts|3", id="cut"),
        pytest.param(
            "9812/alerts",
            "9812/",
            "12: error|url|'http://127.0.0.1:9812/'|/alerts",
            id="another path",
        ),
        pytest.param("9812/alerts", "9812/alerts/", "12: error: url: got", id="a slash too many"),
        pytest.param("9812/alerts", "9999/alerts", "12: warning: url: got", id="another port"),
        pytest.param(
            "http://127.0.0.1:9812", "https://ray.example.org", "12: warning: url: got", id="by a proxy, perhaps"
        ),
        pytest.param("http://127.0.0.1:9812", "https://localhost:9812", "12: error: url: got", id="TLS"),
        pytest.param("send_resolved: true", "payload: {text: x}", "13: error: payload:", id="another body"),
        pytest.param(
            "send_resolved: true",
            "http_config: {basic_auth: {username: am, password: x}}",
            "13: error: basic_auth:",
            id="another kind of credentials",
        ),
        pytest.param(
            "send_resolved: true",
            "http_config: {authorization: {type: Basic, credentials: x}}",
            "13: error: authorization: got type 'Basic'",
            id="another kind of authorization",
        ),
        pytest.param(
            "      group_wait: 0s\n",
            "      group_wait: 0s\n      mute_time_intervals: [nights]\n",
            "7: warning: mute_time_intervals (nights)",
            id="muted at times",
        ),
        pytest.param(
            "      group_wait: 0s\n",
            "      group_wait: 0s\n      active_time_intervals: [days]\n",
            "7: warning: active_time_intervals (days)",
            id="active at times only",
        ),
        pytest.param(
            "    - receiver: ray-watcher\n",
            "    - receiver: chat\n      matchers: ['a=b\"c']\n      continue: true\n    - receiver: ray-watcher\n",
            "5: warning: matcher",
            id="a matcher that cannot be read",
        ),
        pytest.param(
            '=~"up|down"',
            '="up"',
            "2: error: Down:|'operators'|ray_scale",
            id="one direction only",
        ),
        pytest.param(
            "['ray_scale=~\"up|down\"']",
            '[rayscale=~".+"]',
            "2: error: Up, Down:|'operators'",
            id="a label that no rule has",
        ),
        pytest.param(
            "    - receiver: ray-watcher",
            "    - receiver: ray-watch",
            "4: error: Up, Down:|'ray-watch'",
            id="no such receiver",
        ),
        pytest.param(
            "    - receiver: ray-watcher",
            "    - receiver: chat",
            "17: error|url|'http://127.0.0.1:4000/chat'|/alerts|Up, Down",
            id="to another webhook",
        ),
        pytest.param(
            "    - receiver: ray-watcher",
            "    - receiver: chat\n    - receiver: ray-watcher",
            "18: error|url|'http://127.0.0.1:4000/chat'",
            id="another takes them first",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_line(old: str, new: str, expected: str) -> None:
    [line] = told(changed(old, new))
    place, *names = expected.split("|")
    assert (line.startswith(place), [name for name in names if name not in line]) == (True, [])


def test_single_quotes_belong_to_the_value() -> None:
    lost, quoted = told(changed("['ray_scale=~\"up|down\"']", "[\"ray_scale=~'up|down'\"]"))

    assert lost.startswith("2: error: Up, Down: ")
    assert quoted.startswith("5: warning: matcher")


def test_a_matcher_that_cannot_be_read_may_match() -> None:
    [line] = told(changed("['ray_scale=~\"up|down\"']", "['ray_scale=~\"up|down']"))

    assert line.startswith("5: warning: matcher")


@pytest.mark.parametrize(
    ("http_config", "expected"),
    [
        pytest.param("", ["12: error: http_config: sends no token"], id="nothing said"),
        pytest.param("{proxy_url: x}", ["13: error: http_config: sends no token"], id="other settings"),
        pytest.param("{authorization: {credentials_file: /t}}", [], id="a token in a file"),
        pytest.param("{bearer_token: t}", [], id="the old spelling"),
        pytest.param("{basic_auth: {username: a}}", ["13: error: basic_auth:"], id="basic"),
    ],
)
def test_a_scaler_with_a_token_wants_it_sent(http_config: str, expected: list[str]) -> None:
    text = changed("send_resolved: true", f"http_config: {http_config}" if http_config else "send_resolved: true")
    document = yaml_lines.parse(text, "a.yml", as_text=True)
    wants = Scaler(LISTEN, 300, has_token=True)

    listed = route.route_findings(document, (UP,), wants)
    found = [f"{one.line}: {one.severity.value}: {one.message}" for one in listed]

    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("scheme", "http_config", "expected"),
    [
        pytest.param("https", "{basic_auth: {username: am, password_file: /p}}", [], id="a user"),
        pytest.param("https", "{basic_auth: {username: you}}", ["13: error: basic_auth: got user 'you'"], id="nobody"),
        pytest.param("https", "{authorization: {credentials_file: /t}}", [], id="the token"),
        pytest.param("https", "", ["12: error: http_config: sends no password"], id="nothing"),
        pytest.param("http", "{basic_auth: {username: am}}", ["12: error: url: got"], id="plain http"),
    ],
)
def test_a_scaler_with_tls_and_users_wants_both_used(scheme: str, http_config: str, expected: list[str]) -> None:
    text = changed("send_resolved: true", f"http_config: {http_config}" if http_config else "send_resolved: true")
    document = yaml_lines.parse(text.replace("http://", f"{scheme}://"), "a.yml", as_text=True)
    wants = Scaler(LISTEN, 300, scheme="https", users=frozenset({"am"}))

    listed = route.route_findings(document, (UP,), wants)
    found = [f"{one.line}: {one.severity.value}: {one.message}" for one in listed]

    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected


def test_address_and_token_are_not_judged_if_start_watcher_puts_them_in() -> None:
    document = yaml_lines.parse(changed("127.0.0.1:9812/alerts", "example.org/"), "a.yml", as_text=True)
    filled = Scaler(LISTEN, 300, has_token=True, is_filled_in=True)

    assert list(route.route_findings(document, (UP,), filled)) == []


def test_the_password_of_a_url_is_not_shown() -> None:
    text = changed("http://127.0.0.1:9812", "http://am:hunter2@ray.example.org")

    assert ["hunter2" in line for line in told(text)] == [False]
    assert not any("hunter2" in line for line in told(changed("127.0.0.1:9812/alerts", "am:hunter2@127.0.0.1:9812/x")))


def test_an_archive_with_the_same_path_is_not_taken_for_the_scaler() -> None:
    text = """\
route: {receiver: archive, group_wait: 0s, group_interval: 1s, repeat_interval: 1m}
receivers: [{name: archive, webhook_configs: [{url: "http://archive.example.org:8080/api/v1/alerts"}]}]
"""
    assert [line.split(":")[1].strip() for line in told(text)] == ["warning", "warning"]


@pytest.mark.parametrize(
    ("rule", "muted"),
    [
        pytest.param(
            "{source_matchers: ['severity=\"critical\"'], "
            "target_matchers: ['severity=~\"warning|info\"'], equal: [cluster]}",
            "Up",
            id="critical mutes info",
        ),
        pytest.param(
            "{source_matchers: ['severity=\"critical\"'], target_matchers: ['severity=~\"warning|info\"'], "
            "equal: [namespace, alertname]}",
            "",
            id="only alerts of the same name",
        ),
        pytest.param(
            "{source_matchers: ['alertname=\"InfoInhibitor\"'], "
            "target_matchers: ['severity=\"info\"'], equal: [namespace]}",
            "Up",
            id="kube-prometheus mutes lone info alerts",
        ),
        pytest.param("{source_match: {a: b}, target_match_re: {ray_scale: .+}}", "Up, Down", id="the old spelling"),
        pytest.param("{source_matchers: ['a=b'], target_matchers: ['team=\"x\"']}", "", id="other alerts"),
        pytest.param("{source_matchers: ['a=b'], target_matchers: ['cluster=\"blue\"']}", "Up, Down", id="perhaps"),
        pytest.param("{source_matchers: ['a=b']}", "Up, Down", id="no target is every target"),
        pytest.param("text", "", id="no rule"),
    ],
)
def test_an_inhibit_rule_that_can_mute_a_scaling_alert_is_named(rule: str, muted: str) -> None:
    lines = told(f"{GOOD}inhibit_rules:\n  - {rule}\n")

    assert [line.partition(", and")[0] for line in lines] == ([f"19: warning: can mute {muted}"] if muted else [])


def test_an_inherited_setting_is_reported_at_its_own_line() -> None:
    text = changed("      group_interval: 500ms\n", "").replace(
        "  receiver: operators\n", "  receiver: operators\n  group_interval: 2m\n", 1
    )
    [line] = told(text)
    assert line.startswith("3: error: group_interval")


def test_alertmanager_repeats_only_at_a_tick_of_the_group() -> None:
    text = GOOD.replace("group_interval: 500ms", "group_interval: 50s").replace(
        "repeat_interval: 1m", "repeat_interval: 55s"
    )
    assert any("every 100 s" in line for line in told(text, expiry=90))


def test_without_rules_any_alert_with_a_direction_is_meant() -> None:
    text = changed('=~"up|down"', '="up"')
    document = yaml_lines.parse(text, "a.yml", as_text=True)
    [found] = route.route_findings(document, (), Scaler(LISTEN, 300))
    assert found.message.startswith("any alert with ray_scale: down: ")


@pytest.mark.parametrize("text", ["[]", "receivers: []", "route: x", "route:\nreceivers: []"])
def test_what_is_no_configuration_is_told(text: str) -> None:
    [line] = told(text)
    assert line.startswith("1: error: wanted ")


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

    assert said.startswith("10: warning: name: got 'scaling'")
    assert "ALERTMANAGER_RECEIVER" in said
    assert told(renamed, receiver="scaling") == []
