"""The last reconcile as gauges; names and helps stand in `metrics.CATALOG`."""

from __future__ import annotations

from collections import Counter as Count
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily

from ray_watcher_common.shown import shown
from scaler.explain.anomalies import Case
from scaler.model.circuit_breaker import HEALTHY, BreakerState
from scaler.model.cost import counted
from scaler.model.decision import HELD_CAUSES
from scaler.model.workers import WorkerState
from scaler.planning.context import scale_down_wait, scale_up_wait
from scaler.schedules.effective import active, next_change
from scaler.telemetry.metrics import CATALOG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from scaler.control.view import View
    from scaler.model.circuit_breaker import LaunchHealth
    from scaler.model.decision import Plan
    from scaler.model.policy import Policy
    from scaler.model.ports import Clock
    from scaler.model.workers import Worker

    Samples = Iterable[tuple[Sequence[str], float]]


class ViewCollector:
    """The last reconcile as gauges, made at each scrape."""

    def __init__(self, view: Callable[[], View], clock: Clock) -> None:
        self._view, self._clock = view, clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family after the other."""
        view, now = self._view(), self._clock.now()
        observation, policy = view.observation, view.policy
        yield _gauge("rayscaler_workers", _worker_counts(observation.workers, policy))
        yield _gauge("rayscaler_max_workers", [((), policy.max_workers)])
        yield _gauge("rayscaler_min_workers", [((), policy.fewest)])
        yield from _schedules(policy, now)
        yield _gauge("rayscaler_cost_per_hour", _costs(observation.workers, policy))
        warm = [((kind.name,), kind.warm_workers) for kind in policy.worker_types]
        yield _gauge("rayscaler_warm_workers", warm)
        up_wait, down_wait = scale_up_wait(observation, policy, now), scale_down_wait(observation, policy, now)
        yield _gauge("rayscaler_cooldown_remaining_seconds", [(("up",), up_wait), (("down",), down_wait)])
        yield from _breakers(observation.launch_health, policy, now)
        up, down = len(observation.up.alerts), len(observation.down.alerts)
        yield _gauge("rayscaler_alerts_active", [(("up",), up), (("down",), down)])
        yield _gauge("rayscaler_held", _held_counts(view.plan))
        paused_up, paused_down = observation.paused_up, observation.paused_down
        yield _gauge("rayscaler_paused", [(("up",), paused_up is not None), (("down",), paused_down is not None)])
        counts = Count(anomaly.case for anomaly in view.anomalies)
        yield _gauge("rayscaler_anomalies", [((case.value,), counts[case]) for case in Case])
        yield _gauge("rayscaler_infeasible_requests", [((), sum(misfit.count for misfit in view.plan.infeasible))])
        snapshot = observation.snapshot
        yield _gauge("rayscaler_snapshot_usable", [((), float(snapshot is not None))])
        if snapshot:
            yield _gauge("rayscaler_snapshot_age_seconds", [((), max(0.0, now - snapshot.observed_at))])


def _breakers(health: Mapping[str, LaunchHealth], policy: Policy, now: float) -> Iterator[GaugeMetricFamily]:
    known = {kind.name: health.get(kind.name, HEALTHY) for kind in policy.worker_types}
    states = {(name, state.value): one.state(now) is state for name, one in known.items() for state in BreakerState}
    yield _gauge("rayscaler_breaker_state", states.items())
    yield _gauge("rayscaler_launch_failures_in_a_row", [((name,), one.failures) for name, one in known.items()])
    waits = [((name,), one.wait(now)) for name, one in known.items()]
    yield _gauge("rayscaler_launch_backoff_remaining_seconds", waits)


def _schedules(policy: Policy, now: float) -> Iterator[GaugeMetricFamily]:
    holding = active(policy, now)
    yield _gauge("rayscaler_schedule_active", [((one.name,), one in holding) for one in policy.schedules])
    change = next_change(policy, now)
    yield _gauge("rayscaler_schedule_next_change_timestamp_seconds", [((), change.at)] if change else [])


def _costs(workers: Iterable[Worker], policy: Policy) -> Samples:
    there = counted(workers)
    return [((kind.name,), kind.price_per_hour * there[kind.name]) for kind in policy.worker_types]


def _worker_counts(workers: Iterable[Worker], policy: Policy) -> Samples:
    counts = {(state.value, kind.name): 0 for state in WorkerState for kind in policy.worker_types}
    for worker in workers:
        key = (worker.state.value, worker.worker_type)
        counts[key] = counts.get(key, 0) + 1
    return counts.items()


def _held_counts(plan: Plan) -> Samples:
    counts = Count({(cause.value,): 0 for cause in HELD_CAUSES})
    for held in plan.held:
        counts[held.cause.value,] += held.count
    return counts.items()


def _gauge(name: str, samples: Samples) -> GaugeMetricFamily:
    metric = CATALOG[name]
    family = GaugeMetricFamily(name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric([shown(label) for label in labels], value)
    return family
