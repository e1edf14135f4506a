"""One round: a schedule is carried out, all faults are taken back, everything comes to rest, and the record is told."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from faults import environment as environments
from faults import faults
from faults.record import Action, Inflicted, Job, Record
from faults.watching import living
from ray_watcher.errors import WatcherError
from ray_watcher.workload import job as loads

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.environment import Environment
    from faults.schedule import Planned, PlannedLoad, Schedule
    from faults.watching import Watch

REST_SECONDS = 150.0  # for tasks to finish and workers to go: a killed worker's tasks wait 30 s for Ray to notice
SUBMIT_SECONDS = 60.0


@dataclass
class Round:
    """One schedule carried out."""

    environment: Environment
    watch: Watch
    plan: Schedule
    inflicted: list[Inflicted] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # what the driver itself could not do

    def run(self) -> Record:
        """Carry it out, let everything come to rest, and tell what was left behind."""
        began, logs = time.time(), self.environment.log_sizes()
        first_action = self._last_action_id()
        tasks: list[tuple[float, Callable[[Any], None], Any]]
        tasks = [(fault.at, self._inflict, fault) for fault in self.plan.faults]
        tasks += [(load.at, self._load, load) for load in self.plan.loads]
        threads = []
        for at, do, what in sorted(tasks, key=lambda task: task[0]):
            time.sleep(max(0.0, began + at - time.time()))
            threads.append(threading.Thread(target=self._carefully, args=(do, what), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join(self.plan.seconds + REST_SECONDS)
        unrest = self._come_to_rest()
        return Record(
            limits=environments.LIMITS,
            samples=self.watch.since(began),
            actions=self._actions(first_action),
            accepted=tuple(self.environment.webhooks.accepted),
            alerts={
                row["key"]: row["starts_at"] for row in self.environment.journal("SELECT key, starts_at FROM alerts")
            },
            jobs=tuple(self.jobs),
            inflicted=tuple(self.inflicted),
            answers=frozenset(self.environment.webhooks.answers),
            log_errors=tuple(dict.fromkeys(self.environment.log_errors(logs))),
            unrest=(*unrest, *self.lost),
        )

    def _carefully(self, do: Callable[[Any], None], what: Planned | PlannedLoad) -> None:
        try:
            do(what)
        except Exception as error:  # noqa: BLE001  # told as a violation: a fault that is not taken back hides others
            self.lost.append(f"{what}: {type(error).__name__}: {error}")

    def _inflict(self, planned: Planned) -> None:
        began = time.time()
        target = faults.EVERY[planned.fault](self.environment, planned)
        if target is not None:
            self.inflicted.append(Inflicted(planned.fault, began, time.time(), target))

    def _load(self, planned: PlannedLoad) -> None:
        """Submit it, however long the cluster cannot be reached, and follow it to its end."""
        began = time.time()
        job = self._submitted(planned, began + SUBMIT_SECONDS)
        status, events = "LOST", []
        while time.time() < began + REST_SECONDS and status not in loads.ENDED and not self._head_died(began):
            with suppress(WatcherError):
                status, _ = job.status()
                events = loads.events(job.log())
            time.sleep(1)
        last = events[-1] if events and "finished" in events[-1] else {}
        self.jobs.append(Job(planned.tasks, last.get("finished", 0), last.get("failed", 0), status, began, time.time()))

    def _head_died(self, since: float) -> bool:
        return any(one.fault == "kill:head" and one.ended > since for one in self.inflicted)

    def _submitted(self, planned: PlannedLoad, deadline: float) -> loads.Job:
        load = loads.Load(tasks=planned.tasks, seconds=planned.seconds)
        while time.time() < deadline:
            with suppress(WatcherError):
                return loads.submit(self.environment.api, load, self.environment.settings.ray_token)
            time.sleep(1)
        return loads.submit(self.environment.api, load, self.environment.settings.ray_token)

    def _come_to_rest(self) -> list[str]:
        deadline = time.time() + REST_SECONDS
        while unrest := self._unrest():
            if time.time() > deadline:
                return unrest
            time.sleep(1)
        return []

    def _unrest(self) -> list[str]:
        unrest = [f"{program} does not run" for program in self.environment.not_running()]
        unrest += [f"{worker_id} lives on" for worker_id in sorted(living(self.environment))]
        with suppress(Exception):
            open_ = self.environment.journal("SELECT id FROM actions WHERE outcome IS NULL")
            unrest += [f"action {row['id']} is open" for row in open_]
        return unrest

    def _last_action_id(self) -> int:
        with suppress(Exception):
            return int(self.environment.journal("SELECT coalesce(max(id), 0) AS id FROM actions")[0]["id"])
        return 0

    def _actions(self, after: int) -> tuple[Action, ...]:
        rows = self.environment.journal(
            "SELECT id, decision_id, kind, worker_id, started_at, outcome, cause FROM actions WHERE id > ?", after
        )
        return tuple(Action(*row) for row in rows)
