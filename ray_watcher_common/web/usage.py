"""How much of a server's limits is in use, and what was refused because of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

CONNECTIONS = "_http_connections"
CONNECTIONS_HELP = "Number of connections that are open to this program's HTTP server."
REFUSED = "_http_refused_total"
REFUSED_HELP = "Number of requests refused and connections closed by the HTTP server, by reason."


class Refusal(Enum):
    """Why a request was not passed on, or a connection was closed; the `reason` in metrics."""

    MALFORMED = "malformed"
    HEAD_TOO_LARGE = "head_too_large"
    HEAD_TOO_SLOW = "head_too_slow"
    UNAUTHORIZED = "unauthorized"
    BODY_TOO_LARGE = "body_too_large"
    BODY_TOO_SLOW = "body_too_slow"
    TOO_MANY_BODIES = "too_many_bodies"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    TLS_FAILED = "tls_failed"
    ANSWER_NOT_TAKEN = "answer_not_taken"


@dataclass
class Usage:
    """Connections open now, and refusals so far."""

    connections: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)


class UsageCollector(Collector):
    """Usage as metrics, whose names begin with `prefix`."""

    def __init__(self, usage: Usage, prefix: str) -> None:
        self._usage, self._prefix = usage, prefix

    def collect(self) -> Iterable[Metric]:
        """One family after the other."""
        yield GaugeMetricFamily(self._prefix + CONNECTIONS, CONNECTIONS_HELP, value=self._usage.connections)
        refused = CounterMetricFamily(self._prefix + REFUSED, REFUSED_HELP, labels=["reason"])
        for why in Refusal:
            refused.add_metric([why.value], self._usage.refused[why])
        yield refused
