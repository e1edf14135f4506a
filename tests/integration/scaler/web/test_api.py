"""The API's contract: its document, its errors, and that neither can differ from the routes and the code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from scaler.web.api import openapi
from scaler.web.api.operations import OPERATIONS, PREFIX
from support.paths import ROOT
from support.site import NOTIFICATION, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

WRONG_PAUSE = {"reason": "x", "direction": "sideways"}


def busy_site() -> Site:
    """A scaler that has decided something."""
    site = Site()
    site.client.post("/alerts", json=NOTIFICATION)
    site.reconciler.reconcile("test")
    return site


@pytest.fixture
def site() -> Iterator[Site]:
    made = busy_site()
    yield made
    made.journal.close()


def test_the_document_is_served_and_kept_in_docs(site: Site) -> None:
    served = site.client.get("/api/v1/openapi.json").json

    assert served == openapi.document()
    assert json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")) == served


def test_every_route_under_the_prefix_is_in_the_document_and_the_other_way_round(site: Site) -> None:
    routes = {
        (rule.rule, method)
        for rule in site.client.application.url_map.iter_rules()
        if rule.rule.startswith(PREFIX) and rule.endpoint != "openapi"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    documented = {(f"{PREFIX}{operation.path}", operation.method) for operation in OPERATIONS}
    assert routes == documented
    assert {
        (path, method.upper()) for path, methods in openapi.document()["paths"].items() for method in methods
    } == documented


@pytest.mark.parametrize(
    ("method", "path", "sent", "code", "says"),
    [
        pytest.param("POST", "pause", {"json": WRONG_PAUSE}, 400, "direction: got 'sideways', wanted", id="a value"),
        pytest.param("POST", "pause", {"data": "x"}, 415, "got Content-Type '', wanted", id="no JSON"),
        pytest.param("GET", "pause", {}, 405, "GET /api/v1/pause", id="a method"),
        pytest.param("GET", "history?limit=0", {}, 400, "limit: got '0', wanted", id="a parameter"),
        pytest.param("GET", "history?after=1000000", {}, 409, "after: got 1000000, wanted at most", id="an event"),
        pytest.param("GET", "nothing", {}, 404, "GET /api/v1/nothing", id="a path"),
    ],
)
def test_an_error_says_what_was_got_and_wanted(
    site: Site, method: str, path: str, sent: dict[str, Any], code: int, says: str
) -> None:
    reply = site.client.open(f"/api/v1/{path}", method=method, **sent)

    assert (reply.status_code, reply.content_type) == (code, "application/problem+json")
    assert (reply.json["status"], reply.json["type"]) == (code, "about:blank")
    assert reply.json["detail"].startswith(says)


# --- any request that the document allows, and many that it does not -----------------------------------

_SITE = busy_site()
_SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", _SITE.client.application)


@_SCHEMA.parametrize()
@settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_answer_is_as_the_document_says(case: schemathesis.Case[Any]) -> None:
    case.headers["Content-Type"] = "application/json"
    if case.query.get("wait"):
        case.query["wait"] = 0
    case.call_and_validate()
