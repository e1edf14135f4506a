"""The lower half of the dashboard "Ray scaler": what it did to workers, what it was told, whether the loop is well."""

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
    """What happened to workers."""
    outcomes = {"done": GREEN, "failed": RED}
    launches, endings = (f'rayscaler_actions_total{{$, action=~"{kinds}"}}' for kinds in ("launch", "drain|remove"))
    return [
        bars(
            About("Launches", "Workers launched, and launches that the engine refused.", "RayLaunchesFailing"),
            Query(happened(launches, "outcome"), "{{outcome}}"),
            look=Look(colours=outcomes),
        ),
        bars(
            About("Drains and removals", "Workers drained by Ray and removed from the engine.", "RayWorkersIdle"),
            Query(happened(endings, "action, outcome"), "{{action}} {{outcome}}"),
            look=Look(
                colours={"drain done": BLUE, "remove done": PURPLE, "drain failed": ORANGE, "remove failed": RED}
            ),
        ),
        bars(
            About(
                "Failures by kind",
                "Refused launches, workers that died or never joined, drains that Ray refused, and calls to the engine "
                "that failed.",
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
                "Closed: launches go. Open: they rest after failures in a row. Half open: one is tried.",
                "RayBreakerOpen",
            ),
            Query(BREAKER_STATE % (("max by (worker_type) ",) * 2), "{{worker_type}}"),
            look=Look(words=BREAKER),
        ),
        graph(
            About("Failures in a row", "Launches that failed one after the other, by worker type.", "RayBreakerOpen"),
            Query("max by (worker_type) (rayscaler_launch_failures_in_a_row{$})", "{{worker_type}}"),
            look=Look(),
        ),
        graph(
            About(
                "Rest before the next launch", "How long a worker type rests after failed launches.", "RayBreakerOpen"
            ),
            Query("max by (worker_type) (rayscaler_launch_backoff_remaining_seconds{$})", "{{worker_type}}"),
            look=Look("s"),
        ),
    ]


def alerts() -> list[Builder[Panel]]:
    """Permission on its way to the scaler."""
    return [
        timeline(
            About("Alerts over time", "When each alert was firing. Green ones permit scaling, others want people."),
            Query('max by (alertname) (ALERTS{$, alertstate="firing", ray_scale!=""})', "{{alertname}}"),
            Query('2 * max by (alertname) (ALERTS{$, alertstate="firing", ray_scale=""})', "{{alertname}}"),
            look=Look(words={"1": ("permits", GREEN), "2": ("wants people", RED)}),
        ),
        rows(
            About("Alerts now", "Each alert that fires or is about to. The dashboard Runbooks says what to do."),
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
                "Alerts that the scaler knows of, by direction. Firing above and 0 here: it does not hear them.",
                "RayWebhookNotDelivered",
            ),
            Query("max by (direction) (rayscaler_alerts_active{$})", "{{direction}}"),
            look=Look(colours=DIRECTIONS),
        ),
        bars(
            About(
                "Webhooks by reply",
                "Notifications by the scaler's HTTP status: 200 taken, 401 wrong token, 4xx refused, 5xx try again.",
                "RayWebhookNotDelivered",
            ),
            Query(happened("rayscaler_webhooks_total{$}", "code"), "{{code}}"),
            look=Look(colours={"200": GREEN, "401": RED, "400": ORANGE, "503": RED}),
            span=12,
        ),
        bars(
            About(
                "Alerts received",
                "Alerts in accepted notifications, by status. ignored ones carry no usable ray_scale; duplicates were "
                "known already: sent again, or by an HA peer.",
                "RayWebhookNotDelivered",
            ),
            Query(happened("rayscaler_webhook_alerts_total{$}", "status"), "{{status}}"),
            Query(happened("rayscaler_webhook_duplicates_total{$}", "cluster"), "duplicates"),
            look=Look(colours={"firing": GREEN, "resolved": BLUE, "ignored": ORANGE, "duplicates": PURPLE}),
            span=12,
        ),
    ]


def health() -> list[Builder[Panel]]:
    """Whether the loop itself is well."""
    return [
        timeline(
            About(
                "Links of the loop",
                "Whether each program answers Prometheus, Ray answers the exporter, and the scaler has a usable "
                "snapshot, reaches Alertmanager, and leads.",
                "RayScalerDown",
            ),
            Query('max by (job) (up{$, job=~"ray-exporter|ray-scaler"})', "{{job}} up"),
            Query('max by (job) (up{job="alertmanager"})', "alertmanager up"),
            Query("max(raycluster_up{$})", "Ray answers"),
            Query("max(rayscaler_snapshot_usable{$})", "snapshot usable"),
            Query("max(rayscaler_alertmanager_up{$})", "scaler reaches Alertmanager"),
            Query("max(rayscaler_leader{$})", "has a leader"),
            look=Look(words=YES_NO),
        ),
        graph(
            About(
                "Time to decide",
                "From observation to actions started, 19 of 20 in 5 minutes, and reconciles that failed each minute.",
                "RayReconcilesFailing",
            ),
            Query("cluster:rayscaler_reconcile_duration_seconds:p95_5m{$}", "19 of 20"),
            Query("60 * sum(rate(rayscaler_reconcile_errors_total{$}[$__rate_interval]))", "failed /min"),
            look=Look("s", colours={"failed /min": RED}),
        ),
        gauges(
            About(
                "Time of calls to the engine",
                "Docker, or the host's processes: list, launch, remove; 19 of 20 calls of the last 5 minutes.",
            ),
            Query("cluster_operation:rayscaler_provider_call_duration_seconds:p95_5m{$}", "{{operation}}"),
            look=Look("s", steps=((5, ORANGE), (15, RED)), decimals=2),
        ),
    ]
