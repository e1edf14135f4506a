"""The dashboard "Ray scaler": what it decided and why, how long that took, and whether the loop is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana.generate.frame import as_json, frame, with_sections, with_variables
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
)
from grafana.generate.query import Query, happened
from grafana.generate.scaler_loop import (
    BREAKER,
    BREAKER_STATE,
    DIRECTIONS,
    FAILED_JOINS,
    actions,
    alerts,
    health,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

WORKER_SECONDS = "sum by (le) (increase(rayscaler_demand_to_worker_seconds_bucket{$}[%s]))"
STAGE_SECONDS = "sum by (stage, le) (increase(rayscaler_stage_duration_seconds_bucket{$}[%s]))"
STAGES = {"alert": YELLOW, "webhook": ORANGE, "decision": PURPLE, "launch": BLUE, "join": GREEN}
SECONDS = Look("s", steps=((15, ORANGE), (60, RED)), decimals=1)


def scaler() -> str:
    """The dashboard's JSON."""
    title = "What the scaler decided and why, how long it took, and whether the loop from demand to worker is well."
    board = with_variables(frame(SCALER, "Ray scaler", title))
    sections = {
        "": now(),
        "From demand to running worker": speed(),
        "Decisions": decisions(),
        "Launches and removals": actions(),
        "Alerts and webhooks": alerts(),
        "Health": health(),
    }
    return as_json(with_sections(board, sections))


def now() -> list[Builder[Panel]]:
    """One line of figures for a wall."""
    return [
        stats(
            About("Scaler", "Whether a scaler answers and leads. No leader: nothing scales.", "RayNoLeader"),
            Query('max(rayscaler_leader{$}) or max(up{$, job="ray-scaler"})', "scaler"),
            look=Look(words={"0": ("not there", RED), "1": ("active", GREEN)}),
        ),
        stats(
            About(
                "Demand to worker",
                "Median time from demand seen to the first new worker in Ray, over the time shown.",
            ),
            Query("histogram_quantile(0.5, " + WORKER_SECONDS % "$__range" + ")", "median"),
            look=SECONDS,
        ),
        stats(
            About("Permission", "Alerts that permit scaling up and down now.", "RayWebhookNotDelivered"),
            Query("max by (direction) (rayscaler_alerts_active{$})", "{{direction}}"),
            look=Look(base=BLUE),
            named=True,
        ),
        stats(
            About("Cooldown", "Seconds until the next event in each direction is allowed."),
            Query("max by (direction) (rayscaler_cooldown_remaining_seconds{$})", "{{direction}}"),
            look=Look("s", steps=((0.1, YELLOW),), decimals=0),
            named=True,
        ),
        stats(
            About(
                "Held back", "Workers or requests that the last plan held back; below stands why.", "RayAtMaxWorkers"
            ),
            Query("sum(max by (cause) (rayscaler_held{$}))", "held"),
            look=Look(steps=((1, YELLOW),)),
        ),
        stats(
            About(
                "Failures",
                "In the time shown: actions that failed, and workers that died or never joined.",
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
            About("Breaker", "The worst launch breaker. Open: no launches until it has rested.", "RayBreakerOpen"),
            Query(BREAKER_STATE % ("max", "max"), "breaker"),
            look=Look(words={**BREAKER, "3": ("open", RED)}),
        ),
        stats(
            About("Paused", "Whether somebody has paused scaling in a direction.", "RayScalingPaused"),
            Query("max by (direction) (rayscaler_paused{$})", "{{direction}}"),
            look=Look(words={"0": ("no", GREEN), "1": ("paused", ORANGE)}),
            named=True,
        ),
    ]


def speed() -> list[Builder[Panel]]:
    """The promise: how long work waits for a worker, and which stage takes it."""
    quantiles = {"p50": "median", "p90": "9 of 10", "p99": "99 of 100"}
    return [
        heat(
            About(
                "Demand to running worker",
                "From demand seen to the first new worker in Ray: how many scale-ups took how long.",
                "RayPendingTasks",
            ),
            Query(happened("rayscaler_demand_to_worker_seconds_bucket{$}", "le")),
            look=Look("s"),
        ),
        graph(
            About(
                "Demand to running worker, quantiles",
                "Over the last 10 minutes at each moment. Gaps are times without a launch.",
                "RayPendingTasks",
            ),
            *(
                Query(f"cluster:rayscaler_demand_to_worker_seconds:{quantile}_10m{{$}}", legend)
                for quantile, legend in quantiles.items()
            ),
            look=Look("s", colours={"median": GREEN, "9 of 10": YELLOW, "99 of 100": ORANGE}),
        ),
        rows(
            About(
                "Stages",
                "Where the time goes, over the time shown: until the alert fires, its webhook arrives, the plan is "
                "made, the engine has started the worker, it has joined Ray. demand_drop: until demand falls again.",
            ),
            Query("histogram_quantile(0.5, " + STAGE_SECONDS % "$__range" + ")"),
            Query("histogram_quantile(0.9, " + STAGE_SECONDS % "$__range" + ")"),
            Query("sum by (stage) (increase(rayscaler_stage_duration_seconds_count{$}[$__range]))"),
            columns=(
                Column("stage", "Stage"),
                Column("Value #A", "Median", SECONDS),
                Column("Value #B", "9 of 10", SECONDS),
                Column("Value #C", "Times", Look("none", decimals=0)),
            ),
            join="stage",
        ),
        graph(
            About(
                "Median by stage",
                "Over the last 10 minutes at each moment; stacked, the height is about the whole way.",
            ),
            Query('cluster_stage:rayscaler_stage_duration_seconds:p50_10m{$, stage!="demand_drop"}', "{{stage}}"),
            look=Look("s", colours=STAGES),
            span=24,
            stacked=True,
        ),
    ]


def decisions() -> list[Builder[Panel]]:
    """What was done and what was not, each with its cause."""
    return [
        bars(
            About(
                "Decisions by cause", "Actions that ended, by what they were and why. docs/metrics.md lists the causes."
            ),
            Query(happened("rayscaler_actions_total{$}", "action, cause") + " > 0", "{{action}}: {{cause}}"),
            look=Look(
                colours={
                    "launch: pending_demand": GREEN,
                    "drain: idle": BLUE,
                    "remove: drained": PURPLE,
                    "remove: launch_failed": RED,
                    "remove: join_timed_out": RED,
                }
            ),
        ),
        graph(
            About(
                "Held back, and why",
                "Workers or requests that each plan held back, by cause: cooldown, limits, no alert, no demand.",
                "RayAtMaxWorkers",
            ),
            Query("max by (cause) (rayscaler_held{$}) > 0", "{{cause}}"),
            look=Look(colours={"max_workers": RED, "cooldown": YELLOW, "not_idle_long_enough": BLUE}),
            stacked=True,
        ),
        graph(
            About("Cooldowns", "Seconds until the next event in each direction is allowed."),
            Query("max by (direction) (rayscaler_cooldown_remaining_seconds{$})", "{{direction}}"),
            look=Look("s", colours=DIRECTIONS),
        ),
    ]
