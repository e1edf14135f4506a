"""Pause and resume: over HTTP, in the journal, in what the loop does and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scaler.journal.journal import Journal
from scaler.model.cluster import Direction
from scaler.model.pause import Pause
from support.builders import NOW
from support.site import NOTIFICATION, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.client.post("/alerts", json=NOTIFICATION)
    yield made
    made.journal.close()


def paused(site: Site) -> dict[str, float]:
    families = text_string_to_metric_families(site.client.get("/metrics").text)
    (family,) = (one for one in families if one.name == "rayscaler_paused")
    return {sample.labels["direction"]: sample.value for sample in family.samples}


def test_while_paused_the_loop_goes_on_and_says_what_it_would_do(site: Site) -> None:
    asked = {"direction": "up", "reason": "benchmark", "by": "anna", "seconds": 600}
    reply = site.client.post("/api/v1/pause", json=asked)
    plan = site.reconciler.reconcile("test")

    assert reply.json["paused"]["up"] == {"reason": "benchmark", "by": "anna", "since": NOW, "until": NOW + 600}
    assert (plan.actions, [(held.cause.value, held.count) for held in plan.held]) == ((), [("paused", 3)])
    assert paused(site) == {"up": 1.0, "down": 0.0}
    status = site.client.get("/api/v1/status").json
    assert status["summary"][0].startswith("Scaling up is paused since 1970-01-12 13:46 UTC by anna (benchmark)")
    assert status["pending"][0]["cause"] == "paused"
    assert "paused" in site.client.get("/").text


def test_a_pause_ends_when_it_said(site: Site) -> None:
    site.client.post("/api/v1/pause", json={"direction": "up", "reason": "benchmark", "seconds": 200})
    site.clock.pass_(200)

    assert len(site.reconciler.reconcile("test").actions) == 3
    assert paused(site) == {"up": 0.0, "down": 0.0}


def test_resume_ends_it_at_once_and_wakes_the_loop(site: Site) -> None:
    site.client.post("/api/v1/pause", json={"reason": "benchmark"})
    site.wakeup.take()

    reply = site.client.post("/api/v1/resume", json={"direction": "up"})

    assert (reply.json["resumed"], reply.json["paused"]["down"]["reason"]) == (["up"], "benchmark")
    assert site.wakeup.take() == "resume"
    assert len(site.reconciler.reconcile("test").actions) == 3


def test_what_is_not_paused_is_not_resumed(site: Site) -> None:
    assert site.client.post("/api/v1/resume", json={}).json["resumed"] == []


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param({}, "reason", id="no reason"),
        pytest.param({"reason": "  "}, "reason", id="an empty one"),
        pytest.param({"reason": "x", "direction": "sideways"}, "direction", id="no direction"),
        pytest.param({"reason": "x", "seconds": -1}, "seconds", id="an end in the past"),
        pytest.param({"reason": "x", "seconds": 1e300}, "seconds", id="an end beyond all time"),
        pytest.param({"reason": "x", "until": 1}, "until", id="a key that there is not"),
        pytest.param(["reason"], "body", id="a list"),
    ],
)
def test_what_is_no_pause_is_refused_with_the_place_of_the_mistake(site: Site, asked: Any, says: str) -> None:
    reply = site.client.post("/api/v1/pause", json=asked)

    assert (reply.status_code, reply.json["detail"].startswith(f"{says}: ")) == (400, True)
    assert site.journal.pauses(NOW) == {}


@pytest.mark.parametrize("path", ["/api/v1/pause", "/api/v1/resume"])
def test_the_webhooks_token_is_wanted_here_too(path: str) -> None:
    guarded = Site(token="secret")  # noqa: S106  # a test's own
    body = {"reason": "x"} if path.endswith("pause") else {}

    assert guarded.client.post(path, json=body).status_code == 401
    assert guarded.client.post(path, json=body, headers={"Authorization": "Bearer secret"}).status_code == 200
    assert guarded.client.post(path, data="{}", headers={"Authorization": "Bearer secret"}).status_code == 415
    guarded.journal.close()


def test_a_pause_survives_a_restart_and_a_newer_one_replaces_it(tmp_path: Path) -> None:
    for reason in ("first", "second"):
        journal = Journal(tmp_path / "journal.db")
        journal.pause(Direction.UP, Pause(reason, "anna", NOW))
        journal.close()

    journal = Journal(tmp_path / "journal.db")
    assert journal.pauses(NOW + 1e6) == {Direction.UP: Pause("second", "anna", NOW)}
    journal.close()
