"""The lower half of the dashboard "Ray scaler": launches and removals, alerts, and the health of the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
)
from grafana.generate.query import Query, happened

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

FAILED_JOINS = 'rayscaler_actions_total{$, action="remove", cause=~"launch_failed|join_timed_out", outcome="done"}'
BREAKER_STATE = '2 * %s(rayscaler_breaker_state{$, state="open"}) + %s(rayscaler_breaker_state{$, state="half_open"})'
DIRECTIONS = {"up": GREEN, "down": BLUE}
YES_NO = {"0": ("no", RED), "1": ("yes", GREEN)}
BREAKER = {"0": ("closed", GREEN), "1": ("half open", YELLOW), "2": ("open", RED)}


def actions() -> list[Builder[Panel]]:
    """Actions on workers."""
    outcomes = {"done": GREEN, "failed": RED}
    launches, endings = (f'rayscaler_actions_total{{$, action=~"{kinds}"}}' for kinds in ("launch", "drain|remove"))
    return [
        bars(
            About("Launches", "Successful and failed launches of workers.", "RayLaunchesFailing"),
            Query(happened(launches, "outcome"), "{{outcome}}"),
            look=Look(colours=outcomes),
        ),
        bars(
            About("Drains and removals", "Workers drained in Ray, and workers removed.", "RayWorkersIdle"),
            Query(happened(endings, "action, outcome"), "{{action}} {{outcome}}"),
            look=Look(
                colours={"drain done": BLUE, "remove done": PURPLE, "drain failed": ORANGE, "remove failed": RED}
            ),
        ),
        bars(
            About(
                "Failures by kind",
                "Failed launches, workers that exited early or did not join, drains refused by Ray, and failed calls "
                "to the engine.",
                "RayLaunchesFailing",
            ),
            Query(
                'sum by (action) (increase(rayscaler_actions_total{$, outcome="failed"}[$__rate_interval]))',
                "{{action}}",
            ),
            Query(happened(FAILED_JOINS, "cause"), "{{cause}}"),
            Query(
                happened("rayscaler_provider_errors_total{$}", "operation"),
                "engine: {{operation}}",
            ),
            look=Look(),
        ),
        timeline(
            About(
                "Launch breaker",
                "Closed: launches run. Open: launches are suspended after repeated failures. Half open: one is tried.",
                "RayBreakerOpen",
            ),
            Query(BREAKER_STATE % (("max by (worker_type) ",) * 2), "{{worker_type}}"),
            look=Look(words=BREAKER),
        ),
        graph(
            About("Consecutive launch failures", "Consecutive failed launches, by worker type.", "RayBreakerOpen"),
            Query("max by (worker_type) (rayscaler_launch_failures_in_a_row{$})", "{{worker_type}}"),
            look=Look(),
        ),
        graph(
            About("Launch backoff", "Time until the next launch after failures, by worker type.", "RayBreakerOpen"),
            Query("max by (worker_type) (rayscaler_launch_backoff_remaining_seconds{$})", "{{worker_type}}"),
            look=Look("s"),
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
            Query('2 * max by (alertname) (ALERTS{$, alertstate="firing", ray_scale=""})', "{{alertname}}"),
            look=Look(words={"1": ("permits", GREEN), "2": ("problem", RED)}),
        ),
        rows(
            About("Alerts now", "Firing and pending alerts. The dashboard Runbooks describes each of them."),
            Query("max by (alertname, alertstate, severity, ray_scale) (ALERTS{$})"),
            columns=(
                Column("alertname", "Alert"),
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
            Query("max by (direction) (rayscaler_alerts_active{$})", "{{direction}}"),
            Query("max by (direction) (rayscaler_alerts_suppressed{$}) > 0", "{{direction}} suppressed"),
            look=Look(colours={**DIRECTIONS, "up suppressed": ORANGE, "down suppressed": YELLOW}),
        ),
        bars(
            About(
                "Webhooks by reply",
                "Notifications by HTTP status of the reply: 200 accepted, 401 wrong token, 4xx rejected, 5xx retried.",
                "RayWebhookNotDelivered",
            ),
            Query(happened("rayscaler_webhooks_total{$}", "code"), "{{code}}"),
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
            Query(happened("rayscaler_webhook_alerts_total{$}", "status"), "{{status}}"),
            Query(happened("rayscaler_webhook_duplicates_total{$}", "cluster"), "duplicates"),
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
            Query('max by (job) (up{$, job=~"ray-exporter|ray-scaler"})', "{{job}} up"),
            Query('max by (job) (up{job="alertmanager"})', "alertmanager up"),
            Query("max(raycluster_up{$})", "Ray up"),
            Query("max(rayscaler_snapshot_usable{$})", "snapshot usable"),
            Query("max(rayscaler_alertmanager_up{$})", "scaler reaches Alertmanager"),
            Query("max(rayscaler_leader{$})", "has a leader"),
            look=Look(words=YES_NO),
        ),
        graph(
            About(
                "Reconcile duration",
                "From observation to started actions (p95 of 5 minutes), and failed reconciles per minute.",
                "RayReconcilesFailing",
            ),
            Query("cluster:rayscaler_reconcile_duration_seconds:p95_5m{$}", "p95"),
            Query("60 * sum(rate(rayscaler_reconcile_errors_total{$}[$__rate_interval]))", "failures/min"),
            look=Look("s", colours={"failures/min": RED}),
        ),
        gauges(
            About(
                "Provider call duration",
                "Calls to the Docker Engine or the host, by operation (p95 of 5 minutes).",
            ),
            Query("cluster_operation:rayscaler_provider_call_duration_seconds:p95_5m{$}", "{{operation}}"),
            look=Look("s", steps=((5, ORANGE), (15, RED)), decimals=2),
        ),
    ]
