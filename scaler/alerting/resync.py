"""Alerts re-read from Alertmanager's own list: what a lost, late or doubled webhook would have made wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from scaler.model.errors import JournalError

if TYPE_CHECKING:
    import threading

    from scaler.alerting.alertmanager import AlertmanagerApi, Listing
    from scaler.control.view import Wakeup
    from scaler.journal.journal import Journal
    from scaler.model.ports import Clock
    from scaler.telemetry.metrics import ScalerMetrics

MOST_SECONDS_BETWEEN = 10.0  # a question takes some milliseconds

log = structlog.get_logger()


@dataclass(frozen=True)
class Reread:
    """How the last question went; `read_at` None: none was answered yet (unix seconds)."""

    urls: tuple[str, ...] = ()
    read_at: float | None = None
    problems: tuple[str, ...] = ()
    elsewhere: int = 0  # alerts that scale other clusters


class Levels:
    """Keeps the journal's alerts at the level that Alertmanager shows; `last` says how that went."""

    def __init__(
        self, api: AlertmanagerApi, *, journal: Journal, metrics: ScalerMetrics, clock: Clock, wakeup: Wakeup
    ) -> None:
        self._api, self._journal, self._metrics, self._clock, self._wakeup = api, journal, metrics, clock, wakeup
        self.last = Reread(api.urls)

    def read(self) -> bool:
        """Ask once; whether an alert began or ended by it. What cannot be had or stored is said and tried again."""
        try:
            return bool(self._api.urls) and self._read()
        except Exception:
            log.exception("re-reading alerts failed; trying again")
            return False

    def _read(self) -> bool:
        asked_at = self._clock.now()
        listing = self._api.read(asked_at)
        self._tell(listing, asked_at)
        if not listing.answered:
            return False
        try:
            changed = self._journal.level_alerts(listing.heard.alerts, listing.ends, asked_at, self._clock.now())
        except JournalError as error:
            log.warning("alerts were re-read but not stored", problem=str(error))
            return False
        for alert in changed:
            log.info("alert by Alertmanager's list", alert=alert.name, firing=alert.firing, key=alert.key)
        return bool(changed)

    def _tell(self, listing: Listing, asked_at: float) -> None:
        if listing.problems and listing.problems != self.last.problems:
            log.warning("alerts not re-read from every Alertmanager", problems=listing.problems)
        if self.last.problems and not listing.problems:
            log.info("every Alertmanager answers again")
        read_at = asked_at if listing.answered else self.last.read_at
        self.last = Reread(self._api.urls, read_at, listing.problems, listing.heard.elsewhere)
        self._metrics.alertmanager_up.set(float(listing.answered > 0))

    def run(self, stop: threading.Event, seconds: float) -> None:
        """Ask every `seconds`, or more often, until `stop`; what changes wakes the loop."""
        if not self._api.urls:
            return
        while not stop.wait(min(seconds, MOST_SECONDS_BETWEEN)):
            if self.read():
                self._wakeup.wake("alertmanager")
