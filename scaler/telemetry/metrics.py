"""The scaler's own metrics. `CATALOG` is the one place of their names, types, helps and labels."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from scaler.model.decision import ACTION_CAUSES
from scaler.model.errors import ProviderError
from scaler.telemetry.stages import DEMAND_TO_WORKER, STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scaler.model.cluster import Instance, LaunchRequest
    from scaler.model.decision import Cause
    from scaler.model.ports import WorkerProvider
    from scaler.model.workers import ActionKind
    from scaler.telemetry.stages import Measured


@dataclass(frozen=True)
class Metric:
    """One family."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()


CATALOG: dict[str, Metric] = {
    "rayscaler_workers": Metric("gauge", "Workers by state of their life and worker type.", ("state", "worker_type")),
    "rayscaler_max_workers": Metric("gauge", "Most workers there may be."),
    "rayscaler_min_workers": Metric("gauge", "Fewest workers there may be, over all worker types."),
    "rayscaler_warm_workers": Metric("gauge", "Workers that are to be kept warm.", ("worker_type",)),
    "rayscaler_cooldown_remaining_seconds": Metric(
        "gauge", "Seconds until the next event in this direction is allowed.", ("direction",)
    ),
    "rayscaler_breaker_state": Metric(
        "gauge", "1 for the state of the breaker that stops launches which fail.", ("worker_type", "state")
    ),
    "rayscaler_launch_failures_in_a_row": Metric(
        "gauge", "Rounds of launches that failed since a worker of the type last joined.", ("worker_type",)
    ),
    "rayscaler_launch_backoff_remaining_seconds": Metric(
        "gauge", "Seconds until the next launch of the type is tried after failures.", ("worker_type",)
    ),
    "rayscaler_alerts_active": Metric("gauge", "Alerts that permit this direction now.", ("direction",)),
    "rayscaler_held": Metric("gauge", "Workers or requests held back by the last plan, by cause.", ("cause",)),
    "rayscaler_infeasible_requests": Metric("gauge", "Requests that no worker type can hold."),
    "rayscaler_snapshot_usable": Metric("gauge", "1 if the last plan rested on a fresh snapshot of the cluster."),
    "rayscaler_snapshot_age_seconds": Metric("gauge", "Age of the snapshot that the last plan rested on."),
    "rayscaler_actions_total": Metric(
        "counter", "Launches, drains and removals that ended, by cause and outcome.", ("action", "cause", "outcome")
    ),
    "rayscaler_webhooks_total": Metric("counter", "Notifications by HTTP status of the reply.", ("code",)),
    "rayscaler_webhook_alerts_total": Metric(
        "counter", "Alerts in accepted notifications; ignored ones carry no usable ray_scale label.", ("status",)
    ),
    "rayscaler_reconcile_duration_seconds": Metric("histogram", "Time from observation to actions started."),
    "rayscaler_reconcile_errors_total": Metric("counter", "Reconciles that failed and were tried again."),
    "rayscaler_stage_duration_seconds": Metric(
        "histogram",
        "Stages of a scale-up for demand: alert (demand seen to firing), webhook (to received), decision (to launch),"
        " launch (to container or process up), join (to in Ray), demand_drop (first join to pending demand falling).",
        ("stage",),
    ),
    "rayscaler_demand_to_worker_seconds": Metric(
        "histogram", "From the first sight of pending demand to the first new worker in Ray, once for each scale-up."
    ),
    "rayscaler_provider_call_duration_seconds": Metric(
        "histogram", "Time of calls to the Docker engine or the host.", ("operation",)
    ),
    "rayscaler_paused": Metric("gauge", "1 while the operator holds this direction.", ("direction",)),
    "rayscaler_anomalies": Metric(
        "gauge", "Workers and nodes that are out of the ordinary, by case (docs/reconciling.md).", ("case",)
    ),
    "rayscaler_leader": Metric("gauge", "1 in the scaler that acts, 0 in one that stands by."),
    "rayscaler_journal_usable": Metric("gauge", "0 while nothing can be written down; then nothing is done."),
    "rayscaler_alertmanager_up": Metric(
        "gauge", "1 if an Alertmanager answered when alerts were last re-read; 0 too without ALERTMANAGER_URL."
    ),
    "rayscaler_webhook_duplicates_total": Metric(
        "counter", "Alerts in accepted notifications that were known already: sent again, or by an HA peer."
    ),
    "rayscaler_provider_errors_total": Metric("counter", "Calls to the engine or host that failed.", ("operation",)),
}

OUTCOMES = ("done", "failed")
WEBHOOK_CODES = (200, 400, 401, 413, 415, 503)
OPERATIONS = ("list", "prepare", "launch", "remove")
STAGE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)  # seconds

_Made = TypeVar("_Made", Counter, Gauge, Histogram)


class ScalerMetrics:
    """Counters and histograms, each series there from the start so that rates see the first event."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.actions = self._make(Counter, "rayscaler_actions_total")
        self.webhooks = self._make(Counter, "rayscaler_webhooks_total")
        self.webhook_alerts = self._make(Counter, "rayscaler_webhook_alerts_total")
        self.webhook_duplicates = self._make(Counter, "rayscaler_webhook_duplicates_total")
        self.leader = self._make(Gauge, "rayscaler_leader")
        self.alertmanager_up = self._make(Gauge, "rayscaler_alertmanager_up")
        self.journal_usable = self._make(Gauge, "rayscaler_journal_usable")
        self.reconcile_duration = self._make(Histogram, "rayscaler_reconcile_duration_seconds")
        self.reconcile_errors = self._make(Counter, "rayscaler_reconcile_errors_total")
        self.stages = self._make(Histogram, "rayscaler_stage_duration_seconds", buckets=STAGE_BUCKETS)
        self.demand_to_worker = self._make(Histogram, "rayscaler_demand_to_worker_seconds", buckets=STAGE_BUCKETS)
        self.provider_calls = self._make(Histogram, "rayscaler_provider_call_duration_seconds")
        self.provider_errors = self._make(Counter, "rayscaler_provider_errors_total")
        self._start_at_zero()

    def _make(self, kind: type[_Made], name: str, **options: Any) -> _Made:
        metric = CATALOG[name]
        return kind(name, metric.help, metric.labels, registry=self.registry, **options)

    def _start_at_zero(self) -> None:
        for action, causes in ACTION_CAUSES.items():
            for cause in causes:
                for outcome in OUTCOMES:
                    self.actions.labels(action.value, cause.value, outcome)
        for code in WEBHOOK_CODES:
            self.webhooks.labels(str(code))
        for status in ("firing", "resolved", "ignored", "other_cluster"):
            self.webhook_alerts.labels(status)
        for stage in STAGES:
            self.stages.labels(stage)
        for operation in OPERATIONS:
            self.provider_calls.labels(operation)
            self.provider_errors.labels(operation)

    def action_ended(self, kind: ActionKind, cause: Cause, outcome: str) -> None:
        """Count an action that landed."""
        self.actions.labels(kind.value, cause.value, outcome).inc()

    def observe_stages(self, measured: Iterable[Measured]) -> None:
        """Account for stages of a scale-up, in seconds."""
        for stage, seconds in measured:
            (self.demand_to_worker if stage == DEMAND_TO_WORKER else self.stages.labels(stage)).observe(seconds)


class MeteredProvider:
    """A provider whose calls are timed and whose failures are counted."""

    def __init__(self, provider: WorkerProvider, metrics: ScalerMetrics) -> None:
        self._provider, self._metrics = provider, metrics
        self.name = provider.name
        self.logs = provider.logs

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
        except ProviderError:
            self._metrics.provider_errors.labels(operation).inc()
            raise
        finally:
            self._metrics.provider_calls.labels(operation).observe(time.perf_counter() - began)
