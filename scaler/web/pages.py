"""What the scaler shows and lets people do over HTTP: the status page, the JSON API, metrics and health."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, render_template, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from scaler.alerting.resync import ResyncStatus
from scaler.journal.history import question
from scaler.web import pause
from scaler.web.auth import refusal
from scaler.web.status import status

if TYPE_CHECKING:
    from flask import Flask

    from scaler.alerting.resync import AlertResync
    from scaler.control.lease import Lease
    from scaler.control.view import View, Wakeup
    from scaler.journal.journal import Journal
    from scaler.model.policy import Policy
    from scaler.model.ports import Clock
    from scaler.reconciler import Reconciler
    from scaler.telemetry.metrics import ScalerMetrics
    from scaler.web.auth import Answer

FRESH_SECONDS = 1.0  # one look serves all who ask within a second
LOOK_SECONDS, POLL_SECONDS = 3.0, 0.02  # a look takes some 20 ms
STALLED_AFTER_SECONDS = 60.0  # a loop that has not come round for so long is not healthy


@dataclass(frozen=True)
class ScalerApi:
    """What the pages show; `token` is what callers must present who pause or resume."""

    reconciler: Reconciler
    journal: Journal
    policy: Policy
    metrics: ScalerMetrics
    clock: Clock
    wakeup: Wakeup
    token: str | None
    cluster: str
    provider: str
    check_interval: float
    lease: Lease | None = None  # None: nobody else can be there
    resync: AlertResync | None = None  # None: alerts are not re-read

    def __post_init__(self) -> None:
        """What is true at the moment of a scrape."""
        self.metrics.journal_usable.set_function(lambda: float(not self.journal.problem))
        self.metrics.leader.set_function(lambda: float(self.leads))

    @property
    def leads(self) -> bool:
        """Whether this scaler acts; if not, it stands by."""
        return self.lease is None or self.lease.held

    def add_to(self, app: Flask) -> None:
        """Make `app` answer with the pages."""
        app.add_url_rule("/api/v1/pause", view_func=self.pause, methods=["POST"])
        app.add_url_rule("/api/v1/resume", view_func=self.resume, methods=["POST"])
        app.add_url_rule("/api/v1/status", view_func=self.api_status)
        app.add_url_rule("/", view_func=self.page)
        app.add_url_rule("/api/v1/history", view_func=self.api_history)
        app.add_url_rule("/metrics", view_func=self.exposition)
        app.add_url_rule("/-/healthy", view_func=self.healthy)
        app.add_url_rule("/-/ready", view_func=self.ready)

    def _refusal(self) -> Answer | None:
        headers = request.headers
        return refusal(self.token, headers.get("Authorization", ""), headers.get("Content-Type", ""))

    def _view(self) -> View:
        """A look at the cluster of now: unless the last one is fresh, the loop takes another one for who asks.

        If that takes too long, for example because the exporter hangs, it is the last one; the status says how old.
        """
        asked, deadline = self.clock.now(), time.monotonic() + LOOK_SECONDS
        if self.reconciler.is_looping and asked - self.reconciler.view.at > FRESH_SECONDS:
            self.wakeup.look()
            while self.reconciler.view.at < asked and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
        return self.reconciler.view

    def current(self) -> dict[str, Any]:
        """The status document."""
        return status(
            self._view(),
            self.policy,
            self.journal,
            cluster=self.cluster,
            provider=self.provider,
            now=self.clock.now(),
            planner=self.reconciler.planner,
            standby="" if self.lease is None or self.lease.held else self.lease.holder,
            reread=self.resync.last if self.resync else ResyncStatus(),
        )

    def pause(self) -> tuple[Response, int]:
        """`POST /api/v1/pause`."""
        body, code = self._refusal() or pause.pause(self.journal, self.clock, self.wakeup)
        return jsonify(body), code

    def resume(self) -> tuple[Response, int]:
        """`POST /api/v1/resume`."""
        body, code = self._refusal() or pause.resume(self.journal, self.clock, self.wakeup)
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


def _clock_time(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
