"""The page as it is served: complete without scripts, nothing inline, current by small answers."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scaler.web.page.assets import STATIC
from scaler.web.page.parts import NAMES
from support.builders import NOW, demand, head, node, snapshot
from support.site import NOTIFICATION, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = '<img src=x onerror="alert(1)">'
VENDORED = STATIC / "vendor" / "uplot"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.client.post("/alerts", json=NOTIFICATION)
    made.reconciler.reconcile("test")
    yield made
    made.journal.close()


def test_without_scripts_everything_but_chart_and_buttons_is_there(site: Site) -> None:
    page = site.client.get("/").text

    for wanted in ("CPU:1", "worker-1-000001", "pending_demand", "RayPendingTasks", "launch 3", "Cooldown up"):
        assert wanted in page
    assert '<div class="buttons scripted" hidden>' in page
    assert '<section class="card scripted" hidden' in page


def test_nothing_is_inline_so_that_the_policy_can_be_strict(site: Site) -> None:
    answer = site.client.get("/")

    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<style|<script>|<script (?!defer src=)| on[a-z]+=| style=|javascript:", answer.text) == []


def test_nothing_is_loaded_from_another_host(site: Site) -> None:
    page = site.client.get("/").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert [address for address in addresses if "://" in address or address.startswith("//")] == []
    for address in addresses:
        if not address.startswith(("#", "data:", "api/")):
            assert site.client.get(f"/{address}", buffered=True).status_code == 200, address


def test_text_of_others_stays_text(site: Site) -> None:
    site.reader.snapshot = replace(snapshot(head(), demands=(demand(2, {HOSTILE: 1}),)), source=HOSTILE)
    site.client.post("/api/v1/pause", json={"reason": HOSTILE, "by": HOSTILE})
    site.reconciler.reconcile("test")
    site.clock.pass_(5)

    for text in (site.client.get("/").text, *(part["html"] for part in changed(site)["parts"].values())):
        assert "<img" not in text
    assert "&lt;img" in site.client.get("/").text


@pytest.mark.parametrize(("name", "linked"), [("RayPendingTasks", True), ("MyOwn", False), ("../metrics?", False)])
def test_an_alert_links_to_its_runbook_if_there_is_one(name: str, linked: bool) -> None:  # a row
    site, (alert,) = Site(), NOTIFICATION["alerts"]
    own = {**alert, "labels": {**alert["labels"], "alertname": name}}
    site.client.post("/alerts", json={**NOTIFICATION, "alerts": [own]})
    site.reconciler.reconcile("test")

    page = site.client.get("/").text
    site.journal.close()
    assert (f'href="runbooks/{name}"' in page, name in page) == (linked, True)


def test_of_long_lists_as_much_is_shown_as_people_read(site: Site) -> None:
    shapes = tuple(demand(1, {f"resource-{number}": 1}) for number in range(120))
    nodes = (node(f"stranger-{number}") for number in range(120))
    site.reader.snapshot = snapshot(head(), *nodes, demands=shapes, observed_at=site.clock.now())
    site.reconciler.reconcile("test")
    site.clock.pass_(2)

    assert site.client.get("/").text.split('id="part-workers"')[0].count("and 70 more") >= 2


def test_styles_and_scripts_are_kept_for_as_long_as_they_are_the_same(site: Site) -> None:
    page = site.client.get("/").text
    files = re.findall(r'(?:src|href)="([^"]+\?v=\w+)"', page)

    assert len(files) == 7
    for file in files:
        assert "immutable" in kept(site, f"/{file}")
    assert kept(site, "/static/live.js") == "no-store"
    assert kept(site, "/static/nothing.js?v=1") == "no-store"


def kept(site: Site, path: str) -> str:
    return str(site.client.get(path, buffered=True).headers["Cache-Control"])


# --- what has changed --------------------------------------------------------------------------------


def changed(site: Site, *have: str, query: str = "") -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = site.client.get(f"/page/parts?have={','.join(have)}{query}").json
    return found


def marks(site: Site) -> dict[str, str]:
    return dict(re.findall(r'data-part="(\w+)" data-mark="(\w+)"', site.client.get("/").text))


def test_the_page_has_the_marks_of_its_parts_and_gets_only_what_differs(site: Site) -> None:
    have = marks(site)

    assert tuple(have) == NAMES
    assert changed(site, *have.values())["parts"] == {}
    assert set(changed(site)["parts"]) == set(NAMES)


def test_time_alone_changes_no_part(site: Site) -> None:
    site.clock.pass_(600)
    site.reader.snapshot = snapshot(head(), observed_at=site.clock.now())
    site.reconciler.reconcile("test")
    have = marks(site)
    site.clock.pass_(3)

    assert changed(site, *have.values())["parts"].keys() <= {"workers"}  # which says for how long one has been joining


def test_a_decision_changes_the_parts_that_show_it(site: Site) -> None:
    have = marks(site)
    site.client.post("/api/v1/pause", json={"reason": "benchmark", "by": "anna"})
    site.reconciler.reconcile("test")
    site.clock.pass_(2)

    parts = changed(site, *have.values())["parts"]
    assert "benchmark" in parts["glance"]["html"]


def test_parts_are_rendered_at_most_once_a_second(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.clock.pass_(10)
    changed(site)
    monkeypatch.setattr(site.journal, "history", lambda *_: pytest.fail("rendered again"))
    site.clock.pass_(0.5)

    for _ in range(50):
        changed(site)


def test_the_timeline_can_be_filtered_with_and_without_scripts(site: Site) -> None:
    assert "launch 3" not in site.client.get("/?action=drain").text
    assert "launch 3" in site.client.get("/?action=launch").text
    assert "launch 3" not in changed(site, query="&cause=idle")["parts"]["timeline"]["html"]


def test_the_chart_has_what_happened(site: Site) -> None:
    made = site.client.get("/api/v1/chart?seconds=900").json

    assert (made["until"], made["times"][-1]) == (NOW, NOW)
    assert [(mark["action"], mark["count"]) for mark in made["marks"]] == [("launch", 3)]


# --- what is not ours --------------------------------------------------------------------------------


def test_vendored_files_are_the_pinned_ones_with_their_licence() -> None:
    lines = [line.split() for line in (VENDORED / "SHA256SUMS").read_text().splitlines()]
    pinned = {name: digest for digest, name in lines}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDORED.iterdir()
        if path.name != "SHA256SUMS"
    }

    assert found == pinned
    assert "MIT License" in (VENDORED / "LICENSE").read_text()
    assert "(v1.6.32)" in (VENDORED / "uPlot.iife.min.js").read_text()[:200]
