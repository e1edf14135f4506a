"""Observe → plan → apply → record: the scaler's main flow.

One reconcile at a time; the actions it starts (a launch takes a third of a second, a removal up to half a minute)
run in the background, so that one slow or broken worker never holds up the loop. Actions in progress are part of
the next observation, and each action that succeeds wakes the loop.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from scaler.control.recovery import Recovery
from scaler.control.requests import Requests, settle
from scaler.control.view import Memory, View
from scaler.explain.anomalies import anomalies
from scaler.model.alerts import permission
from scaler.model.circuit_breaker import avoided_hosts, health_by_type
from scaler.model.cluster import Direction
from scaler.model.decision import Cause, Observation, Plan
from scaler.model.errors import JournalCorruptError, JournalError, ProviderError, SnapshotUnavailableError
from scaler.model.workers import JOINING, ActionKind, Worker, WorkerState, join_views
from scaler.planning.by_hand import with_requests
from scaler.planning.plan import plan
from scaler.planning.worker_sizes import joined, learned
from scaler.recording.moment import Moment
from scaler.schedules.effective import DEFAULT_JOIN_SECONDS, effective, seconds_to_look
from scaler.telemetry.stages import StageTracker

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from ray_watcher_common.state import ClusterState
    from scaler.control.actions import ActionRunner
    from scaler.control.custom_planner import Planner
    from scaler.control.view import Wakeup
    from scaler.control.watchdog import Watchdog
    from scaler.journal.journal import Journal
    from scaler.model.cluster import Host
    from scaler.model.policy import Policy
    from scaler.model.ports import Clock, ClusterReader, WorkerProvider
    from scaler.telemetry.metrics import ScalerMetrics

log = structlog.get_logger()

REST_SECONDS = 0.1  # minimum between reconciles: one reconcile serves all wake-ups meanwhile, even a flood of webhooks
BUSY_INTERVAL_SECONDS = 0.5  # between reconciles while an alert is active or a worker is on its way
REPEATED_SECONDS = 30.0  # repeated causes, two that alternate too, are not journaled again so soon
FORGET_EVERY_SECONDS = 3600.0
JOURNAL_KEPT_SECONDS = 30 * 24 * 3600.0
MOVING = JOINING | {WorkerState.DRAINING, WorkerState.TERMINATING}


class Reconciler:
    """Brings the worker pool to what demand asks for and alerts permit."""

    def __init__(  # noqa: PLR0913  # one argument for each port
        self,
        *,
        reader: ClusterReader,
        provider: WorkerProvider,
        runner: ActionRunner,
        journal: Journal,
        policy: Policy,
        metrics: ScalerMetrics,
        clock: Clock,
        wakeup: Wakeup,
        planner: Planner = plan,
        watchdog: Watchdog | None = None,
        record: Callable[[Moment], None] = lambda _moment: None,
    ) -> None:
        self._watchdog = watchdog
        self.is_looping = False  # whether a wake-up brings a new view
        self._reader, self._provider, self._runner = reader, provider, runner
        self._journal, self._metrics = journal, metrics
        self.policy = policy  # a reload replaces it, in another thread; a round begins with it and keeps it
        self._clock, self._wakeup, self.planner = clock, wakeup, planner
        self._record_moment = record
        self._reported: dict[object, float] = {}
        self.requests = Requests(wakeup)
        self._stages = StageTracker()
        self._recovery = Recovery(journal, metrics)
        self._running: frozenset[str] = frozenset()
        self._hosts: tuple[Host, ...] = ()
        self._forgotten_at = 0.0
        self.begin()

    def begin(self) -> None:
        """Start from the journal's state, which another process may have written while this one was on standby."""
        now = self._clock.now()
        self._last_seen = dict.fromkeys(self._journal.joined(), now)  # when each worker was last in Ray
        self._policy, self._types, self._ahead = self.policy, self.policy.worker_types, 0.0
        self.view = View(now, Observation(None, problem="not observed yet"), Plan(), self._policy)
        self._memory = Memory().after(self.view.observation, self.view.plan, now)
        self._has_begun = True

    def reconcile(self, trigger: str) -> Plan:
        """Bring the worker pool to what demand asks for, once.

        Raises `JournalError`: no action is taken that cannot be journaled.
        """
        now = self._clock.now()
        given = self.policy
        if given.worker_types != self._types:  # what came true of the former types says nothing
            self._memory = replace(self._memory, joined={})
        self._types = given.worker_types
        if self._journal.problem:
            self._journal.probe()
        self._ahead = self._seconds_ahead(given)
        self._policy = effective(given, now, self._ahead)
        observation = self.observe(now)
        self._recovery.settle(observation, self._running, now)
        planned = self.planner(observation, self._policy, now)
        with self.requests.taken() as asked:
            wanted = [one.request for one in asked]
            proposed, answers = with_requests(observation, planned, self._policy, now, wanted)
            decision_id = self._record(trigger, proposed, now)
            launched = self._runner.start(
                decision_id, proposed.actions, observation.workers, self._policy, observation.avoided_hosts
            )
            settle(asked, answers, launched, decision_id)
        self._metrics.observe_stages(self._stages.see(observation, proposed, launched, now))
        self.view = View(now, observation, proposed, self._policy, self._stages.last, anomalies(observation))
        self._memory = self._memory.after(observation, proposed, now)
        self._record_moment(Moment(now, observation, self._policy, proposed))
        return proposed

    def _seconds_ahead(self, policy: Policy) -> float:
        """Seconds before a window at which its workers are launched: as long as the slowest recent join took."""
        if not policy.schedules:
            return 0.0
        slowest = max(self._journal.join_durations(), default=DEFAULT_JOIN_SECONDS)
        return min(slowest, policy.join_timeout) + BUSY_INTERVAL_SECONDS

    def observe(self, now: float) -> Observation:
        """All inputs of a plan at `now`. Raises `JournalError`."""
        snapshot, problem = self._read_snapshot()
        workers, provider_problem = self._list_workers(snapshot, now)
        blind = snapshot is None or not snapshot.demand_known
        alerts, expiry = self._journal.alerts(), self._policy.alert_expiry
        outcomes, hosts = self._journal.launch_outcomes(), self._hosts
        pauses = self._journal.pauses(now)
        return Observation(
            snapshot=snapshot,
            workers=workers,
            up=permission(alerts, Direction.UP, now, expiry),
            down=permission(alerts, Direction.DOWN, now, expiry),
            last_scale_up=self._journal.last_scale_up(),
            last_scale_down=self._journal.last_started(ActionKind.DRAIN),
            launch_health=health_by_type(outcomes, {host.name for host in hosts}),
            no_room=self._journal.no_room(),
            avoided_hosts=avoided_hosts(outcomes, now),
            hosts=hosts,
            learned=learned(self._memory.learned, workers),
            joined=joined(self._memory.joined, self._memory.workers, workers, snapshot),
            last_drain_failure=self._journal.last_failed(ActionKind.DRAIN),
            last_prepare_failure=self._journal.last_prepare_failure(),
            demand_since=self._memory.demand_since,
            blind_since=(self._memory.blind_since or now) if blind else None,
            problem=problem,
            provider_problem=provider_problem,
            watchdog_missing_since=self._watchdog.missing_since(now) if self._watchdog else None,
            paused_up=pauses.get(Direction.UP),
            paused_down=pauses.get(Direction.DOWN),
        )

    def _read_snapshot(self) -> tuple[ClusterState | None, str]:
        try:
            return self._reader.read(), ""
        except SnapshotUnavailableError as error:
            return None, str(error)

    def _list_workers(self, snapshot: ClusterState | None, now: float) -> tuple[tuple[Worker, ...], str]:
        """The workers and ""; or, if the provider fails, the last known workers and the problem."""
        running = self._runner.running()  # first: an action that ends meanwhile is in the provider's list too
        self._running = frozenset(running)
        instances = {id_: action.placeholder for id_, action in running.items() if action.placeholder}
        try:
            instances |= {instance.worker_id: instance for instance in self._provider.list()}
            if self._provider.capabilities.many_hosts:
                self._hosts = tuple(self._provider.hosts())
        except ProviderError as error:
            return self._memory.workers, str(error)
        workers = join_views(
            (instance for instance in instances.values() if instance),
            snapshot,
            last_seen=self._last_seen,
            launched=self._journal.launched(),
            running={worker_id: action.kind for worker_id, action in running.items()},
            now=now,
            join_timeout=self._policy.join_timeout,
        )
        workers = self._with_drains(workers, now)
        self._remember(snapshot, workers)
        return workers, ""

    def _with_drains(self, workers: tuple[Worker, ...], now: float) -> tuple[Worker, ...]:
        """The workers, each draining one with the time at which its drain was first observed."""
        since = self._memory.draining_since
        return tuple(
            replace(worker, draining_since=since.get(worker.worker_id, now))
            if worker.state is WorkerState.DRAINING
            else worker
            for worker in workers
        )

    def _remember(self, snapshot: ClusterState | None, workers: tuple[Worker, ...]) -> None:
        """Remember which workers are in Ray; the first time is journaled."""
        if snapshot is None:
            return
        seen = [worker.worker_id for worker in workers if worker.node]
        if newly := [worker_id for worker_id in seen if worker_id not in self._last_seen]:
            hosts = {worker.worker_id: worker.host or "" for worker in workers}
            self._journal.mark_joined(newly, snapshot.observed_at, hosts)
        self._last_seen.update(dict.fromkeys(seen, snapshot.observed_at))

    def _record(self, trigger: str, proposed: Plan, now: float) -> int:
        """Journal a decision with actions or with new causes; returns its id (0: nothing new)."""
        causes = (
            frozenset(held.cause for held in proposed.held),
            frozenset(misfit.shape for misfit in proposed.infeasible),
        )
        recent = {known: at for known, at in self._reported.items() if 0 <= now - at < REPEATED_SECONDS}
        self._reported = {**recent, causes: now}
        if not proposed.actions and causes in recent:
            return 0
        decision_id = self._journal.record_decision(trigger, proposed, now)
        for held in proposed.held:
            log.info("held", cause=held.cause.value, count=held.count, reason=held.reason, decision=decision_id)
        for misfit in proposed.infeasible:
            log.warning("infeasible", shape=misfit.shape, count=misfit.count, reason=misfit.reason)
        return decision_id

    # --- the loop -------------------------------------------------------------------------------------

    def run(self, stop: threading.Event, check_interval: float, leads: Callable[[], bool] = lambda: True) -> None:
        """Begin, then reconcile whenever woken, and at least every `check_interval` seconds.

        Until `stop` is set, or this scaler no longer `leads`, which is asked before anything is decided.
        """
        self._has_begun, self.is_looping = False, True
        while not stop.is_set() and leads():
            done = self._reconcile_safely(self._wakeup.take())
            stop.wait(REST_SECONDS)
            self._wakeup.wait(min(max(self._interval(), 0.0 if done else BUSY_INTERVAL_SECONDS), check_interval))
        self.is_looping = False

    def _reconcile_safely(self, trigger: str) -> bool:
        """Reconcile; returns whether no unexpected error occurred."""
        with self._metrics.reconcile_duration.time():
            try:
                if not self._has_begun:
                    self.begin()
                self._forget_the_old()
                self.reconcile(trigger)
            except JournalError as error:
                self._hold_everything(error)
            except Exception:
                self._metrics.reconcile_errors.inc()
                log.exception("reconcile failed")
                return False
        return True

    def _hold_everything(self, error: JournalError) -> None:
        """Take no action without a journal; replace a damaged file, for the next reconcile."""
        self._metrics.reconcile_errors.inc()
        log.error("journal not usable, actions suspended", problem=str(error))
        now = self._clock.now()
        blocked = replace(self.view.observation, journal_problem=str(error))
        self.view = replace(self.view, at=now, observation=blocked, plan=plan(blocked, self._policy, now))
        self._memory = self._memory.after(blocked, self.view.plan, now)
        if isinstance(error, JournalCorruptError):
            try:
                aside = self._journal.replace_file(now, str(error))
                log.warning("damaged journal replaced", kept=str(aside))
            except JournalError as problem:
                log.error("damaged journal not replaced", problem=str(problem))  # noqa: TRY400  # known

    def _forget_the_old(self) -> None:
        now = self._clock.now()
        if abs(now - self._forgotten_at) > FORGET_EVERY_SECONDS:
            self._journal.forget(now - JOURNAL_KEPT_SECONDS)
            self._forgotten_at = now

    def _interval(self) -> float:
        """Seconds until the next reconcile if nothing wakes the loop."""
        observation, held = self.view.observation, self.view.plan.held
        if any(one.cause is Cause.DEMAND_SETTLING for one in held):
            return 0.0  # work is pending, and REST_SECONDS limits the rate
        moving = any(worker.state in MOVING for worker in observation.workers)
        if moving or observation.up or observation.down:
            return BUSY_INTERVAL_SECONDS
        return seconds_to_look(self.policy, self.view.at, self._ahead)
