"""The webhook's answers, and that nothing accepted is lost."""

from __future__ import annotations

import contextlib
import json
import math
import re
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from ray_watcher_common.web.config import WebConfig
from scaler.explain.explanation import explain
from scaler.journal.journal import Journal
from scaler.model.errors import JournalError
from scaler.model.schedule import Schedule
from scaler.telemetry.metrics import CATALOG
from scaler.web.auth import Callers
from support.builders import NOW, alert, demand, head, policy, snapshot
from support.site import NOTIFICATION, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaler.explain.explanation import Explanation
    from scaler.model.decision import Observation


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.journal.close()


@pytest.fixture
def guarded() -> Iterator[Site]:
    made = Site(token="secret")  # noqa: S106  # a test's own
    yield made
    made.journal.close()


def test_an_accepted_alert_is_in_the_journal_and_wakes_the_loop(site: Site) -> None:
    site.wakeup.take()

    reply = site.client.post("/alerts", json=NOTIFICATION)

    assert (reply.status_code, reply.json) == (200, {"accepted": 1, "news": 1, "ignored": 0, "problems": []})
    assert [a.name for a in site.journal.alerts()] == ["RayPendingTasks"]
    assert site.wakeup.take() == "webhook"
    assert site.answers(200) == 1


def test_what_is_no_notification_is_refused_for_good(site: Site) -> None:
    reply = site.client.post("/alerts", data=b"nonsense", content_type="application/json")

    assert reply.status_code == 400
    assert "not an Alertmanager webhook (version 4)" in reply.json["detail"]
    assert site.answers(400) == 1


def test_what_a_web_page_may_send_unasked_is_refused(site: Site) -> None:
    reply = site.client.post("/alerts", data=json.dumps(NOTIFICATION), content_type="text/plain")

    assert (reply.status_code, site.journal.alerts()) == (415, [])
    assert "wanted application/json" in reply.json["detail"]


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        pytest.param(
            JournalError("journal: disk is full"), 503, "journal: disk is full; send it again", id="disk full"
        ),
        pytest.param(KeyError("a bug"), 500, "its log has it", id="a bug of ours"),
    ],
)
def test_a_notification_that_cannot_be_stored_is_asked_for_again_and_counted(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, says: str
) -> None:
    def fail(_journal: Journal, _group: object) -> None:
        raise error

    monkeypatch.setattr(Journal, "absorb_all", fail)
    site = Site()
    with contextlib.closing(site.journal):
        reply = site.client.post("/alerts", json=NOTIFICATION)

    assert (reply.status_code, says in reply.json["detail"], site.answers(code)) == (code, True, 1)


def test_alerts_that_say_nothing_new_are_counted(site: Site) -> None:
    for _ in range(3):
        assert site.client.post("/alerts", json=NOTIFICATION).status_code == 200

    assert site.metrics.registry.get_sample_value("rayscaler_webhook_duplicates_total") == 2


def test_a_malformed_alert_is_a_problem_and_the_others_are_stored(site: Site) -> None:
    (told,) = NOTIFICATION["alerts"]
    malformed = {**told, "startsAt": "yesterday"}
    reply = site.client.post("/alerts", json={**NOTIFICATION, "alerts": [malformed, told]})

    assert (reply.status_code, reply.json["accepted"], len(reply.json["problems"])) == (200, 1, 1)
    assert [one.key for one in site.journal.alerts()] == ["f1"]
    assert site.alerts("malformed") == 1


def test_there_is_one_line_in_the_log_however_much_is_wrong_and_the_reply_is_short(site: Site) -> None:
    (told,) = NOTIFICATION["alerts"]
    sideways = {**told, "labels": {"alertname": "Mine", "ray_scale": "sideways"}}
    with capture_logs() as lines:
        reply = site.client.post("/alerts", json={**NOTIFICATION, "alerts": [sideways] * 4000})

    assert (reply.status_code, len(lines), len(reply.data) < 4000) == (200, 1, True)
    assert len(lines[0]["problems"]) == len(reply.json["problems"]) == 21


def test_too_many_alerts_are_a_problem_and_counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scaler.journal.alerts.MAX_ALERTS", 10)
    (told,) = NOTIFICATION["alerts"]
    many = [{**told, "fingerprint": f"{number}"} for number in range(15)]

    reply = site.client.post("/alerts", json={**NOTIFICATION, "alerts": many})

    assert (reply.status_code, reply.json["accepted"], len(reply.json["problems"])) == (200, 10, 1)
    assert (len(site.journal.alerts()), site.alerts("not_stored")) == (10, 5)


@pytest.mark.parametrize("item", ["{}", "null", json.dumps(NOTIFICATION["alerts"][0])])
def test_a_notification_of_more_alerts_than_are_kept_is_refused_before_they_are_read(site: Site, item: str) -> None:
    body = json.dumps({**NOTIFICATION, "alerts": []}).replace("[]", f"[{','.join([item] * 4001)}]")

    reply = site.client.post("/alerts", data=body, content_type="application/json")

    assert (reply.status_code, site.answers(413), site.journal.alerts()) == (413, 1, [])


def test_the_status_lists_the_first_alerts_of_each_direction_and_says_how_many_there_are(site: Site) -> None:
    (told,) = NOTIFICATION["alerts"]
    many = [
        {**told, "labels": {"alertname": "Mine", "ray_scale": way}, "fingerprint": f"{way}{number}"}
        for way in ("up", "down")
        for number in range(150)
    ]
    site.client.post("/alerts", json={**NOTIFICATION, "alerts": many})
    site.reconciler.reconcile("test")
    status = site.client.get("/api/v1/status").json

    assert Counter(one["direction"] for one in status["alerts"]) == {"up": 100, "down": 100}
    assert status["alerts_total"] == 300
    assert "and 280 more" in site.client.get("/").text


def test_alerts_of_another_cluster_are_left_alone_and_counted(site: Site) -> None:
    (told,) = NOTIFICATION["alerts"]
    green = {**told, "labels": {**told["labels"], "cluster": "green"}}
    reply = site.client.post("/alerts", json={**NOTIFICATION, "alerts": [green]})

    assert (reply.json["ignored"], site.journal.alerts()) == (1, [])
    assert site.alerts("other_cluster") == 1


@pytest.mark.parametrize(
    ("header", "code"),
    [
        pytest.param({}, 401, id="no token"),
        pytest.param({"Authorization": "Bearer wrong"}, 401, id="a wrong one"),
        pytest.param({"Authorization": "Basic secret"}, 401, id="another scheme"),
        pytest.param({"Authorization": "Bearer sécret"}, 401, id="one beyond ASCII"),
        pytest.param({"Authorization": "Bearer secret"}, 200, id="the right one"),
        pytest.param({"Authorization": "bearer secret"}, 200, id="the scheme in small letters"),
    ],
)
def test_a_token_is_wanted_where_one_is_set(guarded: Site, header: dict[str, str], code: int) -> None:
    assert guarded.client.post("/alerts", json=NOTIFICATION, headers=header).status_code == code
    assert bool(guarded.journal.alerts()) is (code == 200)


def test_a_wrong_method_or_path_is_told_in_json(site: Site) -> None:
    assert "GET /alerts" in site.client.get("/alerts").json["detail"]
    assert site.client.get("/nowhere").status_code == 404


def test_too_large_a_body_is_refused(site: Site) -> None:
    assert (
        site.client.post("/alerts", data=b"x" * (9 * 1024 * 1024), content_type="application/json").status_code == 413
    )


def test_the_status_says_what_waits_what_is_held_and_what_was_done(site: Site) -> None:
    site.client.post("/alerts", json=NOTIFICATION)
    site.reconciler.reconcile("test")

    status = site.client.get("/api/v1/status").json

    assert status["snapshot"]["pending"] == 3
    assert [a["name"] for a in status["alerts"]] == ["RayPendingTasks"]
    assert [(a["action"], a["worker_id"]) for a in status["actions"]] == [
        ("launch", f"worker-{i}-{i:06x}") for i in (3, 2, 1)
    ]
    assert status["decisions"][0]["actions"][0]["cause"] == "pending_demand"
    assert json.dumps(status)


def test_the_status_is_explained_once_for_each_reconcile(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Observation] = []

    def explained(observation: Observation, *rest: Any) -> Explanation:
        asked.append(observation)
        return explain(observation, *rest)

    monkeypatch.setattr("scaler.web.status.explain", explained)
    site.reconciler.reconcile("test")
    site.client.get("/api/v1/status")
    site.client.get("/")

    assert len(asked) == 1


def test_the_page_shows_the_same(site: Site) -> None:
    site.client.post("/alerts", json=NOTIFICATION)
    site.reconciler.reconcile("test")

    page = site.client.get("/").text

    assert "RayPendingTasks" in page
    assert "3 pending requests" in page
    assert "Cause." not in page


def test_the_stages_of_the_last_scale_up_are_shown(site: Site) -> None:
    waiting = snapshot(head(), demands=(demand(3),), pending_since=NOW - 2)
    site.reader.snapshot = waiting
    site.journal.absorb_alerts([alert(starts_at=NOW - 1, received_at=NOW - 0.75)])
    assert site.client.get("/api/v1/status").json["last_scale_up"] == {}
    assert "None since the scaler started" in site.client.get("/").text
    site.reconciler.reconcile("test")

    assert site.client.get("/api/v1/status").json["last_scale_up"] == {"alert": 1, "webhook": 0.25, "decision": 0.75}
    site.clock.pass_(1)
    shown = re.findall("<title>(.+?)</title></rect>", site.client.get("/").text)
    assert shown == ["alert 1.00 s", "webhook 0.25 s", "decision 0.75 s"]


def test_what_is_held_is_shown_by_its_cause(site: Site) -> None:
    site.reconciler.reconcile("test")

    assert "<code>no_alert</code>" in site.client.get("/").text


def test_before_the_first_look_it_is_healthy_but_not_ready(site: Site) -> None:
    assert site.client.get("/-/healthy").status_code == 200
    assert site.client.get("/-/ready").status_code == 503
    site.reconciler.reconcile("test")
    assert site.client.get("/-/ready").status_code == 200


def test_a_loop_that_hangs_is_not_healthy(site: Site) -> None:
    site.clock.pass_(100)

    assert site.client.get("/-/healthy").status_code == 503


def test_the_exposition_is_the_catalog(site: Site) -> None:
    site.reconciler.policy = policy(schedules=(Schedule(name="office", cron="0 8 * * *", duration=3600.0),))
    site.reconciler.reconcile("test")
    families = {f.name: f for f in text_string_to_metric_families(site.client.get("/metrics").text)}
    shown = {f"{f.name}_total" if f.type == "counter" else f.name: f for f in families.values()}
    shown = {name: family for name, family in shown.items() if not name.endswith("_created_total")}
    created = {name for name in shown if name.endswith("_created")}

    assert shown.keys() - created == CATALOG.keys()
    for name, metric in CATALOG.items():
        assert (shown[name].type, shown[name].documentation) == (metric.kind, metric.help)
        labels = set().union(*(sample.labels for sample in shown[name].samples)) - {"le"}
        assert labels == set(metric.labels)


def test_the_status_says_why_for_each_shape_and_each_worker(site: Site) -> None:
    site.reconciler.reconcile("test")

    status = site.client.get("/api/v1/status").json

    assert [(w["shape"], w["count"], w["cause"]) for w in status["pending"]] == [("CPU:1", 3, "no_alert")]
    assert {h["cause"] for h in status["held"]} == {"no_alert"}
    assert status["summary"][0] in site.client.get("/").text


def test_the_history_is_what_was_done_and_how_the_pool_went(site: Site) -> None:
    site.client.post("/alerts", json=NOTIFICATION)
    site.reconciler.reconcile("test")

    history = site.client.get("/api/v1/history", query_string={"since": NOW - 60, "limit": 2}).json

    assert [entry["action"] for entry in history["entries"]] == ["launch", "launch"]
    assert (history["truncated"], history["samples"]) == (True, [{"at": NOW, "workers": 0, "pending": 3}])


def test_a_history_that_cannot_be_is_refused(site: Site) -> None:
    reply = site.client.get("/api/v1/history?limit=1000000")

    assert (reply.status_code, "limit: got '1000000', wanted" in reply.json["detail"]) == (400, True)


# --- the watchdog, and the age of a look --------------------------------------------------------------------------


def watchdog(status: str, cluster: str = "test") -> dict[str, Any]:
    """A notification of RayWatchdog."""
    labels = {"alertname": "RayWatchdog", "cluster": cluster, "severity": "none"}
    one = {**NOTIFICATION["alerts"][0], "status": status, "labels": labels, "fingerprint": "w"}
    return {**NOTIFICATION, "alerts": [one]}


def test_the_watchdog_is_no_permission_and_its_repetition_no_news(site: Site) -> None:
    reply = site.client.post("/alerts", json=watchdog("firing"))

    assert (reply.status_code, reply.json["accepted"], reply.json["problems"]) == (200, 0, [])
    assert site.journal.alerts() == []
    assert site.wakeup.take() == "start"
    assert (site.watchdog.up(NOW), site.journal.watchdog()) == (1.0, NOW)


def test_its_end_is_said_and_nothing_is_launched_for_it(site: Site) -> None:
    for status in ("firing", "resolved"):
        site.client.post("/alerts", json=watchdog(status))
    site.reconciler.reconcile("test")

    shown = site.client.get("/api/v1/status").json
    assert "RayWatchdog" in shown["summary"][0]
    assert shown["actions"] == []


def test_another_clusters_watchdog_is_not_ours(site: Site) -> None:
    site.client.post("/alerts", json=watchdog("firing", cluster="blue"))

    assert math.isnan(site.watchdog.up(NOW))
    assert site.journal.watchdog() is None


def test_a_look_beyond_the_stale_limit_is_never_healthy(site: Site) -> None:
    site.reader.snapshot = snapshot(head())
    site.reconciler.reconcile("test")
    fresh = site.client.get("/api/v1/status").json["summary"]
    site.clock.pass_(60)
    old = site.client.get("/api/v1/status").json["summary"]

    assert fresh[0].startswith("Healthy")
    assert "60 s ago" in old[0]
    assert not any(sentence.startswith("Healthy") for sentence in old)


def test_who_asks_gets_a_look_of_now(site: Site) -> None:
    stop = threading.Event()
    loop = threading.Thread(target=site.reconciler.run, args=(stop, 3600.0))
    loop.start()
    try:
        before = site.client.get("/api/v1/status").json["time"]
        site.reader.snapshot = snapshot(head(), observed_at=NOW + 2000)
        site.clock.pass_(2000)
        seen = site.client.get("/api/v1/status").json
    finally:
        stop.set()
        site.wakeup.wake("stop")
        loop.join()

    assert seen["time"] - before == 2000
    assert seen["snapshot"]["age_seconds"] == 0


BASIC = {"Authorization": "Basic bWU6cHc="}  # me:pw
USERS = WebConfig(users={"me": bcrypt.hashpw(b"pw", bcrypt.gensalt(4)).decode()})


@pytest.mark.parametrize(
    ("token", "headers", "may_ask", "may_change"),
    [
        pytest.param(None, {}, 401, 401, id="nobody"),
        pytest.param(None, BASIC, 200, 200, id="a user"),
        pytest.param(None, {"Authorization": "Basic bWU6bm8="}, 401, 401, id="a wrong password"),
        pytest.param("secret", BASIC, 200, 200, id="a user, though there is a token"),
        pytest.param("secret", {"Authorization": "Bearer secret"}, 200, 200, id="the token, though there are users"),
        pytest.param("secret", {"Authorization": "Bearer no"}, 401, 401, id="a wrong token"),
    ],
)
def test_with_users_every_request_needs_a_password_or_the_token(
    token: str | None, headers: dict[str, str], may_ask: int, may_change: int
) -> None:
    site = Site(token=token, web=USERS)
    with contextlib.closing(site.journal):
        assert site.client.get("/metrics", headers=headers).status_code == may_ask
        assert site.client.post("/alerts", json=NOTIFICATION, headers=headers).status_code == may_change
        assert site.client.get("/-/healthy").status_code == 200
        asked = site.client.get("/").headers.get("WWW-Authenticate")

    assert asked == 'Basic realm="ray watcher"'


@pytest.mark.parametrize(
    ("token", "web", "header", "trusts"),
    [
        pytest.param(None, WebConfig(), "", True, id="nobody needs credentials"),
        pytest.param("secret", WebConfig(), "Bearer secret", True, id="the token"),
        pytest.param("secret", WebConfig(), "", False, id="no token"),
        pytest.param(None, USERS, BASIC["Authorization"], None, id="a user's password that is still to be checked"),
        pytest.param(None, USERS, "Basic eW91OnB3", False, id="an unknown user"),
    ],
)
def test_a_large_body_is_taken_by_what_is_known_at_once(
    token: str | None, web: WebConfig, header: str, trusts: bool | None
) -> None:
    assert Callers(token, lambda: web).trusts(header) is trusts
