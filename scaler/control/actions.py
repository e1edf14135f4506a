"""Actions on their way: written down before they happen, carried out in the background, and their outcome after."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import structlog

from scaler.journal.journal import DONE, FAILED
from scaler.model.cluster import Instance, InstanceStatus, LaunchRequest
from scaler.model.errors import DrainRefusedError, IndexTakenError, JournalError, ScalerError
from scaler.model.workers import ActionKind, lowest_free_index
from scaler.planning.context import RETRY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from concurrent.futures import Executor

    from scaler.journal.journal import Journal
    from scaler.model.decision import Action
    from scaler.model.policy import Policy
    from scaler.model.ports import Clock, Drainer, WorkerProvider
    from scaler.model.workers import Worker
    from scaler.telemetry.metrics import ScalerMetrics

WAIT_POLL_SECONDS = 0.05
MAKES_WORKERS = frozenset({ActionKind.LAUNCH, ActionKind.PREPARE})

log = structlog.get_logger()


Outcome = tuple[int, str, str, float]
"""Action, outcome, detail and time of an action that has ended, as the journal takes them."""


class NewId(Protocol):
    """Makes worker ids; an argument so that tests know them."""

    def __call__(self, index: int) -> str:
        """The id of a new `worker-<index>`; unlike any before, for Ray remembers the dead."""


def random_id(index: int) -> str:
    """`worker-<index>-<6 random hex digits>`."""
    return f"worker-{index}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class Flight:
    """One action on its way; `request` is the worker to be, where it makes one."""

    kind: ActionKind
    started_at: float
    request: LaunchRequest | None = None
    until: float | None = None  # it failed, and counts as airborne until then: not to be tried again at once

    @property
    def placeholder(self) -> Instance | None:
        """Stands for a worker that the provider does not list yet."""
        if self.request is None:
            return None
        kind = self.request.worker_type.name
        return Instance(
            self.request.worker_id, self.request.index, kind, InstanceStatus.REQUESTED, created_at=self.started_at
        )

    def has_rested(self, now: float) -> bool:
        """Whether it failed so long ago that it may be tried again; or the clock was set back since."""
        return self.until is not None and not now < self.until <= now + RETRY_SECONDS


class Flights:
    """Starts actions on `executor` and knows those that have not landed; `landed` is called after each success."""

    def __init__(  # noqa: PLR0913  # the ports it flies to
        self,
        *,
        provider: WorkerProvider,
        drainer: Drainer,
        journal: Journal,
        policy: Policy,
        metrics: ScalerMetrics,
        clock: Clock,
        executor: Executor,
        landed: Callable[[str], None],
        removals: Executor | None = None,
        stop_grace: float = 35.0,
        new_id: NewId = random_id,
    ) -> None:
        self._provider, self._drainer, self._journal, self._policy = provider, drainer, journal, policy
        self._metrics, self._clock, self._executor, self._landed = metrics, clock, executor, landed
        self._removals = removals or executor  # of its own, where a stubborn worker shall not hold up launches
        self._stop_grace, self._new_id = stop_grace, new_id
        self._lock = threading.Lock()
        self._airborne: dict[str, Flight] = {}
        self._taken_by_strangers: set[int] = set()  # indexes that a launch was refused; the provider lists no holder
        self._unwritten: list[Outcome] = []

    def airborne(self) -> dict[str, Flight]:
        """What is on its way now, by worker id."""
        self._write_outcomes()
        now = self._clock.now()
        with self._lock:
            for worker_id in [id_ for id_, flight in self._airborne.items() if flight.has_rested(now)]:
                del self._airborne[worker_id]
            return dict(self._airborne)

    def wait(self, seconds: float) -> None:
        """Until all have landed, at most `seconds`."""
        deadline = time.monotonic() + seconds
        while any(flight.until is None for flight in self.airborne().values()) and time.monotonic() < deadline:
            time.sleep(WAIT_POLL_SECONDS)

    def start(self, decision_id: int, actions: Iterable[Action], workers: Collection[Worker]) -> dict[str, Action]:
        """Write `actions` down and let them fly; `workers` are those whose index is taken. Raises `JournalError`.

        Indexes are given out here for all of them: the first may have landed before the last one starts. Returns the
        launches, by worker id.
        """
        launched: dict[str, Action] = {}
        taken = {worker.index for worker in workers}
        taken |= {flight.request.index for flight in self.airborne().values() if flight.request}
        taken |= self._taken_by_strangers
        indexes = {worker.worker_id: worker.index for worker in workers}
        for action in actions:
            request = self._request(action, indexes, taken) if action.kind in MAKES_WORKERS else None
            if request:
                taken.add(request.index)
            if request and action.kind is ActionKind.LAUNCH:
                launched[request.worker_id] = action
            self._start(decision_id, action, request)
        return launched

    def _start(self, decision_id: int, action: Action, request: LaunchRequest | None) -> None:
        now = self._clock.now()
        worker_id = request.worker_id if request else action.worker_id
        action_id = self._journal.intend(decision_id, action, worker_id, now)
        log.info(action.kind.value, worker=worker_id, cause=action.cause.value, reason=action.reason)
        with self._lock:
            self._airborne[worker_id] = Flight(action.kind, now, request)
        executor = self._removals if action.kind is ActionKind.REMOVE else self._executor
        executor.submit(self._fly, action_id, action, worker_id, request)

    def _request(self, action: Action, indexes: Mapping[str, int], taken: set[int]) -> LaunchRequest:
        """The worker to be: a warm one where the action names it, else a new one."""
        kind = self._policy.worker_type(action.worker_type)
        if kind is None:
            raise ScalerError(f"the plan names worker type {action.worker_type!r}, which the policy does not have")
        if action.worker_id:
            return LaunchRequest(action.worker_id, indexes[action.worker_id], kind)
        index = lowest_free_index(taken)
        return LaunchRequest(self._new_id(index), index, kind)

    def _fly(self, action_id: int, action: Action, worker_id: str, request: LaunchRequest | None) -> None:
        outcome, detail = DONE, ""
        try:
            self._carry_out(action, worker_id, request)
        except ScalerError as error:
            outcome, detail = FAILED, str(error)
            if request is not None and isinstance(error, IndexTakenError):
                self._taken_by_strangers.add(request.index)
            log.warning("action failed", action=action.kind.value, worker=worker_id, problem=detail)
        except Exception as error:
            outcome, detail = FAILED, f"{type(error).__name__}: {error}"
            log.exception("action failed", action=action.kind.value, worker=worker_id)
        self._land(action_id, action, worker_id, outcome, detail)

    def _carry_out(self, action: Action, worker_id: str, request: LaunchRequest | None) -> None:
        if request is not None and action.kind is ActionKind.PREPARE:
            self._provider.prepare(request)
        elif request is not None:
            self._provider.launch(request)
        elif action.kind is ActionKind.REMOVE:
            self._provider.remove(worker_id, self._stop_grace)
        else:
            reply = self._drainer.drain_idle(action.node_id, action.reason)
            if not reply.accepted:
                raise DrainRefusedError(f"Ray keeps it: {reply.message}")

    def _land(self, action_id: int, action: Action, worker_id: str, outcome: str, detail: str) -> None:
        self._metrics.action_ended(action.kind, action.cause, outcome)
        with self._lock:
            self._unwritten.append((action_id, outcome, detail, self._clock.now()))
        if problem := self._write_outcomes():
            log.warning("outcome not written down yet", worker=worker_id, outcome=outcome, problem=problem)
        with self._lock:
            flight = self._airborne.pop(worker_id)
            if outcome == FAILED and action.kind is ActionKind.REMOVE:
                self._airborne[worker_id] = replace(flight, until=self._clock.now() + RETRY_SECONDS)
        if outcome == DONE:
            self._landed(action.kind.value)

    def _write_outcomes(self) -> str:
        """Write down those too that the journal could not take when they came; returns why it still cannot."""
        with self._lock:
            waiting, self._unwritten = self._unwritten, []
        try:
            while waiting:
                self._journal.conclude(*waiting[0])
                del waiting[0]
        except JournalError as error:
            return str(error)
        finally:
            with self._lock:
                self._unwritten = [*waiting, *self._unwritten]
        return ""
