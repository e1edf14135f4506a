"""A pretended cluster that follows plans: Ray's placement, joins, idle time, failures, and the shipped alerts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ray_watcher_common.state import ClusterState, Demand, Node, NodeStatus, bundle, merged
from scaler.model.alerts import Alert, Permission
from scaler.model.circuit_breaker import HEALTHY, LaunchHealth, LaunchOutcome
from scaler.model.cluster import Direction
from scaler.model.decision import STARTS_COOLDOWN, Action, Cause, Observation, Plan
from scaler.model.workers import ActionKind, Worker, WorkerState
from scaler.planning.plan import plan
from scaler.planning.worker_sizes import learned
from support.builders import head, worker_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scaler.model.cluster import WorkerType
    from scaler.model.policy import Policy

STEP_SECONDS = 5.0
JOIN_SECONDS = 5.0  # as a container takes that starts with others
FIRES_AFTER = 5.0  # `for` of RayPendingTasks with the time to scrape and evaluate
RAYS_MEMORY = 10e9  # what Ray gives a worker whose type says nothing of memory


@dataclass(frozen=True)
class Arrival:
    """`count` tasks that are submitted at once; they run for `seconds`."""

    at: float
    request: Demand
    seconds: float


@dataclass(frozen=True)
class Story:
    """What happens in an hour."""

    policy: Policy
    arrivals: tuple[Arrival, ...] = ()
    floor: tuple[Demand, ...] = ()
    begins_with: tuple[str, ...] = ()  # idle workers of these types
    fails_until: Mapping[str, float] = field(default_factory=dict)  # launches of a type fail until then
    up: tuple[Alert, ...] = ()  # further rules that fire all the time


@dataclass
class Simulated:
    """A worker of the pretended cluster."""

    index: int
    kind: WorkerType
    created_at: float
    joins_at: float
    busy: list[tuple[float, Demand]] = field(default_factory=list)  # when what ends
    idle_since: float = 0.0
    fails: bool = False

    @property
    def worker_id(self) -> str:
        return worker_name(self.index)

    @property
    def total(self) -> dict[str, float]:
        return {"memory": RAYS_MEMORY, **self.kind.resources}

    @property
    def free(self) -> dict[str, float]:
        free = Counter(self.total)
        for _, request in self.busy:
            free.subtract(dict(request.shape))
        return dict(free)


@dataclass(frozen=True)
class Event:
    """What a plan did at one time."""

    at: float
    action: Action
    kind: str  # of its worker


@dataclass
class World:
    """The cluster at one time, and what has happened so far (times in seconds of the hour)."""

    story: Story
    now: float = 0.0
    workers: list[Simulated] = field(default_factory=list)
    pending: list[tuple[Demand, float]] = field(default_factory=list)  # a request of one task, and how long it runs
    events: list[Event] = field(default_factory=list)
    served: int = 0
    broken: list[str] = field(default_factory=list)  # invariants that did not hold
    counts: list[tuple[float, int, int]] = field(default_factory=list)  # time, pending, workers
    _health: dict[str, LaunchHealth] = field(default_factory=dict)
    _learned: dict[str, Mapping[str, float]] = field(default_factory=dict)
    _last: dict[Direction, float] = field(default_factory=dict)
    _pending_since: float | None = None
    _ended: list[Simulated] = field(default_factory=list)
    _rounds: int = 0

    def __post_init__(self) -> None:
        for name in self.story.begins_with:
            self._start(name, joins_at=0.0)

    def run(self, seconds: float) -> World:
        """Let so much time pass."""
        while self.now < seconds:
            self.step()
            self.now += STEP_SECONDS
        return self

    def step(self) -> None:
        """One look of the scaler, after what has happened since the last."""
        for arrival in self.story.arrivals:
            if self.now <= arrival.at < self.now + STEP_SECONDS:
                one = replace(arrival.request, count=1)
                self.pending += [(one, arrival.seconds)] * arrival.request.count
        self._end_work()
        self._join()
        self._place()
        since = self.now if self._pending_since is None else self._pending_since
        self._pending_since = since if self.pending else None
        self.counts.append((self.now, len(self.pending), len(self.workers)))
        seen = self.observation()
        self._learned = learned(self._learned, seen.workers)
        proposed = plan(seen, self.story.policy, self.now)
        self._check(proposed)
        self._apply(proposed)

    # --- what happens ------------------------------------------------------------------------------------

    def _end_work(self) -> None:
        for one in self.workers:
            left = [(end, request) for end, request in one.busy if end > self.now]
            if one.busy and not left:
                one.idle_since = self.now
            one.busy = left

    def _join(self) -> None:
        for one in [one for one in self.workers if one.fails and one.joins_at <= self.now]:
            self.workers.remove(one)
            self._told(one, joined=False)
        for one in self.workers:
            if one.joins_at == self.now or (one.joins_at <= self.now and one.idle_since == 0.0 < one.joins_at):
                one.idle_since = one.joins_at
                self._told(one, joined=True)

    def _told(self, one: Simulated, *, joined: bool) -> None:
        outcome = LaunchOutcome(one.kind.name, self._rounds, self.now, joined)
        self._health[one.kind.name] = self._health.get(one.kind.name, HEALTHY).after(outcome)

    def _place(self) -> None:
        """As Ray does: workers with GPUs last for work that needs none, the fullest first."""
        waiting = []
        for request, seconds in self.pending:
            shape = dict(request.shape)
            fitting = [one for one in self._running() if _fits(request, one)]
            if not fitting:
                waiting.append((request, seconds))
                continue
            spares = {id(one): not one.kind.num_gpus or bool(shape.get("GPU")) for one in fitting}
            best = min(fitting, key=lambda one: (not spares[id(one)], -len(one.busy), one.index))
            best.busy.append((self.now + seconds, request))
            self.served += 1
        self.pending = waiting

    def _running(self) -> list[Simulated]:
        return [one for one in self.workers if one.joins_at <= self.now and not one.fails]

    def _start(self, name: str, joins_at: float) -> None:
        kind = self.story.policy.worker_type(name)
        assert kind is not None, f"a launch of {name}, which the policy lacks"
        taken = {one.index for one in self.workers}
        index = next(n for n in range(1, len(taken) + 2) if n not in taken)
        fails = self.now < self.story.fails_until.get(name, 0.0) and joins_at > 0
        self.workers.append(Simulated(index, kind, self.now, joins_at, fails=fails))

    def _apply(self, proposed: Plan) -> None:
        for action in proposed.actions:
            if action.kind is ActionKind.LAUNCH:
                self._start(action.worker_type, self.now + JOIN_SECONDS)
                if action.cause in STARTS_COOLDOWN:
                    self._last[Direction.UP] = self.now
            elif action.kind is ActionKind.DRAIN:
                gone = next(one for one in self.workers if one.worker_id == action.worker_id)
                self.workers.remove(gone)
                self._last[Direction.DOWN] = self.now
            self.events.append(Event(self.now, action, action.worker_type))
        self._rounds += 1

    # --- what the scaler sees ----------------------------------------------------------------------------

    def observation(self) -> Observation:
        """The cluster as the reconciler would see it."""
        workers = tuple(self._worker(one) for one in self.workers)
        nodes = (head(total={"CPU": 0.0, "memory": 50e9}), *(worker.node for worker in workers if worker.node))
        return Observation(
            ClusterState(self.now, "gcs", nodes, self.demands(), constraints=self.story.floor),
            workers,
            up=self._up(),
            down=self._down(),
            last_scale_up=self._last.get(Direction.UP),
            last_scale_down=self._last.get(Direction.DOWN),
            launch_health=dict(self._health),
            learned=dict(self._learned),
            demand_since=self._pending_since,
        )

    def demands(self) -> tuple[Demand, ...]:
        """What is pending, by shape."""
        return merged(request for request, _ in self.pending)

    def _worker(self, one: Simulated) -> Worker:
        if one.joins_at > self.now or one.fails:
            return Worker(one.worker_id, one.index, one.kind.name, WorkerState.ALLOCATED, one.created_at)
        idle = 0.0 if one.busy else self.now - one.idle_since
        status = NodeStatus.RUNNING if one.busy else NodeStatus.IDLE
        made = Node(
            node_id=f"node-{one.worker_id}-{one.created_at:g}",
            status=status,
            instance_id=one.worker_id,
            total=one.total,
            available=one.free,
            idle_seconds=idle,
            labels=one.kind.node_labels,
        )
        return Worker(one.worker_id, one.index, one.kind.name, WorkerState.RUNNING, one.created_at, made)

    def _up(self) -> Permission:
        fires = self._pending_since is not None and self.now - self._pending_since >= FIRES_AFTER
        return Permission((*self.story.up, *([self._alert("RayPendingTasks", Direction.UP)] if fires else [])))

    def _down(self) -> Permission:
        fires = any(not one.busy and self.now - one.idle_since > one.kind.idle_timeout for one in self._running())
        return Permission((self._alert("RayWorkersIdle", Direction.DOWN),) if fires else ())

    def _alert(self, name: str, direction: Direction) -> Alert:
        return Alert(name, name, direction, firing=True, starts_at=self.now - 60, received_at=self.now)

    # --- what must hold at any time ----------------------------------------------------------------------

    def _check(self, proposed: Plan) -> None:
        drained = [action for action in proposed.actions if action.kind is ActionKind.DRAIN]
        new, gone = Counter(a.worker_type for a in proposed.launches), Counter(a.worker_type for a in drained)
        busy = {one.worker_id for one in self.workers if one.busy}
        if taken := busy & {action.worker_id for action in drained}:
            self._break(f"drained while busy: {taken}")
        if both := new.keys() & gone.keys():
            self._break(f"drained and launched at once: {both}")
        self._check_bounds(new, gone)
        self._check_flapping(proposed)
        if new:
            self._check_joined(proposed)

    def _check_bounds(self, new: Counter[str], gone: Counter[str]) -> None:
        policy, there = self.story.policy, Counter(one.kind.name for one in self.workers)
        limits = [("the pool", there.total(), new.total(), gone.total(), policy.min_workers, policy.max_workers)]
        for kind in policy.worker_types:
            name = kind.name
            limits.append((name, there[name], new[name], gone[name], kind.min_workers, kind.max_workers))
        for name, before, more, less, fewest, most in limits:
            if more and before + more > most:
                self._break(f"{before + more} workers of {name}")
            if less and before - less < fewest:
                self._break(f"{before - less} workers of {name}")

    def _check_flapping(self, proposed: Plan) -> None:
        """No launch of a type that was drained less than its idle timeout before, for unchanged demand."""
        for action in proposed.launches:
            kind = self.story.policy.worker_type(action.worker_type)
            for event in reversed(self.events):
                if kind is None or event.at <= self.now - kind.idle_timeout or self._changed(event.at):
                    break
                if event.action.kind is ActionKind.DRAIN and event.kind == kind.name:
                    self._break(f"{kind.name} was drained at {event.at:g} and is launched: {action.reason}")

    def _changed(self, since: float) -> bool:
        """Whether the demand has changed since then, or a minute before."""
        return any(since - 60 <= arrival.at <= self.now for arrival in self.story.arrivals)

    def _check_joined(self, proposed: Plan) -> None:
        """Once what is launched has joined, and before Ray has placed anything, nothing more is asked for."""
        if any(one.fails for one in self.workers) or self._partly(proposed):
            return
        drained = {action.worker_id for action in proposed.actions if action.kind is ActionKind.DRAIN}
        there = [replace(one, joins_at=0.0) for one in self.workers if one.worker_id not in drained]
        after = World(replace(self.story, begins_with=()), self.now + 1000, there, self.pending)
        after._pending_since, after._learned = self.now, self._learned
        for action in proposed.launches:
            after._start(action.worker_type, joins_at=0.0)
        for one in after.workers:
            one.fails, one.idle_since = False, one.idle_since if one.busy else after.now
        again = plan(after.observation(), self.story.policy, after.now)
        more = [action for action in again.launches if action.cause is Cause.PENDING_DEMAND]
        if more:
            self._break(f"{len(more)} more workers once {len(proposed.launches)} have joined: {more[0].reason}")

    def _partly(self, proposed: Plan) -> bool:
        """Whether more is to be launched for the same demand later."""
        probing = any(action.cause is Cause.PROBE for action in proposed.actions)
        return probing or any(held.cause in _LATER for held in proposed.held)

    def _break(self, what: str) -> None:
        self.broken.append(f"at {self.now:g} s: {what}")


_LATER = {
    Cause.NO_ALERT,
    Cause.COOLDOWN,
    Cause.LAUNCHES_FAIL,
    Cause.UPSCALING_SPEED,
    Cause.LAUNCHES_IN_PROGRESS,
    Cause.PROBE,
}


def _fits(request: Demand, one: Simulated) -> bool:
    free = one.free
    enough = all(free.get(name, 0.0) >= amount - 1e-9 for name, amount in request.shape)
    return enough and request.may_run_on(one.kind.node_labels)


def task(at: float, count: int, seconds: float, **shape: float) -> Arrival:
    """`count` tasks of one shape."""
    return Arrival(at, Demand(bundle(shape), count), seconds)


def could_run(request: Demand, kinds: Iterable[WorkerType]) -> bool:
    """Whether a fresh worker of one of these types can hold it, in this world."""
    return any(_fits(request, Simulated(1, kind, 0.0, 0.0)) for kind in kinds)
