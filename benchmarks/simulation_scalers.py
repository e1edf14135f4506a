"""Three ways to decide about workers: the shipped planner, Ray's own rule, the guide's plain step. Pure."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from benchmarks.simulation_alerts import Rule, Timing
from ray_watcher_common.state import ClusterState, Demand, Node, NodeStatus, bundle
from scaler.model.alerts import Alert, Permission
from scaler.model.cluster import Direction
from scaler.model.decision import Observation
from scaler.model.workers import ActionKind, Worker, WorkerState
from scaler.packing.capacity import Slot, Slots, fresh
from scaler.packing.greedy import Way
from scaler.packing.heuristics import as_ray_orders, as_ray_scores
from scaler.packing.line import Line
from scaler.packing.room import Room
from scaler.planning.plan import plan

if TYPE_CHECKING:
    from benchmarks.simulation_cluster import Cluster, SimWorker
    from scaler.model.policy import Policy

BUSY_SECONDS = 0.5  # between the shipped scaler's reconciles while something is in progress
ACTIONS_AT_ONCE = 32  # launches that the shipped scaler has on their way at once, and as many removals
CPU_THRESHOLD = 0.8  # WATCHER_CPU_THRESHOLD's default
RAY_LOOP_SECONDS = 5.0  # AUTOSCALER_UPDATE_INTERVAL_S
GUIDE_CHECK_SECONDS = 10.0  # WATCHER_CHECK_INTERVAL


@dataclass(frozen=True)
class Decision:
    """How many workers to launch, and which (by index) to let go."""

    launches: int = 0
    leaving: tuple[int, ...] = ()


NOTHING = Decision()


class Scaler(Protocol):
    """Decides every `interval` seconds; `flights` launches and as many removals are on their way at once (0: all)."""

    interval: float
    flights: int
    plans: int  # decisions that needed a plan

    def decide(self, cluster: Cluster, now: float) -> Decision:
        """What to do now."""


class Flights:
    """What is on its way: `at_once` of them, the rest in a queue, first in, first out."""

    def __init__(self, at_once: int) -> None:
        self._free_at = [0.0] * at_once

    def lands(self, now: float, seconds: float) -> float:
        """When something that takes `seconds` will be done."""
        if not self._free_at:
            return now + seconds
        landed = max(now, self._free_at[0]) + seconds
        heapq.heapreplace(self._free_at, landed)
        return landed


@dataclass
class RayWatcher:
    """`scaler.planning.plan.plan` behind the shipped alerts, at the moments at which the scaler reconciles.

    It is asked only where its answer could be to do something: while demand waits, the cooldown is over and there is
    room, or while a worker has been idle for its timeout. In between, its own rules forbid any action.
    """

    policy: Policy
    timing: Timing
    flights: int = ACTIONS_AT_ONCE
    plans: int = 0
    _last_up: float | None = None
    _last_down: float | None = None
    _demand_since: float | None = None
    _known: dict[int, tuple[str, int, Worker]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.interval = self.timing.evaluation
        self._pending, self._cpu, self._idle = (
            Rule(name, self.timing) for name in ("RayPendingTasks", "RayHighCpuUtilization", "RayWorkersIdle")
        )
        self._sample = (0, 0.0, 0.0)  # waiting tasks, CPUs in use, longest idle: what the last scrape saw
        self._next_scrape = self._next_look = 0.0

    def decide(self, cluster: Cluster, now: float) -> Decision:
        """Evaluate the rules on the last scrape, reconcile if the scaler would, scrape."""
        waiting, cpu, idle = self._sample
        timeout = self.policy.worker_types[0].idle_timeout
        woken = self._pending.evaluate(waiting > 0, now)
        woken |= self._cpu.evaluate(cpu > CPU_THRESHOLD, now)
        woken |= self._idle.evaluate(idle > timeout, now)
        shown = cluster.shown(now)
        decision = NOTHING
        if woken or now >= self._next_look:
            self._next_look = now + BUSY_SECONDS
            decision = self._reconcile(cluster, shown, now)
        if now >= self._next_scrape:
            self._next_scrape += self.timing.scrape
            in_use = cluster.busy_cpus / (cluster.in_ray * cluster.cpus) if cluster.in_ray else 0.0
            self._sample = (sum(shown), in_use, _longest_idle(cluster, now))
        return decision

    def _reconcile(self, cluster: Cluster, shown: tuple[int, ...], now: float) -> Decision:
        if not any(shown):
            self._demand_since = None
        if not self.worth_asking(cluster, shown, now):
            return NOTHING
        self.plans += 1
        observation = self.observation(cluster, shown, now)
        proposed = plan(observation, self.policy, now)
        self._demand_since = None if proposed.demand_met else observation.demand_since or now
        launches = sum(action.kind is ActionKind.LAUNCH for action in proposed.actions)
        leaving = tuple(
            int(action.worker_id.split("-")[1]) for action in proposed.actions if action.kind is ActionKind.DRAIN
        )
        self._last_up = now if launches else self._last_up
        self._last_down = now if leaving else self._last_down
        return Decision(launches, leaving)

    def worth_asking(self, cluster: Cluster, shown: tuple[int, ...], now: float) -> bool:
        """Whether the planner's own rules leave it anything to do; a test asks it always and finds the same day."""
        permitted = self._pending.sent or self._cpu.sent
        may_launch = any(shown) and permitted and self._may_launch(cluster, now)
        return may_launch or (self._idle.sent and self._may_drain(cluster, now))

    def _may_launch(self, cluster: Cluster, now: float) -> bool:
        rested = self._last_up is None or now >= self._last_up + self.policy.scale_up_cooldown
        return rested and len(cluster.workers) < self.policy.max_workers

    def _may_drain(self, cluster: Cluster, now: float) -> bool:
        rested = self._last_down is None or now >= self._last_down + self.policy.scale_down_cooldown
        return rested and _longest_idle(cluster, now) >= self.policy.worker_types[0].idle_timeout

    def observation(self, cluster: Cluster, shown: tuple[int, ...], now: float) -> Observation:
        """The cluster as the planner sees the real one."""
        workers = tuple(self._worker(cluster, worker, now) for worker in cluster.workers.values())
        nodes = tuple(worker.node for worker in workers if worker.node)
        demands = tuple(
            Demand(bundle({"CPU": queue.cpus}), count)
            for queue, count in zip(cluster.queues, shown, strict=True)
            if count
        )
        return Observation(
            snapshot=ClusterState(now, "gcs", nodes, demands),
            workers=workers,
            up=_permission(Direction.UP, now, self._pending, self._cpu),
            down=_permission(Direction.DOWN, now, self._idle),
            last_scale_up=self._last_up,
            last_scale_down=self._last_down,
            demand_since=self._demand_since,
        )

    def _worker(self, cluster: Cluster, worker: SimWorker, now: float) -> Worker:
        """The result of `scaler.model.workers.join_views`, computed again only after a change."""
        since, kind = cluster.idle_since.get(worker.index), self.policy.worker_types[0].name
        state = _state(worker, now)
        if state is not WorkerState.RUNNING:
            flight = {WorkerState.REQUESTED: ActionKind.LAUNCH, WorkerState.TERMINATING: ActionKind.REMOVE}.get(state)
            return Worker(worker.worker_id, worker.index, kind, state, worker.launched_at, action=flight)
        known = self._known.get(worker.index)
        if since is None and known and known[:2] == (worker.worker_id, worker.free):
            return known[2]
        node = Node(
            node_id=f"node-{worker.worker_id}",
            status=NodeStatus.RUNNING if since is None else NodeStatus.IDLE,
            instance_id=worker.worker_id,
            total={"CPU": float(cluster.cpus)},
            available={"CPU": float(worker.free)},
            idle_seconds=0.0 if since is None else now - since,
        )
        seen = Worker(worker.worker_id, worker.index, kind, state, worker.launched_at, node)
        if since is None:
            self._known[worker.index] = (worker.worker_id, worker.free, seen)
        return seen


@dataclass
class RayAutoscaler:
    """Ray's own rule at Ray's own interval: pack pending work, launch all of it at once, end what is idle too long.

    Its `ResourceDemandScheduler` takes seconds for each look at this size, so our equivalent of its greedy rule
    decides (`scaler.packing.heuristics.as_ray_orders` and `as_ray_scores`). No limit on launches in progress:
    that is generous, Ray's default is 10.
    """

    policy: Policy
    interval: float = RAY_LOOP_SECONDS
    flights: int = 0
    plans: int = 0

    def decide(self, cluster: Cluster, now: float) -> Decision:
        """One turn of its loop."""
        kind, shown = self.policy.worker_types[0], cluster.shown(now)
        expired = [index for index, since in cluster.idle_since.items() if now - since > kind.idle_timeout]
        if not any(shown):
            return Decision(0, tuple(expired))
        self.plans += 1
        free = Counter(worker.free for worker in cluster.workers.values() if worker.joined and not worker.leaving)
        total = {"CPU": float(cluster.cpus)}
        present = [Slots(Slot({"CPU": float(cpus)}, total), count) for cpus, count in sorted(free.items())]
        room = Room(self.policy.max_workers - len(cluster.workers), {kind.name: self.policy.max_workers})
        demands = [
            Demand(bundle({"CPU": queue.cpus}), count) for queue, count in zip(cluster.queues, shown, strict=True)
        ]
        joining = Counter({kind: cluster.joining})
        groups = [*present, Slots(fresh(kind), cluster.joining)] if cluster.joining else present
        way = Way(Line(demands, as_ray_orders), as_ray_scores, joining)
        outcome = way.run((), groups, [fresh(kind)], room)
        untouched = sum(
            group.count for group in outcome.workers if not group.slot.worker_type and group.slot.free == total
        )
        return Decision(outcome.launched.total(), tuple(expired[:untouched]))


@dataclass
class PlainStep:
    """The guide's rule: one more worker per cooldown while more than `threshold` tasks wait, and never one less."""

    policy: Policy
    threshold: int = 0
    interval: float = GUIDE_CHECK_SECONDS
    flights: int = 0
    plans: int = 0
    _last_up: float | None = None

    def decide(self, cluster: Cluster, now: float) -> Decision:
        """One check."""
        self.plans += 1
        rested = self._last_up is None or now >= self._last_up + self.policy.scale_up_cooldown
        room = len(cluster.workers) < self.policy.max_workers
        if not (rested and room and sum(cluster.shown(now)) > self.threshold):
            return NOTHING
        self._last_up = now
        return Decision(1)


def _state(worker: SimWorker, now: float) -> WorkerState:
    if worker.leaving:
        return WorkerState.TERMINATING
    if worker.joined:
        return WorkerState.RUNNING
    return WorkerState.REQUESTED if now < worker.landed_at else WorkerState.ALLOCATED


def _longest_idle(cluster: Cluster, now: float) -> float:
    return now - next(iter(cluster.idle_since.values())) if cluster.idle_since else 0.0


def _permission(direction: Direction, now: float, *rules: Rule) -> Permission:
    active = (rule for rule in rules if rule.sent)
    return Permission(tuple(Alert(rule.name, rule.name, direction, True, rule.starts_at, now) for rule in active))  # noqa: FBT003
