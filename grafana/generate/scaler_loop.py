"""The lower half of the dashboard "Ray scaler": alerts, failures, and the health of the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana.generate.config import ALERTMANAGER_JOB, EXPORTER_JOB, PROVIDER_CALL_SECONDS, SCALER_JOB
from grafana.generate.panels import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    YELLOW,
    About,
    Column,
    Look,
    bars,
    gauges,
    graph,
    rows,
    timeline,
    warning,
)
from grafana.generate.query import RATE_INTERVAL, Query, increase, quantile, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

FAILED_JOINS = 'rayscaler_actions_total{$, action="remove", cause=~"launch_failed|join_timed_out", outcome="done"}'
BREAKER_STATE = '2 * %s(rayscaler_breaker_state{$, state="open"}) + %s(rayscaler_breaker_state{$, state="half_open"})'
DIRECTIONS = {"up": GREEN, "down": BLUE}
YES_NO = {"0": ("no", RED), "1": ("yes", GREEN)}
BREAKER = {"0": ("closed", GREEN), "1": ("half open", YELLOW), "2": ("open", RED)}


def failures() -> list[Builder[Panel]]:
    """Actions on workers that failed, and what follows from it."""
    return [
        bars(
            About(
                "Failures by kind",
                "Failed launches, workers that exited early or did not join, drains refused by Ray, and failed calls "
                "to the engine.",
                "RayLaunchesFailing",
            ),
            Query(increase('rayscaler_actions_total{$, outcome="failed"}', "action"), "{{action}}"),
            Query(increase(FAILED_JOINS, "cause"), "{{cause}}"),
            Query(increase("rayscaler_provider_errors_total{$}", "operation"), "engine: {{operation}}"),
            look=Look(),
            span=12,
        ),
        timeline(
            About(
                "Launch breaker",
                "Closed: launches run. Open: launches are suspended after repeated failures. Half open: one is tried.",
                "RayBreakerOpen",
            ),
            Query(BREAKER_STATE % (("max by (worker_type) ",) * 2), "{{worker_type}}"),
            look=Look(words=BREAKER),
            span=12,
        ),
        graph(
            About("Consecutive launch failures", "Consecutive failed launches, by worker type.", "RayBreakerOpen"),
            Query("max by (worker_type) (rayscaler_launch_failures_in_a_row{$})", "{{worker_type}}"),
            look=Look(),
            span=12,
        ),
        graph(
            About("Launch backoff", "Time until the next launch after failures, by worker type.", "RayBreakerOpen"),
            Query("max by (worker_type) (rayscaler_launch_backoff_remaining_seconds{$})", "{{worker_type}}"),
            look=Look("s"),
            span=12,
        ),
    ]


def alerts() -> list[Builder[Panel]]:
    """Alerts and their delivery to the scaler."""
    return [
        timeline(
            About(
                "Alerts over time",
                "When each alert was firing. Green alerts permit scaling, red ones report a problem.",
            ),
            Query('max by (alertname) (ALERTS{$, alertstate="firing", ray_scale!=""})', "{{alertname}}"),
            Query(
                '2 * max by (alertname) (ALERTS{$, alertstate="firing", ray_scale="", alertname!="RayWatchdog"})',
                "{{alertname}}",
            ),
            look=Look(words={"1": ("permits", GREEN), "2": ("problem", RED)}),
        ),
        rows(
            About(
                "Alerts now",
                "Alerts that are firing or pending, but RayWatchdog, which always fires. Runbooks has their pages.",
            ),
            Query('max by (cluster, alertname, alertstate, severity, ray_scale) (ALERTS{$, alertname!="RayWatchdog"})'),
            columns=(
                Column("alertname", "Alert"),
                Column("cluster", "Cluster"),
                Column("alertstate", "State"),
                Column("severity", "Severity"),
                Column("ray_scale", "Permits"),
            ),
        ),
        graph(
            About(
                "Alerts at the scaler",
                "Active alerts of the scaler, by direction. 0 here while one is firing above: the scaler did not "
                "receive it, or Alertmanager suppresses it.",
                "RayWebhookNotDelivered",
            ),
            Query(total("rayscaler_alerts_active{$}", "direction"), "{{direction}}"),
            Query(total("rayscaler_alerts_suppressed{$}", "direction") + " > 0", "{{direction}} suppressed"),
            look=Look(colours={**DIRECTIONS, "up suppressed": ORANGE, "down suppressed": YELLOW}),
        ),
        bars(
            About(
                "Webhooks by reply",
                "Notifications by HTTP status of the reply: 200 accepted, 401 wrong token, 4xx rejected, 5xx retried.",
                "RayWebhookNotDelivered",
            ),
            Query(increase("rayscaler_webhooks_total{$}", "code"), "{{code}}"),
            look=Look(colours={"200": GREEN, "401": RED, "400": ORANGE, "503": RED}),
            span=12,
        ),
        bars(
            About(
                "Alerts received",
                "Alerts in accepted notifications, by status. ignored: no usable label ray_scale; duplicates: "
                "repeated, or from an HA peer.",
                "RayWebhookNotDelivered",
            ),
            Query(increase("rayscaler_webhook_alerts_total{$}", "status"), "{{status}}"),
            Query(f"sum(increase(rayscaler_webhook_duplicates_total{{$}}[{RATE_INTERVAL}]))", "duplicates"),
            look=Look(colours={"firing": GREEN, "resolved": BLUE, "ignored": ORANGE, "duplicates": PURPLE}),
            span=12,
        ),
    ]


def health() -> list[Builder[Panel]]:
    """Health of the loop."""
    return [
        timeline(
            About(
                "Component health",
                "Whether each program responds to Prometheus, Ray responds to the exporter, and the scaler has a "
                "usable snapshot, reaches Alertmanager, and has a leader.",
                "RayScalerDown",
            ),
            Query(f'min by (cluster, job) (up{{$, job=~"{EXPORTER_JOB}|{SCALER_JOB}"}})', "{{cluster}}: {{job}}"),
            Query(f'min by (job) (up{{job="{ALERTMANAGER_JOB}"}})', "{{job}}"),
            Query("max by (cluster) (raycluster_up{$})", "{{cluster}}: Ray"),
            Query("max by (cluster) (rayscaler_snapshot_usable{$})", "{{cluster}}: snapshot usable"),
            Query("max by (cluster) (rayscaler_alertmanager_up{$})", "{{cluster}}: reaches Alertmanager"),
            Query("max by (cluster) (rayscaler_leader{$})", "{{cluster}}: leader"),
            look=Look(words=YES_NO),
        ),
        graph(
            About(
                "Reconcile duration",
                "From observation to started actions (p95 of 5 minutes), and failed reconciles per minute.",
                "RayReconcilesFailing",
            ),
            Query(quantile(0.95, "rayscaler_reconcile_duration_seconds_bucket{$}", "5m"), "p95"),
            Query(f"60 * sum(rate(rayscaler_reconcile_errors_total{{$}}[{RATE_INTERVAL}]))", "failures/min"),
            look=Look("s", colours={"failures/min": RED}),
        ),
        gauges(
            About(
                "Provider call duration",
                "Calls to the Docker Engine or the host, by operation (p95 of 5 minutes).",
            ),
            Query(
                quantile(0.95, "rayscaler_provider_call_duration_seconds_bucket{$}", "5m", "operation"),
                "{{operation}}",
            ),
            look=Look("s", steps=warning(*PROVIDER_CALL_SECONDS), decimals=2),
        ),
    ]
