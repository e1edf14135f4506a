"""The scaler's HTTP side: Alertmanager's webhook, the JSON API, the status page, metrics and health.

A notification is answered 200 only after it is on disk, 4xx where it can never be accepted (Alertmanager drops
it), and 503 where it should be sent again (Alertmanager retries).
"""

from __future__ import annotations

import hmac
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Response, jsonify, render_template, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import HTTPException

from common.serving import LARGEST_BODY_BYTES
from scaler import notification, pause_api
from scaler.errors import InvalidAlertError, JournalError
from scaler.history import question
from scaler.levels import Reread
from scaler.status import status

if TYPE_CHECKING:
    from scaler.config import Policy
    from scaler.journal import Journal
    from scaler.lease import Lease
    from scaler.levels import Levels
    from scaler.metrics import ScalerMetrics
    from scaler.ports import Clock
    from scaler.reconciler import Alarm, Reconciler

log = structlog.get_logger()

ALERTS_PATH = "/alerts"
STALLED_AFTER_SECONDS = 60.0  # a loop that has not come round for so long is not healthy


@dataclass(frozen=True)
class ScalerApi:
    """What the pages show and the webhook feeds; `token` is what callers of the webhook must present."""

    reconciler: Reconciler
    journal: Journal
    policy: Policy
    metrics: ScalerMetrics
    clock: Clock
    alarm: Alarm
    token: str | None
    cluster: str
    provider: str
    check_interval: float
    lease: Lease | None = None  # None: nobody else can be there
    levels: Levels | None = None  # None: alerts are not re-read

    def __post_init__(self) -> None:
        """What is true at the moment of a scrape."""
        self.metrics.journal_usable.set_function(lambda: float(not self.journal.problem))
        self.metrics.leader.set_function(lambda: float(self.leads))

    @property
    def leads(self) -> bool:
        """Whether this scaler acts; if not, it stands by."""
        return self.lease is None or self.lease.held

    def alerts(self) -> tuple[Response, int]:
        """`POST /alerts`."""
        body, code = self._receive()
        return jsonify(body), code

    def _refusal(self) -> tuple[dict[str, Any], int] | None:
        """Why the caller may not change anything; None where it may."""
        if self.token is not None and not _presents(self.token):
            return {"error": "wanted the header 'Authorization: Bearer TOKEN' with the scaler's token"}, 401
        if not request.is_json:  # a web page in a browser on this host can send anything else unasked
            return {"error": f"got Content-Type {request.content_type!r}, wanted application/json"}, 415
        return None

    def _receive(self) -> tuple[dict[str, Any], int]:
        if refusal := self._refusal():
            return refusal
        try:
            heard = notification.read(request.get_data(), self.clock.now(), self.cluster)
            absorbed = self.journal.absorb_alerts(heard.alerts)
        except InvalidAlertError as error:
            log.warning("notification refused", problem=str(error))
            return {"error": str(error)}, 400
        except JournalError as error:
            log.warning("notification not stored", problem=str(error))
            return {"error": f"{error}; send it again"}, 503
        self._account_for(heard)
        self.metrics.webhook_duplicates.inc(absorbed.repeated)
        self.alarm.ring("webhook")
        accepted, problems = len(heard.alerts), list(heard.problems)
        return {"accepted": accepted, "news": absorbed.news, "ignored": heard.ignored, "problems": problems}, 200

    def _account_for(self, heard: notification.Heard) -> None:
        for problem in heard.problems:
            log.warning("alert not used as meant", problem=problem)
        counts = Counter("firing" if alert.firing else "resolved" for alert in heard.alerts)
        counts.update(ignored=heard.ignored - heard.elsewhere, other_cluster=heard.elsewhere)
        for state, count in counts.items():
            self.metrics.webhook_alerts.labels(state).inc(count)

    def current(self) -> dict[str, Any]:
        """The status document."""
        return status(
            self.reconciler.view,
            self.policy,
            self.journal,
            cluster=self.cluster,
            provider=self.provider,
            now=self.clock.now(),
            planner=self.reconciler.planner,
            standby="" if self.lease is None or self.lease.held else self.lease.holder,
            reread=self.levels.last if self.levels else Reread(),
        )

    def pause(self) -> tuple[Response, int]:
        """`POST /api/v1/pause`."""
        body, code = self._refusal() or pause_api.pause(self.journal, self.clock, self.alarm)
        return jsonify(body), code

    def resume(self) -> tuple[Response, int]:
        """`POST /api/v1/resume`."""
        body, code = self._refusal() or pause_api.resume(self.journal, self.clock, self.alarm)
        return jsonify(body), code

    def api_status(self) -> Response:
        """`GET /api/v1/status`."""
        return jsonify(self.current())

    def api_history(self) -> tuple[Response, int]:
        """`GET /api/v1/history?since=&limit=&action=&cause=&worker=`."""
        now = self.clock.now()
        try:
            asked = question(request.args, now)
        except ValueError as error:
            return jsonify(error=str(error)), 400
        return jsonify(self.journal.history(asked, now)), 200

    def page(self) -> str:
        """`GET /`."""
        return render_template("status.html", status=self.current(), clock=_clock_time)

    def exposition(self) -> Response:
        """`GET /metrics`."""
        return Response(generate_latest(self.metrics.registry), content_type=CONTENT_TYPE_LATEST)

    def healthy(self) -> tuple[str, int]:
        """`GET /-/healthy`: the loop comes round, or waits for its turn."""
        if not self.leads:
            return "ok: standing by\n", 200
        quiet = self.clock.now() - self.reconciler.view.at
        if quiet > self.check_interval + STALLED_AFTER_SECONDS:
            return f"the loop has not come round for {quiet:.0f} s; see the log\n", 503
        return "ok\n", 200

    def ready(self) -> tuple[str, int]:
        """`GET /-/ready`: this scaler acts, and the cluster, the workers and the journal are in sight."""
        if self.lease is not None and not self.lease.held:
            return f"standby: {self.lease.holder} acts for this cluster\n", 503
        observation = self.reconciler.view.observation
        problem = observation.journal_problem or observation.provider_problem or observation.problem
        return (f"not ready: {problem}\n", 503) if problem else ("ready\n", 200)

    def count_webhooks(self, response: Response) -> Response:
        """Count every answer to the webhook, those too that never reach `alerts`."""
        if request.path == ALERTS_PATH:
            self.metrics.webhooks.labels(str(response.status_code)).inc()
        return response


def create_app(api: ScalerApi) -> Flask:
    """The WSGI application."""
    app = Flask("scaler")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.add_url_rule(ALERTS_PATH, view_func=api.alerts, methods=["POST"])
    app.add_url_rule("/api/v1/pause", view_func=api.pause, methods=["POST"])
    app.add_url_rule("/api/v1/resume", view_func=api.resume, methods=["POST"])
    app.add_url_rule("/api/v1/status", view_func=api.api_status)
    app.add_url_rule("/", view_func=api.page)
    app.add_url_rule("/api/v1/history", view_func=api.api_history)
    app.add_url_rule("/metrics", view_func=api.exposition)
    app.add_url_rule("/-/healthy", view_func=api.healthy)
    app.add_url_rule("/-/ready", view_func=api.ready)
    app.after_request(api.count_webhooks)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(JournalError, lambda error: (jsonify(error=str(error)), 503))
    return app


def _http_error(error: HTTPException) -> tuple[Response, int]:
    return jsonify(error=f"{request.method} {request.path}: {error.description}"), error.code or 500


def _presents(token: str) -> bool:
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(presented.strip().encode(), token.encode())


def _clock_time(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
