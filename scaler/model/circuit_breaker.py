"""Launches of a worker type that fail: how long to wait before the next. Pure: standard library only.

closed ──OPENS_AFTER failed rounds──▶ open ──its back-off is over──▶ half open ──a worker joins──▶ closed
(rounds rest, each longer)            (nothing is launched)          (one launch at a time; fails: open again)

A round is one decision: a missing image that fails four launches of it has failed once.

Failures count by host too. A type that launches on one host is healthy, and the hosts on which it fails are avoided.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

OPENS_AFTER = 3  # failed rounds in a row
FIRST_BACKOFF_SECONDS = 10.0
LONGEST_BACKOFF_SECONDS = 300.0
AVOIDED_SECONDS = 300.0  # a host after the last launch that failed on it


class BreakerState(str, Enum):
    """Whether launches of a type go on."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class LaunchOutcome:
    """How one launch ended: its worker joined Ray, or it failed because of `detail`."""

    worker_type: str
    decision_id: int
    at: float  # unix seconds at which it was known
    joined: bool
    detail: str = ""
    host: str = ""  # "": all workers share one, or the failure has nothing to do with a host


@dataclass(frozen=True)
class LaunchHealth:
    """How the launches of one worker type have gone since the last that succeeded."""

    failed_rounds: frozenset[int] = field(default_factory=frozenset)
    last_failure: float = 0.0  # unix seconds; of no meaning without a failure
    detail: str = ""

    @property
    def failures(self) -> int:
        """Rounds in a row that failed."""
        return len(self.failed_rounds)

    def wait(self, now: float) -> float:
        """Seconds until the next launch may be tried, 0.0 if it may now.

        A failure further in the future than the back-off is a clock that was set back; it does not count.
        """
        if not self.failures:
            return 0.0
        backoff = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(self.failures - 1, 10))
        return 0.0 if self.last_failure > now + backoff else max(0.0, self.last_failure + backoff - now)

    def state(self, now: float) -> BreakerState:
        """Closed until too many rounds in a row have failed."""
        if self.failures < OPENS_AFTER:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.wait(now) else BreakerState.HALF_OPEN

    def after(self, outcome: LaunchOutcome) -> LaunchHealth:
        """The health after one more outcome."""
        if outcome.joined:
            return LaunchHealth()
        return LaunchHealth(self.failed_rounds | {outcome.decision_id}, outcome.at, outcome.detail)


HEALTHY = LaunchHealth()
HealthByHost = dict[str, LaunchHealth]
"""By host; under "" what failed whatever the host."""


def health_by_type(outcomes: Iterable[LaunchOutcome], hosts: Collection[str] = ()) -> dict[str, LaunchHealth]:
    """The health of each worker type that was launched, from outcomes in any order.

    With `hosts`, outcomes on others do not matter: they are gone.
    """
    return {name: _of_type(by_host, hosts) for name, by_host in _by_type_and_host(outcomes).items()}


def avoided_hosts(outcomes: Iterable[LaunchOutcome], now: float) -> dict[str, tuple[str, ...]]:
    """The hosts on which launches of each type failed last, and not long ago."""
    return {
        name: tuple(sorted(host for host, health in by_host.items() if host and _is_avoided(health, now)))
        for name, by_host in _by_type_and_host(outcomes).items()
    }


def _is_avoided(health: LaunchHealth, now: float) -> bool:
    return bool(health.failures) and abs(now - health.last_failure) < AVOIDED_SECONDS


def _by_type_and_host(outcomes: Iterable[LaunchOutcome]) -> dict[str, HealthByHost]:
    found: defaultdict[str, HealthByHost] = defaultdict(dict)
    for outcome in sorted(outcomes, key=lambda outcome: outcome.at):
        by_host = found[outcome.worker_type]
        by_host[outcome.host] = by_host.get(outcome.host, HEALTHY).after(outcome)
        if outcome.joined:
            by_host[""] = HEALTHY
    return dict(found)


def _of_type(by_host: HealthByHost, hosts: Collection[str]) -> LaunchHealth:
    """Whatever failed regardless of the host counts; failures on hosts only if none of the hosts is healthy."""
    everywhere = by_host.get("", HEALTHY)
    on_hosts = [health for host, health in by_host.items() if host and (not hosts or host in hosts)]
    if not all(health.failures for health in on_hosts):
        return everywhere
    parts = [everywhere, *on_hosts]
    last = max(parts, key=lambda health: health.last_failure)
    rounds = frozenset[int]().union(*(health.failed_rounds for health in parts))
    return LaunchHealth(rounds, last.last_failure, last.detail)
