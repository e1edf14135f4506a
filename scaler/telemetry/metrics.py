"""The scaler's metrics. `CATALOG` is the only definition of their names, types, help texts and labels."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ray_watcher_common.web.usage import (
    CONNECTIONS,
    CONNECTIONS_HELP,
    REFUSED,
    REFUSED_HELP,
    Usage,
    UsageCollector,
)
from scaler.model.cluster import Direction
from scaler.model.decision import ACTION_CAUSES
from scaler.model.errors import NoRoomError, ProviderError
from scaler.model.workers import ActionKind
from scaler.telemetry.stages import DEMAND_TO_WORKER, STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scaler.model.cluster import Capabilities, Host, Instance, LaunchRequest
    from scaler.model.decision import Cause
    from scaler.model.ports import WorkerProvider
    from scaler.telemetry.stages import Measured


@dataclass(frozen=True)
class Metric:
    """One metric family."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()


CATALOG: dict[str, Metric] = {
    "rayscaler_info": Metric(
        "gauge", "1; url: where people reach this instance, grafana_url: where Grafana.", ("url", "grafana_url")
    ),
    "rayscaler_workers": Metric(
        "gauge", "Number of workers by lifecycle state and worker type.", ("state", "worker_type")
    ),
    "rayscaler_max_workers": Metric("gauge", "Maximum number of workers."),
    "rayscaler_min_workers": Metric("gauge", "Minimum number of workers, over all worker types."),
    "rayscaler_schedule_active": Metric("gauge", "1 if a window of this schedule holds, 0 if not.", ("schedule",)),
    "rayscaler_schedule_next_change_timestamp_seconds": Metric(
        "gauge", "Unix time at which the next window of a schedule begins or ends; absent if there is none."
    ),
    "rayscaler_warm_workers": Metric("gauge", "Configured number of warm workers by worker type.", ("worker_type",)),
    "rayscaler_cooldown_remaining_seconds": Metric(
        "gauge", "Seconds left of the cooldown in this direction.", ("direction",)
    ),
    "rayscaler_breaker_state": Metric(
        "gauge", "1 for the current state of the circuit breaker that stops failing launches.", ("worker_type", "state")
    ),
    "rayscaler_launch_failures_in_a_row": Metric(
        "gauge", "Consecutive rounds of failed launches since a worker of this type last joined.", ("worker_type",)
    ),
    "rayscaler_launch_backoff_remaining_seconds": Metric(
        "gauge", "Seconds until the next launch of this type after failures.", ("worker_type",)
    ),
    "rayscaler_alerts_active": Metric(
        "gauge", "Number of active alerts that permit scaling in this direction.", ("direction",)
    ),
    "rayscaler_held": Metric("gauge", "Number of workers or requests held by the last plan, by cause.", ("cause",)),
    "rayscaler_infeasible_requests": Metric("gauge", "Number of pending requests that fit on no worker type."),
    "rayscaler_snapshot_usable": Metric("gauge", "1 if the last plan was based on a fresh snapshot of the cluster."),
    "rayscaler_snapshot_age_seconds": Metric("gauge", "Age in seconds of the snapshot of the last plan."),
    "rayscaler_actions_total": Metric(
        "counter", "Number of finished actions by cause and outcome.", ("action", "cause", "outcome")
    ),
    "rayscaler_webhooks_total": Metric(
        "counter", "Number of webhook notifications by HTTP status of the reply.", ("code",)
    ),
    "rayscaler_webhook_alerts_total": Metric(
        "counter",
        "Number of alerts in accepted notifications; ignored: no usable label ray_scale, not_stored: too many.",
        ("status",),
    ),
    "rayscaler_reconcile_duration_seconds": Metric(
        "histogram", "Duration of a reconcile in seconds, from observation to started actions."
    ),
    "rayscaler_reconcile_errors_total": Metric("counter", "Number of failed reconciles, which are retried."),
    "rayscaler_stage_duration_seconds": Metric(
        "histogram",
        "Duration in seconds of the stages of a scale-up: alert (demand observed to firing), webhook (to received),"
        " decision (to launch), launch (to running), join (to in Ray), demand_drop (first join to falling demand).",
        ("stage",),
    ),
    "rayscaler_demand_to_worker_seconds": Metric(
        "histogram", "Seconds from pending demand to the first new worker in Ray, once per scale-up."
    ),
    "rayscaler_provider_call_duration_seconds": Metric(
        "histogram", "Duration in seconds of calls to the Docker Engine or the host.", ("operation",)
    ),
    "rayscaler_cost_per_hour": Metric(
        "gauge", "Cost per hour of the workers of a type, at its price_per_hour (any one currency).", ("worker_type",)
    ),
    "rayscaler_paused": Metric("gauge", "1 if scaling in this direction is paused.", ("direction",)),
    "rayscaler_anomalies": Metric(
        "gauge", "Number of workers and nodes with an anomaly, by case (docs/reconciling.md).", ("case",)
    ),
    "rayscaler_leader": Metric("gauge", "1 if this instance is the leader, 0 if it is on standby."),
    "rayscaler_journal_usable": Metric(
        "gauge", "1 if the journal can be written, 0 if not; without it no action is taken."
    ),
    "rayscaler_recording_size_bytes": Metric("gauge", "Size of the recording in the journal in bytes."),
    "rayscaler_recording_errors_total": Metric("counter", "Number of failed writes of the recording."),
    "rayscaler_config_last_reload_successful": Metric(
        "gauge", "1 if the last reload of policy and tokens succeeded, 0 if it changed nothing."
    ),
    "rayscaler_config_last_reload_success_timestamp_seconds": Metric(
        "gauge", "Unix time at which the configuration in use was read."
    ),
    "rayscaler_alertmanager_up": Metric(
        "gauge",
        "1 if an Alertmanager answered the last resync of alerts, 0 if none did or none is configured.",
    ),
    "rayscaler_watchdog_up": Metric(
        "gauge",
        "1 if the alert RayWatchdog, which always fires, arrives; 0 if it is missing; NaN if it has never arrived.",
    ),
    "rayscaler_alerts_suppressed": Metric(
        "gauge",
        "Number of scaling alerts that Alertmanager silences, inhibits or mutes, by direction.",
        ("direction",),
    ),
    "rayscaler_webhook_duplicates_total": Metric(
        "counter", "Number of alerts in accepted notifications that were known already (repeated, or from an HA peer)."
    ),
    "rayscaler_provider_errors_total": Metric(
        "counter", "Number of failed calls to the Docker Engine or the host.", ("operation",)
    ),
    "rayscaler" + CONNECTIONS: Metric("gauge", CONNECTIONS_HELP),
    "rayscaler" + REFUSED: Metric("counter", REFUSED_HELP, ("reason",)),
}

OUTCOMES = ("done", "failed")
WEBHOOK_CODES = (200, 400, 401, 413, 415, 503)
OPERATIONS = ("list", "prepare", "launch", "remove")
STAGE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)  # seconds

_Made = TypeVar("_Made", Counter, Gauge, Histogram)


class ScalerMetrics:
    """Counters and histograms. All series exist from the start, so that rates include the first event."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.info = self._make(Gauge, "rayscaler_info")
        self.actions = self._make(Counter, "rayscaler_actions_total")
        self.webhooks = self._make(Counter, "rayscaler_webhooks_total")
        self.webhook_alerts = self._make(Counter, "rayscaler_webhook_alerts_total")
        self.webhook_duplicates = self._make(Counter, "rayscaler_webhook_duplicates_total")
        self.leader = self._make(Gauge, "rayscaler_leader")
        self.alertmanager_up = self._make(Gauge, "rayscaler_alertmanager_up")
        self.last_reload_successful = self._make(Gauge, "rayscaler_config_last_reload_successful")
        self.last_reload_success = self._make(Gauge, "rayscaler_config_last_reload_success_timestamp_seconds")
        self.watchdog = self._make(Gauge, "rayscaler_watchdog_up")
        self.alerts_suppressed = self._make(Gauge, "rayscaler_alerts_suppressed")
        self.journal_usable = self._make(Gauge, "rayscaler_journal_usable")
        self.recording_size = self._make(Gauge, "rayscaler_recording_size_bytes")
        self.recording_errors = self._make(Counter, "rayscaler_recording_errors_total")
        self.reconcile_duration = self._make(Histogram, "rayscaler_reconcile_duration_seconds")
        self.reconcile_errors = self._make(Counter, "rayscaler_reconcile_errors_total")
        self.stages = self._make(Histogram, "rayscaler_stage_duration_seconds", buckets=STAGE_BUCKETS)
        self.demand_to_worker = self._make(Histogram, "rayscaler_demand_to_worker_seconds", buckets=STAGE_BUCKETS)
        self.provider_calls = self._make(Histogram, "rayscaler_provider_call_duration_seconds")
        self.provider_errors = self._make(Counter, "rayscaler_provider_errors_total")
        self.http = Usage()
        self.registry.register(UsageCollector(self.http, "rayscaler"))
        self._start_at_zero()

    def _make(self, kind: type[_Made], name: str, **options: Any) -> _Made:
        metric = CATALOG[name]
        return kind(name, metric.help, metric.labels, registry=self.registry, **options)

    def _start_at_zero(self) -> None:
        for action, causes in ACTION_CAUSES.items():
            for cause in causes:
                for outcome in OUTCOMES if action is not ActionKind.LAUNCH else (*OUTCOMES, "no_room"):
                    self.actions.labels(action.value, cause.value, outcome)
        for code in WEBHOOK_CODES:
            self.webhooks.labels(str(code))
        for status in ("firing", "resolved", "ignored", "other_cluster", "malformed", "not_stored"):
            self.webhook_alerts.labels(status)
        for direction in Direction:
            self.alerts_suppressed.labels(direction.value)
        for stage in STAGES:
            self.stages.labels(stage)
        for operation in OPERATIONS:
            self.provider_calls.labels(operation)
            self.provider_errors.labels(operation)

    def action_ended(self, kind: ActionKind, cause: Cause, outcome: str) -> None:
        """Count a finished action."""
        self.actions.labels(kind.value, cause.value, outcome).inc()

    def observe_stages(self, measured: Iterable[Measured]) -> None:
        """Record durations of scale-up stages, in seconds."""
        for stage, seconds in measured:
            (self.demand_to_worker if stage == DEMAND_TO_WORKER else self.stages.labels(stage)).observe(seconds)


class MeteredProvider:
    """A provider with timed calls and counted failures."""

    def __init__(self, provider: WorkerProvider, metrics: ScalerMetrics) -> None:
        self._provider, self._metrics = provider, metrics
        self.name = provider.name
        self.logs = provider.logs

    @property
    def capabilities(self) -> Capabilities:
        """See `WorkerProvider.capabilities`."""
        return self._provider.capabilities

    def hosts(self) -> Sequence[Host]:
        """See `WorkerProvider.hosts`."""
        return self._provider.hosts()

    def list(self) -> Sequence[Instance]:
        """See `WorkerProvider.list`."""
        with self._measured("list"):
            return self._provider.list()

    def prepare(self, request: LaunchRequest) -> Instance:
        """See `WorkerProvider.prepare`."""
        with self._measured("prepare"):
            return self._provider.prepare(request)

    def launch(self, request: LaunchRequest) -> Instance:
        """See `WorkerProvider.launch`."""
        with self._measured("launch"):
            return self._provider.launch(request)

    def remove(self, worker_id: str, grace_seconds: float) -> None:
        """See `WorkerProvider.remove`."""
        with self._measured("remove"):
            self._provider.remove(worker_id, grace_seconds)

    @contextmanager
    def _measured(self, operation: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        except NoRoomError:  # an answer
            raise
        except ProviderError:
            self._metrics.provider_errors.labels(operation).inc()
            raise
        finally:
            self._metrics.provider_calls.labels(operation).observe(time.perf_counter() - began)
