"""`POST /alerts`: Alertmanager's webhook.

A notification is answered 200 only after it is on disk, 4xx if it can never be accepted (Alertmanager drops it),
and 503 if it should be sent again (Alertmanager retries). Notifications of the same moment are one transaction.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import nullcontext
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Response, request

from ray_watcher_common.web.limits import KIB
from ray_watcher_common.web.problems import reply
from scaler.alerting import payload
from scaler.model.alerts import MAX_ALERTS
from scaler.model.errors import InvalidAlertError, JournalError, TooManyAlertsError
from scaler.web.auth import refused
from scaler.web.group_commit import GroupCommit

if TYPE_CHECKING:
    from scaler.control.view import Wakeup
    from scaler.control.watchdog import Watchdog
    from scaler.journal.alerts import Absorbed
    from scaler.journal.journal import Journal
    from scaler.model.ports import Clock
    from scaler.telemetry.metrics import ScalerMetrics
    from scaler.web.auth import Answer, Callers

log = structlog.get_logger()

PATH = "/alerts"
LARGE_BODY = 256 * KIB  # such a body may hold very many alerts that are nothing, and take twenty times its size


class Webhook:
    """Stores the alerts that scale `cluster`, and wakes the loop; `callers` may send them."""

    def __init__(
        self,
        *,
        journal: Journal,
        metrics: ScalerMetrics,
        clock: Clock,
        wakeup: Wakeup,
        callers: Callers,
        cluster: str,
        watchdog: Watchdog,
    ) -> None:
        self._metrics, self._clock, self._wakeup = metrics, clock, wakeup
        self._callers, self._cluster, self._watchdog = callers, cluster, watchdog
        self._journal, self._alerts = journal, GroupCommit(journal.absorb_all)
        self._reading_a_large_one = threading.Lock()

    def add_to(self, app: Flask) -> None:
        """Make `app` answer notifications; every answer is counted, refusals and faults too."""
        app.add_url_rule(PATH, view_func=self.receive, methods=["POST"], endpoint="alerts")
        app.after_request(self._count)

    def receive(self) -> Response:
        """Answer one notification."""
        return reply(*self._answer())

    def _answer(self) -> Answer:
        headers = request.headers
        if not_accepted := self._callers.refusal(headers.get("Authorization", ""), headers.get("Content-Type", "")):
            return not_accepted
        try:
            received = self._read()
            absorbed = self._alerts.commit(received.alerts)
            if received.watchdog:
                self._journal.keep_watchdog(self._clock.now())
        except InvalidAlertError as error:
            log.warning("notification refused", problem=str(error))
            too_many = isinstance(error, TooManyAlertsError)
            return refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_many else HTTPStatus.BAD_REQUEST, str(error))
        except JournalError as error:
            log.warning("notification not stored", problem=str(error))
            return refused(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; send it again")
        if self._is_news(received):
            self._wakeup.wake("webhook")
        return self._accepted(received, absorbed), HTTPStatus.OK

    def _is_news(self, received: payload.Received) -> bool:
        """Whether the loop has to know; the watchdog is repeated every minute, and news only if it ends or is back."""
        if received.watchdog is None:
            return True
        changed = self._watchdog.receive(self._clock.now(), firing=received.watchdog)
        if changed:
            log.warning("watchdog alert", firing=received.watchdog)
        return changed or bool(received.alerts)

    def _read(self) -> payload.Received:
        with self._reading_a_large_one if (request.content_length or 0) > LARGE_BODY else nullcontext():
            return payload.read(request.get_data(cache=False), self._clock.now(), self._cluster)

    def _accepted(self, received: payload.Received, absorbed: Absorbed) -> dict[str, Any]:
        """The reply to a notification that is stored; counts its alerts, and logs its problems in one line."""
        problems = list(received.problems)
        if absorbed.refused:
            problems.append(f"{absorbed.refused} alerts not stored: wanted at most {MAX_ALERTS} active alerts")
        if problems:
            log.warning("alerts not used as intended", problems=problems)
        counts = Counter("firing" if alert.firing else "resolved" for alert in received.alerts)
        counts.update(
            ignored=received.ignored - received.other_cluster - received.malformed,
            other_cluster=received.other_cluster,
            malformed=received.malformed,
            not_stored=absorbed.refused,
        )
        for status, count in counts.items():
            self._metrics.webhook_alerts.labels(status).inc(count)
        self._metrics.webhook_duplicates.inc(absorbed.repeated)
        return {
            "accepted": len(received.alerts) - absorbed.refused,
            "news": absorbed.news,
            "ignored": received.ignored + absorbed.refused,
            "problems": problems,
        }

    def _count(self, response: Response) -> Response:
        if request.path == PATH:
            self._metrics.webhooks.labels(str(response.status_code)).inc()
        return response
