"""Regular comparison with Alertmanager's list of alerts, which corrects lost, late and duplicate webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ray_watcher_common.urls import shown_url
from scaler.model.cluster import Direction
from scaler.model.errors import JournalError

if TYPE_CHECKING:
    import threading

    from scaler.alerting.alertmanager import AlertmanagerApi, Listing
    from scaler.control.view import Wakeup
    from scaler.journal.journal import Journal
    from scaler.model.ports import Clock
    from scaler.telemetry.metrics import ScalerMetrics

MAX_INTERVAL_SECONDS = 10.0  # one request takes some milliseconds

log = structlog.get_logger()


@dataclass(frozen=True)
class ResyncStatus:
    """Result of the last resync; `read_at` is the time of the last answer (unix seconds; None: no answer yet)."""

    urls: tuple[str, ...] = ()
    read_at: float | None = None
    problems: tuple[str, ...] = ()
    other_cluster: int = 0  # alerts that scale other clusters
    suppressed: tuple[str, ...] = ()  # names of scaling alerts that Alertmanager silences, inhibits or mutes


class AlertResync:
    """Keeps the journal's alerts equal to Alertmanager's list; `last` is the result of the last attempt."""

    def __init__(
        self, api: AlertmanagerApi, *, journal: Journal, metrics: ScalerMetrics, clock: Clock, wakeup: Wakeup
    ) -> None:
        self._api, self._journal, self._metrics, self._clock, self._wakeup = api, journal, metrics, clock, wakeup
        self.last = ResyncStatus(_shown(api))
        self._suppressed: frozenset[str] = frozenset()  # keys of suppressed alerts in the last list

    def read(self) -> bool:
        """Read the list once; returns whether an alert began or ended by it. Failures are logged, and retried later."""
        try:
            return bool(self._api.urls) and self._read()
        except Exception:
            log.exception("alert resync failed")
            return False

    def _read(self) -> bool:
        asked_at = self._clock.now()
        listing = self._api.read(asked_at)
        self._report(listing, asked_at)
        if not listing.answered:
            return False
        released = self._suppressed - listing.suppressed
        try:
            alerts, now = listing.received.alerts, self._clock.now()
            changed = self._journal.apply_listing(alerts, listing.ends, asked_at, now, released)
        except JournalError as error:
            log.warning("alerts not stored", problem=str(error))
            return False
        self._suppressed = listing.suppressed
        for alert in changed:
            log.info("alert resynced", alert=alert.name, firing=alert.firing, key=alert.key)
        return bool(changed)

    def _report(self, listing: Listing, asked_at: float) -> None:
        if listing.problems and listing.problems != self.last.problems:
            log.warning("alertmanager not responding", problems=listing.problems)
        if self.last.problems and not listing.problems:
            log.info("alertmanager responding again")
        read_at = asked_at if listing.answered else self.last.read_at
        suppressed = tuple(sorted({alert.name for alert in listing.held}))
        if suppressed and suppressed != self.last.suppressed:
            log.warning("scaling alerts suppressed", alerts=suppressed)
        other_cluster = listing.received.other_cluster
        self.last = ResyncStatus(_shown(self._api), read_at, listing.problems, other_cluster, suppressed)
        for direction in Direction:
            held = sum(alert.direction is direction for alert in listing.held)
            self._metrics.alerts_suppressed.labels(direction.value).set(held)
        self._metrics.alertmanager_up.set(float(listing.answered > 0))

    def run(self, stop: threading.Event, seconds: float) -> None:
        """Read the list every `seconds`, or more often, until `stop`; changes wake the loop."""
        if not self._api.urls:
            return
        while not stop.wait(min(seconds, MAX_INTERVAL_SECONDS)):
            if self.read():
                self._wakeup.wake("alertmanager")


def _shown(api: AlertmanagerApi) -> tuple[str, ...]:
    """The URLs as the status shows them."""
    return tuple(map(shown_url, api.urls))
