"""Alerts as level, not edge. Pure: standard library only.

Alertmanager delivers at least once, in any order, and a resolve can be lost. So an alert is kept by its key
and changes only to what is newer: a firing one stays active until it is resolved or was not received for
`alert_expiry` seconds, and a repeated or late notification changes nothing. What Alertmanager's own list no longer
has counts as resolved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from scaler.model.cluster import Direction

MAX_ALERTS = 4000  # a cluster has some dozen; each costs memory and time of every reconcile
STALE_SECONDS = 3600.0  # without news: Alertmanager repeats firing alerts, and they expire much sooner
REORDER_SECONDS = 60.0  # notifications overtake each other within seconds; retries of a sender go on for about a minute


class Alert(NamedTuple):
    """The state of one rule for one series, as last received. Times are unix seconds."""

    key: str  # Alertmanager's fingerprint: the same in webhook and list, in every group and every peer
    name: str
    direction: Direction
    firing: bool
    starts_at: float
    received_at: float
    worker_type: str | None = None  # None: permits all types
    step: int | None = None  # None: the demand gives the size
    summary: str = ""


@dataclass(frozen=True)
class Permission:
    """What the active alerts permit in one direction."""

    alerts: tuple[Alert, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.alerts)

    def steps(self) -> dict[str | None, int]:
        """Workers asked for whatever the demand is, by worker type; None: of any type."""
        steps: dict[str | None, int] = {}
        for alert in self.alerts:
            if alert.step is not None:
                steps[alert.worker_type] = max(alert.step, steps.get(alert.worker_type, 0))
        return steps

    @property
    def only_type(self) -> str | None:
        """The worker type, if the alerts permit a single one."""
        types = {alert.worker_type for alert in self.alerts}
        return types.pop() if len(types) == 1 else None

    @property
    def asks_for_a_number(self) -> bool:
        """Whether any alert wants workers independent of the demand."""
        return any(alert.step is not None for alert in self.alerts)

    @property
    def names(self) -> str:
        """The alerts' names, for people."""
        return ", ".join(sorted({alert.name for alert in self.alerts}))

    def allows(self, worker_type: str) -> bool:
        """Whether an alert permits this worker type."""
        return any(alert.worker_type in (None, worker_type) for alert in self.alerts)


def is_news(known: Alert | None, received: Alert) -> bool:
    """Whether `received` may replace `known`: it is of a later firing, or of the same one and not undoing its end.

    That holds among notifications that may have overtaken each other. What comes much later counts as it is: an alert
    that Alertmanager had timed out fires on with its old start, and a start may lie in a wrong clock's future.
    """
    if known is None or received.starts_at > known.starts_at:
        return True
    if abs(received.received_at - known.received_at) > REORDER_SECONDS:
        return True
    return received.starts_at == known.starts_at and (known.firing or not received.firing)


def absorb(known: Mapping[str, Alert], received: Iterable[Alert]) -> dict[str, Alert]:
    """The alerts of `received` that change or confirm `known`, by key."""
    news: dict[str, Alert] = {}
    for alert in received:
        if is_news(news.get(alert.key, known.get(alert.key)), alert):
            news[alert.key] = alert
    return news


def admit(known: Mapping[str, Alert], news: Mapping[str, Alert], limit: int) -> tuple[dict[str, Alert], set[str]]:
    """What of `news` may be kept so that at most `limit` alerts are, and the keys of those that give way to it.

    Resolved alerts give way, and those without news for `STALE_SECONDS`; the ones without news for longest first.
    """
    new = [alert for key, alert in news.items() if key not in known]
    excess = len(known) + len(new) - limit
    if not new or excess <= 0:
        return dict(news), set()
    now = max(alert.received_at for alert in new)
    stale = [
        alert
        for key, alert in known.items()
        if key not in news and not (alert.firing and now - alert.received_at < STALE_SECONDS)
    ]
    forgotten = {alert.key for alert in sorted(stale, key=lambda alert: alert.received_at)[:excess]}
    refused = {alert.key for alert in new[max(0, len(new) - (excess - len(forgotten))) :]}
    return {key: alert for key, alert in news.items() if key not in refused}, forgotten


def repeated(known: Mapping[str, Alert], received: Iterable[Alert]) -> int:
    """How many of `received` are known already: sent again, or by the other one of an HA pair."""
    return sum(
        (last := known.get(alert.key)) is not None and (last.firing, last.starts_at) == (alert.firing, alert.starts_at)
        for alert in received
    )


def vanished(known: Iterable[Alert], ends: Callable[[Alert], bool], asked_at: float, now: float) -> list[Alert]:
    """The firing alerts that the list requested at `asked_at` ends, as resolved at `now` (unix seconds).

    An alert received after the request may be newer than its answer.
    """
    return [
        alert._replace(firing=False, received_at=now)
        for alert in known
        if alert.firing and alert.received_at < asked_at and ends(alert)
    ]


def permission(alerts: Iterable[Alert], direction: Direction, now: float, expiry: float) -> Permission:
    """What the alerts that fire and were received within `expiry` seconds (by any clock) permit in `direction`."""
    return Permission(
        tuple(
            alert
            for alert in alerts
            if alert.direction is direction and alert.firing and abs(now - alert.received_at) <= expiry
        )
    )
