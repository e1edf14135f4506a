"""The dashboard "Ray scaler": decisions and their causes, latencies, and the health of the scaling loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana.generate.config import DEMAND_TO_WORKER_SECONDS, SCALER_JOB
from grafana.generate.frame import Section, as_json, frame, with_data, with_sections
from grafana.generate.links import SCALER
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
    graph,
    heat,
    rows,
    stats,
    warning,
)
from grafana.generate.query import RANGE, Query, increase, quantile, total
from grafana.generate.scaler_loop import (
    BREAKER,
    BREAKER_STATE,
    DIRECTIONS,
    FAILED_JOINS,
    alerts,
    failures,
    health,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

WORKER_SECONDS = "rayscaler_demand_to_worker_seconds_bucket{$}"
STAGE_SECONDS = "rayscaler_stage_duration_seconds_bucket{$}"
STAGES_OF_A_LAUNCH = STAGE_SECONDS.replace("{$}", '{$, stage!="demand_drop"}')
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
RECENTLY = "10m"  # launches are rare
STAGES = {"alert": YELLOW, "webhook": ORANGE, "decision": PURPLE, "launch": BLUE, "join": GREEN}
SECONDS = Look("s", steps=warning(*DEMAND_TO_WORKER_SECONDS), decimals=1)


def scaler() -> str:
    """The dashboard's JSON."""
    title = "Decisions of the scaler and their causes, latencies, and the health of the scaling loop."
    board = with_data(frame(SCALER, "Ray scaler", title))
    sections = {
        "": Section(now()),
        "From demand to running worker": Section(speed()),
        "Decisions": Section(decisions()),
        "Alerts and webhooks": Section(alerts()),
        "Failed launches and removals": Section(failures(), collapsed=True),
        "Health": Section(health(), collapsed=True),
    }
    return as_json(with_sections(board, sections))


def now() -> list[Builder[Panel]]:
    """One row of key figures."""
    return [
        stats(
            About(
                "Scaler", "Whether a scaler responds and is the leader. Without a leader nothing scales.", "RayNoLeader"
            ),
            Query(
                f'max by (cluster) (rayscaler_leader{{$}}) or max by (cluster) (up{{$, job="{SCALER_JOB}"}})',
                "{{cluster}}",
            ),
            look=Look(words={"0": ("down", RED), "1": ("active", GREEN)}),
        ),
        stats(
            About(
                "Demand to worker",
                "Median time from pending demand to the first new worker in Ray, in the selected range.",
            ),
            Query(quantile(0.5, WORKER_SECONDS, RANGE), "p50"),
            look=SECONDS,
        ),
        stats(
            About("Permission", "Number of active alerts that permit scaling, by direction.", "RayWebhookNotDelivered"),
            Query(total("rayscaler_alerts_active{$}", "direction"), "{{direction}}"),
            look=Look(base=BLUE),
            named=True,
        ),
        stats(
            About("Cooldown", "Time left of the cooldown, by direction."),
            Query("max by (direction) (rayscaler_cooldown_remaining_seconds{$})", "{{direction}}"),
            look=Look("s", steps=((0.1, YELLOW),), decimals=0),
            named=True,
        ),
        stats(
            About(
                "Held actions", "Workers or requests held by the last plan; see their causes below.", "RayAtMaxWorkers"
            ),
            Query(total("rayscaler_held{$}", over=("cause",)), "held"),
            look=Look(steps=((1, YELLOW),)),
        ),
        stats(
            About(
                "Failures",
                "Failed actions, and workers that exited early or did not join, in the selected range.",
                "RayLaunchesFailing",
            ),
            Query(
                'sum(increase(rayscaler_actions_total{$, outcome="failed"}[$__range]))'
                f" + sum(increase({FAILED_JOINS}[$__range]))",
                "failures",
            ),
            look=Look(steps=((0.5, RED),), decimals=0),
        ),
        stats(
            About(
                "Breaker",
                "The worst state of all circuit breakers. Open: no launches until the backoff ends.",
                "RayBreakerOpen",
            ),
            Query(BREAKER_STATE % ("max", "max"), "breaker"),
            look=Look(words={**BREAKER, "3": ("open", RED)}),
        ),
        stats(
            About("Paused", "Whether scaling is paused, by direction.", "RayScalingPaused"),
            Query("max by (direction) (rayscaler_paused{$})", "{{direction}}"),
            look=Look(words={"0": ("no", GREEN), "1": ("paused", ORANGE)}),
            named=True,
        ),
    ]


def speed() -> list[Builder[Panel]]:
    """Latency from demand to worker, and its stages."""
    return [
        heat(
            About(
                "Demand to running worker",
                "Distribution of the time from pending demand to the first new worker in Ray.",
                "RayPendingTasks",
            ),
            Query(increase(WORKER_SECONDS, "le")),
            look=Look("s"),
        ),
        graph(
            About(
                "Demand to running worker, percentiles",
                "Of the last 10 minutes. Gaps are times without a launch.",
                "RayPendingTasks",
            ),
            *(Query(quantile(share, WORKER_SECONDS, RECENTLY), name) for name, share in QUANTILES.items()),
            look=Look("s", colours={"p50": GREEN, "p90": YELLOW, "p99": ORANGE}),
        ),
        rows(
            About(
                "Stages",
                "Duration of each stage in the selected range: until the alert fires (alert), its webhook is received "
                "(webhook), the plan is made (decision), the worker runs (launch), it joins Ray (join), demand falls "
                "(demand_drop).",
            ),
            Query(quantile(0.5, STAGE_SECONDS, RANGE, "stage")),
            Query(quantile(0.9, STAGE_SECONDS, RANGE, "stage")),
            Query(increase("rayscaler_stage_duration_seconds_count{$}", "stage", RANGE)),
            columns=(
                Column("stage", "Stage"),
                Column("Value #A", "p50", SECONDS),
                Column("Value #B", "p90", SECONDS),
                Column("Value #C", "Count", Look("none", decimals=0)),
            ),
            join="stage",
        ),
        graph(
            About(
                "Median by stage",
                "Of the last 10 minutes, stacked: the total is about the time from demand to worker.",
            ),
            Query(quantile(0.5, STAGES_OF_A_LAUNCH, RECENTLY, "stage"), "{{stage}}"),
            look=Look("s", colours=STAGES),
            span=24,
            stacked=True,
        ),
    ]


def decisions() -> list[Builder[Panel]]:
    """Actions and held actions, each by cause."""
    return [
        bars(
            About("Actions by cause", "Finished actions by kind and cause. docs/metrics.md lists the causes."),
            Query(increase("rayscaler_actions_total{$}", "action, cause") + " > 0", "{{action}}: {{cause}}"),
            look=Look(
                colours={
                    "launch: pending_demand": GREEN,
                    "drain: idle": BLUE,
                    "remove: drained": PURPLE,
                    "remove: launch_failed": RED,
                    "remove: join_timed_out": RED,
                    "remove: host_lost": RED,
                }
            ),
        ),
        graph(
            About(
                "Held actions by cause",
                "Workers or requests held by each plan: cooldown, limits, no alert, no demand.",
                "RayAtMaxWorkers",
            ),
            Query(total("rayscaler_held{$}", "cause") + " > 0", "{{cause}}"),
            look=Look(colours={"max_workers": RED, "cooldown": YELLOW, "not_idle_long_enough": BLUE}),
            stacked=True,
        ),
        graph(
            About("Cooldowns", "Time left of the cooldown, by direction."),
            Query("max by (direction) (rayscaler_cooldown_remaining_seconds{$})", "{{direction}}"),
            look=Look("s", colours=DIRECTIONS),
        ),
    ]
