"""Runs actions in the background: each is journaled before it starts, and its outcome after it ends."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import structlog

from scaler.journal.journal import DONE, FAILED, NO_ROOM
from scaler.model.cluster import Instance, InstanceStatus, LaunchRequest
from scaler.model.errors import (
    DrainRefusedError,
    IndexTakenError,
    JournalError,
    LaunchFailedError,
    NoRoomError,
    ScalerError,
)
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


Outcome = tuple[int, str, str, float, str]
"""Id, outcome, detail, end (unix seconds) and host of an action, in the order of `Journal.conclude`."""
NO_AVOIDED: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class NewId(Protocol):
    """Makes worker ids; an argument, so that tests can predict them."""

    def __call__(self, index: int) -> str:
        """The id of a new `worker-<index>`; never used before, because Ray remembers dead nodes."""


def random_id(index: int) -> str:
    """`worker-<index>-<6 random hex digits>`."""
    return f"worker-{index}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class RunningAction:
    """One action in progress; `request` describes the new worker if the action creates one."""

    kind: ActionKind
    started_at: float
    request: LaunchRequest | None = None
    retry_at: float | None = None  # it failed, and counts as running until then, so that it is not retried at once

    @property
    def placeholder(self) -> Instance | None:
        """Stands in for a worker that the provider does not list yet."""
        if self.request is None:
            return None
        kind = self.request.worker_type.name
        return Instance(
            self.request.worker_id, self.request.index, kind, InstanceStatus.REQUESTED, created_at=self.started_at
        )

    def may_retry(self, now: float) -> bool:
        """Whether it failed long enough ago to be retried, or the clock was set back since."""
        return self.retry_at is not None and not now < self.retry_at <= now + RETRY_SECONDS


class ActionRunner:
    """Starts actions on `executor` and tracks those in progress; calls `on_success` after each that succeeds."""

    def __init__(  # noqa: PLR0913  # the ports that actions use
        self,
        *,
        provider: WorkerProvider,
        drainer: Drainer,
        journal: Journal,
        metrics: ScalerMetrics,
        clock: Clock,
        executor: Executor,
        on_success: Callable[[str], None],
        removals: Executor | None = None,
        stop_grace: float = 35.0,
        new_id: NewId = random_id,
    ) -> None:
        self._provider, self._drainer, self._journal = provider, drainer, journal
        self._metrics, self._clock, self._executor, self._on_success = metrics, clock, executor, on_success
        self._removals = removals or executor  # separate, so that a slow removal does not delay launches
        self._stop_grace, self._new_id = stop_grace, new_id
        self._lock = threading.Lock()
        self._running: dict[str, RunningAction] = {}
        self._refused_indexes: set[int] = set()  # held by something that the provider does not list
        self._unwritten: list[Outcome] = []

    def running(self) -> dict[str, RunningAction]:
        """Actions in progress, by worker id."""
        self._write_outcomes()
        now = self._clock.now()
        with self._lock:
            for worker_id in [id_ for id_, action in self._running.items() if action.may_retry(now)]:
                del self._running[worker_id]
            return dict(self._running)

    def wait(self, seconds: float) -> None:
        """Wait until no action is in progress, at most `seconds`."""
        deadline = time.monotonic() + seconds
        while any(action.retry_at is None for action in self.running().values()) and time.monotonic() < deadline:
            time.sleep(WAIT_POLL_SECONDS)

    def start(
        self,
        decision_id: int,
        actions: Iterable[Action],
        workers: Collection[Worker],
        policy: Policy,
        avoided: Mapping[str, tuple[str, ...]] = NO_AVOIDED,
    ) -> dict[str, Action]:
        """Journal `actions` of a plan by `policy`, and start them; the indexes of `workers` are taken.

        Raises `JournalError`.

        `avoided` are the hosts on which launches of each type fail. Indexes are assigned here for all of them, because
        the first may end before the last one starts. Returns the launches, by worker id.
        """
        launched: dict[str, Action] = {}
        taken = {worker.index for worker in workers}
        taken |= {running.request.index for running in self.running().values() if running.request}
        taken |= self._refused_indexes
        indexes = {worker.worker_id: worker.index for worker in workers}
        hosts = {worker.worker_id: worker.host or "" for worker in workers}
        for action in actions:
            request = self._request(action, policy, indexes, taken) if action.kind in MAKES_WORKERS else None
            if request and (names := avoided.get(action.worker_type)):
                request = replace(request, avoided_hosts=names)
            if request:
                taken.add(request.index)
            if request and action.kind is ActionKind.LAUNCH:
                launched[request.worker_id] = action
            self._start(decision_id, action, request, hosts.get(action.worker_id, ""))
        return launched

    def _start(self, decision_id: int, action: Action, request: LaunchRequest | None, host: str) -> None:
        now = self._clock.now()
        worker_id = request.worker_id if request else action.worker_id
        action_id = self._journal.intend(decision_id, action, worker_id, now, host)
        log.info(action.kind.value, worker=worker_id, cause=action.cause.value, reason=action.reason)
        with self._lock:
            self._running[worker_id] = RunningAction(action.kind, now, request)
        executor = self._removals if action.kind is ActionKind.REMOVE else self._executor
        executor.submit(self._run, action_id, action, worker_id, request)

    def _request(self, action: Action, policy: Policy, indexes: Mapping[str, int], taken: set[int]) -> LaunchRequest:
        """The worker to launch: the warm one that the action names, else a new one."""
        kind = policy.worker_type(action.worker_type)
        if kind is None:
            raise ScalerError(f"worker type of the plan: got {action.worker_type!r}, wanted one of the policy")
        if action.worker_id:
            return LaunchRequest(action.worker_id, indexes[action.worker_id], kind)
        index = lowest_free_index(taken)
        return LaunchRequest(self._new_id(index), index, kind)

    def _run(self, action_id: int, action: Action, worker_id: str, request: LaunchRequest | None) -> None:
        outcome, detail, host = DONE, "", ""
        try:
            host = self._carry_out(action, worker_id, request)
        except NoRoomError as error:
            outcome, detail = NO_ROOM, str(error)
            log.info("no host has room", worker=worker_id, problem=detail)
        except ScalerError as error:
            outcome, detail = FAILED, str(error)
            host = error.host if isinstance(error, LaunchFailedError) else ""
            if request is not None and isinstance(error, IndexTakenError):
                self._refused_indexes.add(request.index)
            log.warning("action failed", action=action.kind.value, worker=worker_id, problem=detail)
        except Exception as error:
            outcome, detail = FAILED, f"{type(error).__name__}: {error}"
            log.exception("action failed", action=action.kind.value, worker=worker_id)
        self._end(action, worker_id, (action_id, outcome, detail, self._clock.now(), host))

    def _carry_out(self, action: Action, worker_id: str, request: LaunchRequest | None) -> str:
        """Returns the host of a new worker, "" if all share one or it is not known yet."""
        if request is not None and action.kind is ActionKind.PREPARE:
            return self._provider.prepare(request).host or ""
        if request is not None:
            return self._provider.launch(request).host or ""
        if action.kind is ActionKind.REMOVE:
            self._provider.remove(worker_id, self._stop_grace)
        else:
            reply = self._drainer.drain_idle(action.node_id, action.reason)
            if not reply.accepted:
                raise DrainRefusedError(f"Ray refused the drain: {reply.message}")
        return ""

    def _end(self, action: Action, worker_id: str, ended_with: Outcome) -> None:
        outcome = ended_with[1]
        self._metrics.action_ended(action.kind, action.cause, outcome)
        with self._lock:
            self._unwritten.append(ended_with)
        if problem := self._write_outcomes():
            log.warning("outcome not journaled", worker=worker_id, outcome=outcome, problem=problem)
        with self._lock:
            ended = self._running.pop(worker_id)
            if outcome == FAILED and action.kind is ActionKind.REMOVE:
                self._running[worker_id] = replace(ended, retry_at=self._clock.now() + RETRY_SECONDS)
        if outcome == DONE:
            self._on_success(action.kind.value)

    def _write_outcomes(self) -> str:
        """Journal all outcomes that are not yet on disk; returns why that is not possible, else ""."""
        with self._lock:
            unwritten, self._unwritten = self._unwritten, []
        try:
            while unwritten:
                self._journal.conclude(*unwritten[0])
                del unwritten[0]
        except JournalError as error:
            return str(error)
        finally:
            with self._lock:
                self._unwritten = [*unwritten, *self._unwritten]
        return ""
