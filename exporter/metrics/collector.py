"""What Prometheus scrapes: read, turn into metrics, yield; fresh values each time, and never an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.metrics.catalog import CATALOG
from exporter.metrics.families import families

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.core import Metric

    from exporter.metrics.families import Thresholds
    from exporter.snapshots import View

log = structlog.get_logger()


class ClusterCollector(Collector):
    """The cluster's metrics, from functions that give the latest view, the thresholds and the host's CPU ratio."""

    def __init__(
        self,
        latest: Callable[[], View],
        thresholds: Callable[[], Thresholds],
        host_cpu_ratio: Callable[[], float | None],
    ) -> None:
        self._latest = latest
        self._thresholds = thresholds
        self._host_cpu_ratio = host_cpu_ratio

    def collect(self) -> Iterable[Metric]:
        """All families; only `raycluster_up 0` if that fails, so that an alert can fire."""
        try:
            return list(families(self._latest(), self._thresholds(), self._host_cpu_ratio()))
        except Exception:
            log.exception("scrape failed")
            return [GaugeMetricFamily(CATALOG[0].name, CATALOG[0].help, value=0)]

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the cluster."""
        return []
