"""What the scaler shows and lets people do over HTTP: the status page, the JSON API, metrics and health."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError

from ray_watcher_common.program import reloading
from ray_watcher_common.state import to_document
from ray_watcher_common.web.problems import reply
from scaler.alerting.resync import ResyncStatus
from scaler.control.requests import LoopBusyError
from scaler.journal.history import Question
from scaler.model.errors import ScalerError
from scaler.recording.moment import point_of
from scaler.recording.series import series, with_samples
from scaler.web import reload
from scaler.web.api import by_hand, openapi, pause, questions
from scaler.web.api.follow import Follower, UnknownEventError
from scaler.web.api.operations import OPERATIONS, PREFIX
from scaler.web.auth import refused
from scaler.web.page.chart import chart
from scaler.web.page.routes import Page
from scaler.web.status import status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Flask

    from scaler.alerting.resync import AlertResync
    from scaler.control.lease import Lease
    from scaler.control.reload import Reloader
    from scaler.control.view import View, Wakeup
    from scaler.journal.journal import Journal
    from scaler.model.ports import Clock
    from scaler.reconciler import Reconciler
    from scaler.recording.series import Step
    from scaler.recording.store import RecordingStore
    from scaler.telemetry.metrics import ScalerMetrics
    from scaler.web.api.documents import Chart, PauseAnswer, ResumeAnswer, Started, Status
    from scaler.web.api.operations import Operation
    from scaler.web.auth import Callers

FRESH_SECONDS = 1.0  # one look serves all who ask within a second
LOOK_SECONDS, POLL_SECONDS = 1.5, 0.02  # a look takes some 20 ms; who asks waits 3 s at most


class NoStateError(ScalerError):
    """The cluster's state is not known; the message says why."""


REFUSALS: Mapping[type[ScalerError], HTTPStatus] = {
    UnknownEventError: HTTPStatus.CONFLICT,
    by_hand.RefusedError: HTTPStatus.CONFLICT,
    LoopBusyError: HTTPStatus.SERVICE_UNAVAILABLE,
    NoStateError: HTTPStatus.SERVICE_UNAVAILABLE,
}
MARKS_READ = 200  # entries of the history, for the chart
STALLED_AFTER_SECONDS = 60.0  # a loop that has not come round for so long is not healthy


@dataclass(frozen=True)
class ScalerApi:
    """What the pages show; `callers` may pause and resume."""

    reconciler: Reconciler
    journal: Journal
    metrics: ScalerMetrics
    clock: Clock
    wakeup: Wakeup
    callers: Callers
    cluster: str
    provider: str
    check_interval: float
    lease: Lease | None = None  # None: nobody else can be there
    resync: AlertResync | None = None  # None: alerts are not re-read
    reloader: Reloader | None = None  # None: nothing can be reloaded
    links: Sequence[tuple[str, str]] = ()  # names and addresses of neighbours, for the page
    recording: RecordingStore | None = None  # None: nothing is recorded

    def __post_init__(self) -> None:
        """What is true at the moment of a scrape."""
        self.metrics.journal_usable.set_function(lambda: float(not self.journal.problem))
        self.metrics.leader.set_function(lambda: float(self.leads))

    @property
    def leads(self) -> bool:
        """Whether this scaler acts; if not, it is on standby."""
        return self.lease is None or self.lease.held

    @property
    def leader(self) -> str:
        """Who acts while this scaler is on standby; "" if it acts itself."""
        return "" if self.lease is None or self.lease.held else self.lease.holder

    def add_to(self, app: Flask) -> None:
        """Make `app` answer with the pages."""
        for operation in OPERATIONS:
            app.add_url_rule(
                f"{PREFIX}{operation.path}",
                f"api_{operation.name}",
                partial(self._operate, operation),
                methods=[operation.method],
            )
        app.add_url_rule(f"{PREFIX}/openapi.json", "openapi", lambda: reply(openapi.document()))
        Page(self._status_now, self.journal, self.clock, self.links).add_to(app)
        app.add_url_rule("/metrics", view_func=self.exposition)
        if self.reloader:
            app.add_url_rule(
                reloading.PATH, "reload", partial(reload.answer, self.reloader, self.callers), methods=["POST"]
            )
        app.add_url_rule("/-/healthy", view_func=self.healthy)
        app.add_url_rule("/-/ready", view_func=self.ready)

    # --- the API: a method for each operation ---------------------------------------------------------

    def _view(self) -> View:
        """A look at the cluster of now: unless the last one is fresh, the loop takes another one for who asks.

        If that takes too long, for example because the exporter hangs, it is the last one; the status says how old.
        """
        asked, deadline = self.clock.now(), time.monotonic() + LOOK_SECONDS
        if self._look_again(asked):
            while self.reconciler.view.at < asked and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
        return self.reconciler.view

    def _look_again(self, now: float) -> bool:
        """Have the loop take another look, unless the last one is fresh; whether it will."""
        stale = self.reconciler.is_looping and now - self.reconciler.view.at > FRESH_SECONDS
        if stale:
            self.wakeup.look()
        return stale

    def _operate(self, operation: Operation) -> Response:
        """Answer one operation."""
        headers = request.headers
        if operation.body and (
            no := self.callers.refusal(headers.get("Authorization", ""), headers.get("Content-Type", ""))
        ):
            return reply(*no)
        try:
            return reply(getattr(self, operation.name)(*_asked(operation)), operation.success)
        except ValidationError as error:
            return reply(*refused(HTTPStatus.BAD_REQUEST, questions.mistake(error)))
        except tuple(REFUSALS) as error:
            return reply(*refused(REFUSALS[type(error)], str(error)))

    def status(self) -> Status:
        """`GET /api/v1/status`."""
        return self._status_of(self._view())

    def _status_now(self) -> Status:
        """The status for the page, which asks again and again: without waiting, but the next one has a new look."""
        self._look_again(self.clock.now())
        return self._status_of(self.reconciler.view)

    def _status_of(self, view: View) -> Status:
        return status(
            view,
            view.policy,
            self.journal,
            cluster=self.cluster,
            provider=self.provider,
            now=self.clock.now(),
            planner=self.reconciler.planner,
            standby=self.leader,
            reread=self.resync.last if self.resync else ResyncStatus(),
            reloaded=self.reloader.status if self.reloader else None,
            configured=self.reconciler.policy,
        )

    def state(self) -> dict[str, Any]:
        """`GET /api/v1/state`. Raises `NoStateError`."""
        observation = self._view().observation
        if observation.snapshot is None:
            raise NoStateError(observation.problem or "there is no snapshot of the cluster yet")
        return to_document(observation.snapshot, self.clock.now())

    def history(self, asked: questions.HistoryQuery) -> dict[str, Any]:
        """`GET /api/v1/history`."""
        now = self.clock.now()
        question = asked.question(now)
        if question.after is None:
            return with_samples(self.journal.history(question, now), self._series(question.since, now))
        return self._follower.answer(question, asked.wait, self.clock.now)

    def chart(self, asked: questions.ChartQuery) -> Chart:
        """`GET /api/v1/chart`."""
        now = self.clock.now()
        since = now - asked.seconds
        found = self.journal.history(Question(since, MARKS_READ), now)
        return chart(self._series(since, now), found["entries"], since, now)

    def _series(self, since: float, now: float) -> list[Step]:
        """What was recorded, and the last round of the loop."""
        view = self.reconciler.view
        batches = self.recording.point_batches(since) if self.recording else []
        recorded = [step for step in series(batches, since, now) if step[0] < view.at]
        return [*recorded, (view.at, point_of(view.at, view.observation, view.policy))]

    @cached_property
    def _follower(self) -> Follower:
        return Follower(self.journal)

    def pause(self, asked: questions.PauseBody) -> PauseAnswer:
        """`POST /api/v1/pause`."""
        return pause.pause(asked, self.journal, self.clock, self.wakeup)

    def resume(self, asked: questions.ResumeBody) -> ResumeAnswer:
        """`POST /api/v1/resume`."""
        return pause.resume(asked, self.journal, self.clock, self.wakeup)

    def add_worker(self, asked: questions.AddWorkerBody) -> Started:
        """`POST /api/v1/add-worker`."""
        self._require_leader()
        return by_hand.add_worker(asked, self.reconciler.requests, self.reconciler.policy)

    def remove_worker(self, asked: questions.RemoveWorkerBody) -> Started:
        """`POST /api/v1/remove-worker`."""
        self._require_leader()
        return by_hand.remove_worker(asked, self.reconciler.requests)

    def _require_leader(self) -> None:
        if not self.leads:
            raise by_hand.RefusedError(f"this scaler is on standby, {self.leader} leads")

    # --- pages ----------------------------------------------------------------------------------------

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
        if not self.leads:
            return f"standby: {self.leader} acts for this cluster\n", 503
        observation = self.reconciler.view.observation
        problem = observation.journal_problem or observation.provider_problem or observation.problem
        return (f"not ready: {problem}\n", 503) if problem else ("ready\n", 200)


def _asked(operation: Operation) -> tuple[Any, ...]:
    """The arguments of an operation. Raises `ValidationError`."""
    if operation.body:
        return (operation.body.model_validate_json(request.get_data() or b"{}"),)
    if operation.query:
        return (operation.query.model_validate({name: value for name, value in request.args.items() if value}),)
    return ()
