"""RayWatchdog always fires: check-config warns if people would receive it."""

from __future__ import annotations

import pytest

from ray_watcher.checks.acceptance import Scaler
from ray_watcher.checks.route import watchdog_findings
from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.documents.findings import Severity
from support.rules_data import SHIPPED

TO_PEOPLE = """\
route:
  receiver: pager
  routes:
    - receiver: ray-watcher
      matchers: ['ray_scale=~"up|down"']
receivers:
  - name: pager
  - name: ray-watcher
    webhook_configs: [{url: "http://127.0.0.1:9812/alerts"}]
"""
WITH_A_ROUTE = TO_PEOPLE.replace(
    '=~"up|down"\']', '=~"up|down"\']\n    - {receiver: ray-watcher, matchers: [alertname=RayWatchdog]}'
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param((SHIPPED / "alertmanager.yml").read_text(encoding="utf-8"), [], id="the shipped route"),
        pytest.param(WITH_A_ROUTE, [], id="a route of its own"),
        pytest.param(TO_PEOPLE, [2], id="the default receiver would get it"),
        pytest.param("receivers: []\n", [], id="no route at all is another mistake"),
    ],
)
def test_people_who_would_receive_it_are_named(text: str, lines: list[int]) -> None:
    document = yaml_lines.parse(text, "alertmanager.yml", as_text=True)
    found = list(watchdog_findings(document, Scaler("127.0.0.1:9812", 300)))

    assert [one.line for one in found] == lines
    assert all(one.severity is Severity.WARNING and "'pager'" in one.message for one in found)
