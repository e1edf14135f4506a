"""The simulated day, on traces so small that the answers can be worked out by hand."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import simulation, simulation_cluster, simulation_scalers
from benchmarks.simulation_alerts import Rule, Timing, seconds, shipped
from benchmarks.simulation_cluster import Cluster
from benchmarks.simulation_day import Result, simulate
from benchmarks.simulation_scalers import Flights, PlainStep, RayAutoscaler, RayWatcher, Scaler
from benchmarks.simulation_trace import DAYS, SHAPES, Trace, Work, generate
from exporter.settings import ExporterSettings
from scaler.__main__ import ACTIONS_AT_ONCE
from scaler.model.cluster import WorkerType
from scaler.model.policy import Policy
from scaler.reconciler import BUSY_INTERVAL_SECONDS
from support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROMETHEUS = ROOT / "prometheus"
TIMING = Timing(scrape=0.25, evaluation=0.25, group_wait=0.0, group_interval=0.5, patience={})


@pytest.fixture(autouse=True)
def _join_in_three_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 0.34 s for the container and 0.5 s until a task is picked up: 3.84 s from decision to work."""
    monkeypatch.setattr(simulation_cluster, "JOIN_SECONDS", (3.0, 3.0))


def work(cpus: int, *tasks: tuple[float, float]) -> Work:
    """Tasks of one shape: when each is submitted, and how long it runs."""
    return Work(cpus, tuple(at for at, _ in tasks), tuple(duration for _, duration in tasks))


def trace(*works: Work, lasts: float = 100.0) -> Trace:
    return Trace(works, lasts)


def policy(max_workers: int = 100, **changes: Any) -> Policy:
    kind = WorkerType("default", num_cpus=4, max_workers=max_workers)
    return Policy(worker_types=(kind,), max_workers=max_workers, **changes)


def run(day: Trace, scaler: Scaler, *, begin_with: int = 0, limits: Policy | None = None) -> Result:
    return simulate(day, limits or policy(), scaler, begin_with=begin_with)


def never(limits: Policy | None = None) -> PlainStep:
    """Never launches."""
    return PlainStep(limits or policy(), threshold=10**9)


# --- the cluster ---------------------------------------------------------------------------------------


def test_tasks_of_a_shape_run_in_the_order_of_their_submission() -> None:
    day = trace(work(4, (0.0, 10.0), (1.0, 10.0), (2.0, 10.0)))
    result = run(day, never(), begin_with=1)
    assert result.waits == [0.0, 9.0, 18.0]


def test_use_and_worker_hours_count_what_falls_into_the_day() -> None:
    result = run(trace(work(2, (0.0, 50.0), (80.0, 500.0))), never(), begin_with=1)
    assert result.utilization == pytest.approx((2 * 50 + 2 * 20) / 400)
    assert result.worker_hours == pytest.approx(100 / 3600)


def test_small_tasks_pass_a_large_one_that_has_no_room() -> None:
    day = trace(work(4, (2.0, 5.0)), work(1, (0.0, 10.0), (3.0, 1.0)))
    result = run(day, never(), begin_with=1)
    assert result.waits == [0.0, 0.0, 8.0]


def test_freed_room_goes_to_what_has_waited_longest() -> None:
    day = trace(work(2, (0.0, 10.0), (0.0, 20.0), (4.0, 1.0)), work(1, (3.0, 50.0), (5.0, 50.0)))
    result = run(day, never(), begin_with=1)
    # at 10.0 one CPU for the task of 3.0 and one for that of 5.0; the one of 4.0 needs two, which are free at 20.0
    assert result.waits == [0.0, 0.0, 5.0, 7.0, 16.0]


def test_a_worker_less_than_half_in_use_is_taken_before_an_idle_one_that_came_later() -> None:
    cluster = Cluster(trace(work(1, *[(float(i), 100.0) for i in range(4)])), cpus=4, cores=400.0)
    cluster.begin_with(2)
    cluster.advance(10.0)
    assert [worker.free for worker in cluster.workers.values()] == [2, 2]


def test_the_first_ten_of_a_burst_show_at_once_and_the_rest_within_a_second() -> None:
    cluster = Cluster(trace(work(1, *[(1.0, 5.0)] * 25)), cpus=4, cores=400.0)
    cluster.advance(1.5)
    assert cluster.shown(1.5) == (10,)
    assert cluster.shown(2.0) == (25,)


def test_a_worker_that_leaves_takes_no_more_work() -> None:
    cluster = Cluster(trace(work(1, (5.0, 1.0))), cpus=4, cores=400.0)
    cluster.begin_with(1)
    cluster.let_go(1, gone_at=6.0)
    cluster.advance(10.0)
    assert (cluster.shown(10.0), len(cluster.workers), cluster.removals) == ((1,), 0, 1)


def test_many_that_start_at_once_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation_cluster, "PICKUP_SECONDS", 0.0)
    cluster = Cluster(trace(work(1)), cpus=1, cores=2.0)
    for _ in range(4):
        cluster.launch(0.0, landed_at=0.0)
    cluster.advance(9.5)
    assert cluster.joining == 1
    cluster.advance(9.6)  # 4 x 4.8 core-seconds on 2 cores
    assert cluster.joining == 0


# --- who decides ---------------------------------------------------------------------------------------


EIGHT = work(4, *[(1.0, 10.0)] * 8)


def test_the_shipped_planner_brings_all_workers_that_demand_needs_in_one_decision() -> None:
    result = run(trace(EIGHT), RayWatcher(policy(), TIMING))
    # scraped at 1.00, evaluated and planned at 1.25, work from 5.09
    assert result.waits == pytest.approx([4.09] * 8)
    assert (result.launches, result.most_workers) == (8, 8)


def test_idle_workers_leave_after_the_idle_timeout() -> None:
    result = run(trace(EIGHT), RayWatcher(policy(), TIMING))
    # idle from 15.09, beyond 60 s in the scrape of 75.25, evaluated at 75.50, gone 1.6 s later
    assert result.removals == 8
    assert result.median_life == pytest.approx(77.1 - 1.25)


def test_more_launches_than_flights_start_one_after_the_other() -> None:
    day = trace(work(4, *[(1.0, 10.0)] * 9))
    assert run(day, RayWatcher(policy(), TIMING, flights=8)).waits == pytest.approx([4.09] * 8 + [4.43])
    assert run(day, RayWatcher(policy(), TIMING, flights=9)).waits == pytest.approx([4.09] * 9)


def test_a_burst_that_shows_ten_is_given_a_second_to_show_its_size() -> None:
    result = run(trace(work(4, *[(1.0, 10.0)] * 30)), RayWatcher(policy(), TIMING, flights=0))
    # settling until 1.2 s after it was first seen at 1.25: the reconcile of 2.75 launches all 30
    assert result.waits == pytest.approx([2.75 - 1.0 + 3.84] * 30)
    assert result.launches == 30


def test_the_cooldown_holds_what_comes_after_a_launch() -> None:
    day = trace(work(4, (1.0, 200.0), (3.0, 10.0)))
    result = run(day, RayWatcher(policy(scale_up_cooldown=60.0), TIMING))
    # over at 61.25; the scaler looks every half second
    assert result.waits == pytest.approx([4.09, 61.5 - 3.0 + 3.84])
    swift = policy(scale_up_cooldown=10.0)
    assert run(day, RayWatcher(swift, TIMING), limits=swift).waits == pytest.approx([4.09, 11.5 - 3.0 + 3.84])


def test_rays_rule_launches_on_its_beat_and_ends_what_is_idle() -> None:
    result = run(trace(EIGHT), RayAutoscaler(policy()))
    assert result.waits == pytest.approx([5.0 - 1.0 + 3.84] * 8)
    assert (result.launches, result.removals) == (8, 8)  # idle from 18.84, seen at 80


def test_rays_rule_packs_into_workers_that_are_joining() -> None:
    day = trace(work(1, *[(4.0, 10.0)] * 4, *[(5.5, 10.0)] * 2))
    result = run(day, RayAutoscaler(policy(), interval=1.0))
    assert result.launches == 2  # four on the first, two that come while it joins on another


def test_the_guides_step_adds_one_worker_per_cooldown_and_removes_none() -> None:
    day = trace(work(4, (1.0, 500.0), (1.0, 500.0), (1.0, 500.0)), lasts=1000.0)
    result = run(day, PlainStep(policy()))
    assert result.waits == pytest.approx([at - 1.0 + 3.84 for at in (10.0, 70.0, 130.0)])
    assert (result.launches, result.removals) == (3, 0)


@pytest.mark.parametrize("make", [lambda p: RayWatcher(p, TIMING), RayAutoscaler, PlainStep])
def test_nobody_launches_beyond_max_workers(make: Callable[[Policy], Scaler]) -> None:
    limits = policy(max_workers=3)
    day = trace(work(4, *[(1.0, 100.0)] * 9), lasts=400.0)
    assert run(day, make(limits), limits=limits).most_workers == 3


class AlwaysAsked(RayWatcher):
    """Plans at every reconcile."""

    def worth_asking(self, *_: object) -> bool:
        return True


@pytest.mark.parametrize("kind", sorted(DAYS))
def test_asking_the_planner_only_where_it_may_act_changes_nothing(kind: str) -> None:
    day = generate(DAYS[kind], tasks=200, hours=0.2, cpu_seconds=4000, seed=5)
    limits = policy(max_workers=12)
    asked, always = RayWatcher(limits, TIMING), AlwaysAsked(limits, TIMING)
    assert run(day, asked, limits=limits).waits == run(day, always, limits=limits).waits
    assert asked.plans < always.plans / 2


# --- flights and alerts --------------------------------------------------------------------------------


def test_flights_beyond_the_limit_wait_for_one_to_land() -> None:
    flights = Flights(2)
    assert [flights.lands(10.0, 1.0) for _ in range(5)] == [11.0, 11.0, 12.0, 12.0, 13.0]
    assert Flights(0).lands(10.0, 1.0) == 11.0


def test_an_alert_with_for_is_told_once_its_condition_has_held_so_long() -> None:
    rule = Rule("Slow", Timing(1.0, 1.0, 0.0, 0.5, {"Slow": 3.0}))
    assert [rule.evaluate(condition=True, now=float(now)) for now in range(5)] == [False, False, False, True, False]
    assert rule.starts_at == 3.0


def test_a_group_waits_before_its_first_notification() -> None:
    rule = Rule("Grouped", Timing(1.0, 1.0, 2.0, 5.0, {}))
    assert [rule.evaluate(condition=True, now=float(now)) for now in range(4)] == [False, False, True, False]


def test_a_resolved_alert_waits_for_the_next_tick_of_its_group() -> None:
    rule = Rule("Short", Timing(1.0, 1.0, 0.0, 5.0, {}))
    told = [rule.evaluate(condition=now < 2, now=float(now)) for now in range(7)]
    assert told == [True, False, False, False, False, True, False]
    assert not rule.sent


def test_the_shipped_files_give_the_timing() -> None:
    timing = shipped(PROMETHEUS)
    assert timing.patience.keys() == {"RayPendingTasks", "RayHighCpuUtilization", "RayWorkersIdle"}
    assert timing == Timing(0.25, 0.25, 0.0, 0.5, timing.patience)


def test_the_simulated_scaler_has_the_real_ones_figures() -> None:
    assert simulation_scalers.ACTIONS_AT_ONCE == ACTIONS_AT_ONCE
    assert simulation_scalers.BUSY_SECONDS == BUSY_INTERVAL_SECONDS
    assert ExporterSettings.model_fields["cpu_threshold"].default == simulation_scalers.CPU_THRESHOLD


@pytest.mark.parametrize(("text", "expected"), [("250ms", 0.25), ("0s", 0.0), ("1m30s", 90.0), ("4h", 14_400.0)])
def test_durations_are_read_as_prometheus_writes_them(text: str, expected: float) -> None:
    assert seconds(text) == expected


# --- the trace, and the command ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(DAYS))
def test_a_day_has_the_tasks_and_the_work_asked_for(kind: str) -> None:
    day = generate(DAYS[kind], tasks=20_000, hours=24, cpu_seconds=1e6, seed=3)
    assert day.tasks == 20_000
    assert day.cpu_seconds == pytest.approx(1e6, rel=0.15)
    assert [one.cpus for one in day.works] == [cpus for cpus, _ in SHAPES]
    for one in day.works:
        assert list(one.arrivals) == sorted(one.arrivals)
        assert one.arrivals[0] >= 0
        assert one.arrivals[-1] <= day.seconds


def test_the_same_seed_gives_the_same_day() -> None:
    def day(seed: int) -> Trace:
        return generate(DAYS["office"], tasks=100, hours=1, cpu_seconds=100, seed=seed)

    assert day(1) == day(1)
    assert day(1) != day(2)


def test_quantiles_name_a_wait_that_so_many_tasks_did_not_exceed() -> None:
    result = Result([0.0, 1.0, 2.0, 3.0], [], 0.0, 0.0, 0, 0, 0, 0.0, 0, 0)
    assert [result.wait(q) for q in (0.0, 0.5, 0.51, 1.0)] == [0.0, 1.0, 2.0, 3.0]
    assert result.share_over(1.0) == 0.5


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["simulation", *arguments])
    simulation.main()


def test_the_command_compares_all_on_a_small_day(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    picture = tmp_path / "day.png"
    arguments = ("--tasks", "3000", "--workers", "20", "--hours", "2", "--plot", str(picture))
    command(monkeypatch, *arguments, "--json")
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert len(runs) == 6
    assert runs[0]["name"] == "ray-watcher as shipped"
    assert all(one["most_workers"] <= 20 for one in runs)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_command_prints_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command(monkeypatch, "--tasks", "500", "--workers", "5", "--hours", "1", "--only", "guide")
    assert "the guide's plain +1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(("--cpus", "2"), "so give 4 or more", id="a worker too small for the largest task"),
        pytest.param(("--tasks", "0"), "not 1 or more", id="no tasks"),
        pytest.param(("--hours", "0"), "above 0", id="no day"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    with pytest.raises(SystemExit):
        command(monkeypatch, *arguments)
    assert told in capsys.readouterr().err
