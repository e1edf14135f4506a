"""Alertmanager's own list of alerts (API v2): what is active now, whatever became of its webhooks.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. The peers of an HA pair are asked each;
an alert that any of them lists as active is active. A silenced or inhibited one is not: a silence is a pause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import msgspec
import requests

from scaler.alerting.payload import DIRECTION_LABEL, UNREADABLE, Heard, Moment, ToldAlert, sorted_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scaler.model.alerts import Alert

TIMEOUT_SECONDS = (1.0, 3.0)  # connect, read: it answers from memory within milliseconds
SETTLED_SECONDS = 120.0
"""A restarted Alertmanager knows only what Prometheus has repeated since, by its default once a minute."""
ACTIVE = "active"


class _Status(msgspec.Struct):
    state: str  # active, suppressed, unprocessed


class _Receiver(msgspec.Struct):
    name: str


class _ListedAlert(ToldAlert, kw_only=True, gc=False):
    fingerprint: str
    status: _Status
    receivers: list[_Receiver]


class _About(msgspec.Struct):
    uptime: Moment  # since when


_LISTED = msgspec.json.Decoder(list[_ListedAlert])
_STATUS = msgspec.json.Decoder(_About)


class _UnusableError(Exception):
    """An Alertmanager that does not answer as one."""


@dataclass(frozen=True)
class Listing:
    """What the Alertmanagers that answered list as active.

    `heard` is what of it is for us; `present` are the fingerprints of all of it, other receivers' too, `suppressed`
    of what is silenced or inhibited. `whole`: what is not there is not active. `problems` has one sentence for each
    Alertmanager that did not answer.
    """

    heard: Heard
    present: frozenset[str]
    suppressed: frozenset[str]
    whole: bool
    answered: int
    problems: tuple[str, ...]

    def ends(self, alert: Alert) -> bool:
        """Whether the list says that `alert` is not active."""
        return alert.key not in self.present and (self.whole or alert.key in self.suppressed)


class AlertmanagerApi:
    """The Alertmanagers at `urls`; alerts for `receiver` that do not name another cluster than `cluster` are ours."""

    def __init__(self, urls: Sequence[str], receiver: str, cluster: str) -> None:
        self.urls = tuple(url.rstrip("/") for url in urls)
        self._receiver, self._cluster = receiver, cluster
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment is not meant for our own programs

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
        active = [alert for alert in every if alert.status.state == ACTIVE]
        ours = [alert for alert in active if any(one.name == self._receiver for one in alert.receivers)]
        answered = len(self.urls) - len(problems)
        return Listing(
            heard=sorted_out([(alert, True) for alert in ours], now, self._cluster),
            present=_keys(active),
            suppressed=_keys(every) - _keys(active),
            whole=answered > 0 and settled,
            answered=answered,
            problems=tuple(problems),
        )

    def _ask(self, url: str, now: float) -> tuple[list[_ListedAlert], bool]:
        """All scaling alerts of one Alertmanager, and whether it has been up for long enough to know them all."""
        try:
            about = self._get(f"{url}/api/v2/status")
            listed = self._get(f"{url}/api/v2/alerts", filter=f'{DIRECTION_LABEL}=~".+"')
            up_since = _STATUS.decode(about.content).uptime.timestamp()
            return _LISTED.decode(listed.content), _their_time(about, now) - up_since >= SETTLED_SECONDS
        except requests.RequestException as error:
            raise _UnusableError(f"Alertmanager at {url} does not answer: {_reason(error)}") from error
        except UNREADABLE as error:
            raise _UnusableError(f"what answers at {url} is no Alertmanager: {error}") from error

    def _get(self, url: str, **params: str) -> requests.Response:
        reply = self._session.get(url, params=params, timeout=TIMEOUT_SECONDS)
        reply.raise_for_status()
        return reply


def _keys(alerts: Iterable[_ListedAlert]) -> frozenset[str]:
    return frozenset(alert.fingerprint for alert in alerts)


def _their_time(reply: requests.Response, now: float) -> float:
    """Their clock, by which `uptime` is told; ours where they do not say."""
    try:
        return parsedate_to_datetime(reply.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return now


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no reply in time"
    return "connection refused" if re.search("refused", str(error)) else type(error).__name__
