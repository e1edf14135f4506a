"""What installations differ in, in one place: jobs, links, intervals, and from which value on a figure is bad.

For copies of dashboards and rules with another label than `cluster`, other jobs, links and thresholds there is
`ray-watcher mixin` (docs/mixin.md).
"""

from __future__ import annotations

EXPORTER_JOB, SCALER_JOB, ALERTMANAGER_JOB = "ray-exporter", "ray-scaler", "alertmanager"
"""As `prometheus/prometheus.yml` names them."""

RAY_DASHBOARD_URL = "http://127.0.0.1:8265"
"""Ray's own dashboard, unless people choose another in the variable on top."""

REFRESH = "30s"
MIN_STEP = "5s"
"""No smaller than the scrape interval of the scaler."""
COUNTER_STEP = "30s"
"""For what happens now and then: a bar for each launch, not for each of its seconds."""

SCHEMA_VERSION = 39
"""Of Grafana 11.0; newer ones read it, and write their own when a person saves a copy."""

Steps = tuple[float, float]
"""From where on a figure is orange, and red."""

UTILIZATION: Steps = (0.8, 0.95)
SNAPSHOT_AGE_SECONDS: Steps = (5, 10)
DEMAND_TO_WORKER_SECONDS: Steps = (15, 60)
PROVIDER_CALL_SECONDS: Steps = (5, 15)
LONG_IDLE_SECONDS = 60.0
