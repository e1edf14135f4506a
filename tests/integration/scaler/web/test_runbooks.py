"""The scaler serves the runbook of every alert, where the alert's `runbook_url` leads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from ray_watcher_common.web.application import new_app
from scaler.web import runbooks
from support import rules_data
from support.site import Site

if TYPE_CHECKING:
    from pathlib import Path

ALERTS = [alert["alert"] for alert in rules_data.alerts()]


@pytest.fixture(scope="module")
def site() -> Site:
    return Site()


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_its_page(alert: str, site: Site) -> None:
    answer = site.client.get(f"/runbooks/{alert}")

    assert answer.status_code == 200
    assert f"<h1>{alert}</h1>" in answer.text


@pytest.mark.parametrize("alert", ALERTS)
def test_links_of_a_page_lead_to_pages_of_the_scaler(alert: str, site: Site) -> None:
    targets = re.findall(r'href="(?!https?://127\.0\.0\.1|data:)([^"]+)"', site.client.get(f"/runbooks/{alert}").text)
    paths = {urljoin(f"/runbooks/{alert}", target) for target in targets}

    assert {"/", "/runbooks/"} <= paths
    assert {site.client.get(path, buffered=True).status_code for path in paths} == {200}


def test_the_index_lists_every_page(site: Site) -> None:
    assert set(re.findall(r'<li><a href="(\w+)">', site.client.get("/runbooks/").text)) == set(ALERTS)


@pytest.mark.parametrize("name", ["RayNothing", "..%2F..%2FREADME", ".md"])
def test_another_name_is_not_found(name: str, site: Site) -> None:
    answer = site.client.get(f"/runbooks/{name}")

    assert answer.status_code == 404
    assert answer.get_json()["status"] == 404


def test_html_in_a_page_is_text(tmp_path: Path) -> None:
    (tmp_path / "RayX.md").write_text("# RayX\n\n<script>alert(1)</script>\n", encoding="utf-8")
    app = new_app("scaler.web")
    runbooks.add_to(app, tmp_path)

    assert "<script>" not in app.test_client().get("/runbooks/RayX").text
