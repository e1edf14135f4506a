"""Alertmanager's list of alerts (API v2): what is active now, even if webhooks were lost.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. Each peer of an HA pair is asked;
an alert is active if any of them lists it as active. A suppressed alert (silenced, inhibited, or muted by a time
interval) is not active: a silence is a pause. Before 0.28 Alertmanager does not report muting: it lists such an alert
as active.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import msgspec
import requests

from ray_watcher_common.urls import shown_url
from ray_watcher_common.web.client import session, why
from scaler.alerting.payload import DIRECTION_LABEL, UNREADABLE, AnyAlert, Moment, Received, scaling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from scaler.model.alerts import Alert

TIMEOUTS = (1.0, 3.0)  # Alertmanager answers from memory within milliseconds
SETTLED_SECONDS = 120.0
"""A restarted Alertmanager knows only what Prometheus has sent since, by default once a minute."""
ACTIVE = "active"


class _Status(msgspec.Struct):
    state: str  # active, suppressed, unprocessed
    muted_by: list[str] = msgspec.field(name="mutedBy", default_factory=list)  # time intervals, from 0.28 on

    @property
    def active(self) -> bool:
        """Whether Alertmanager sends it."""
        return self.state == ACTIVE and not self.muted_by


class _Receiver(msgspec.Struct):
    name: str


class _ListedAlert(AnyAlert, kw_only=True, gc=False):
    fingerprint: str
    status: _Status
    receivers: list[_Receiver]


class _About(msgspec.Struct):
    uptime: Moment  # time of its start


_LISTED = msgspec.json.Decoder(list[_ListedAlert])
_STATUS = msgspec.json.Decoder(_About)


class _UnusableError(Exception):
    """No usable reply from an Alertmanager."""


@dataclass(frozen=True)
class Listing:
    """The active alerts of all Alertmanagers that answered.

    `received` are those for our receiver and cluster, `held` those that are suppressed. `present` and `suppressed` are
    the fingerprints of all active and suppressed ones, other receivers' too. `complete`: an alert that is not listed
    is not active. `problems` has one sentence for each Alertmanager that did not answer.
    """

    received: Received
    held: tuple[Alert, ...]
    present: frozenset[str]
    suppressed: frozenset[str]
    complete: bool
    answered: int
    problems: tuple[str, ...]

    def ends(self, alert: Alert) -> bool:
        """Whether the list shows that `alert` is no longer active."""
        return alert.key not in self.present and (self.complete or alert.key in self.suppressed)


class AlertmanagerApi:
    """The Alertmanagers at `urls`, asked for alerts for `receiver` whose label `cluster`, if any, is `cluster`."""

    def __init__(self, urls: Sequence[str], receiver: str, cluster: str, password_file: Path | None = None) -> None:
        self.urls = tuple(url.rstrip("/") for url in urls)
        self._receiver, self._cluster = receiver, cluster
        self._session = session(TIMEOUTS, password_file=password_file)

    def read(self, now: float) -> Listing:
        """Ask each of them; never raises."""
        every: list[_ListedAlert] = []
        problems: list[str] = []
        settled = True
        for url in self.urls:
            try:
                listed, has_settled = self._ask(url, now)
            except _UnusableError as error:
                problems.append(str(error))
                continue
            every += listed
            settled = settled and has_settled
        active = [alert for alert in every if alert.status.active]
        suppressed = _keys(every) - _keys(active)
        ours = [alert for alert in every if any(one.name == self._receiver for one in alert.receivers)]
        held = {alert.fingerprint: alert for alert in ours if alert.fingerprint in suppressed}
        answered = len(self.urls) - len(problems)
        return Listing(
            received=scaling([(alert, True) for alert in ours if alert.status.active], now, self._cluster),
            held=scaling([(alert, False) for alert in held.values()], now, self._cluster).alerts,
            present=_keys(active),
            suppressed=suppressed,
            complete=answered > 0 and settled,
            answered=answered,
            problems=tuple(problems),
        )

    def _ask(self, url: str, now: float) -> tuple[list[_ListedAlert], bool]:
        """All scaling alerts of one Alertmanager, and whether it has been up long enough to know them all."""
        try:
            about = self._get(f"{url}/api/v2/status")
            listed = self._get(f"{url}/api/v2/alerts", filter=f'{DIRECTION_LABEL}=~".+"')
            up_since = _STATUS.decode(about.content).uptime.timestamp()
            return _LISTED.decode(listed.content), _their_time(about, now) - up_since >= SETTLED_SECONDS
        except requests.RequestException as error:
            raise _UnusableError(f"Alertmanager not responding at {shown_url(url)}: {why(error)}") from error
        except UNREADABLE as error:
            raise _UnusableError(f"no Alertmanager at {shown_url(url)}: {error}") from error

    def _get(self, url: str, **params: str) -> requests.Response:
        reply = self._session.get(url, params=params)
        reply.raise_for_status()
        return reply


def _keys(alerts: Iterable[_ListedAlert]) -> frozenset[str]:
    return frozenset(alert.fingerprint for alert in alerts)


def _their_time(reply: requests.Response, now: float) -> float:
    """The time by their clock, which `uptime` refers to; `now` if the reply has none."""
    try:
        return parsedate_to_datetime(reply.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return now
