"""Lives of a scaler that end at a chosen step, on workers that are real processes or containers.

The scaler is its own: journal, action runner, reconciler, provider. Ray is pretended, and all that outlives a life
(workers, what was drained, the journal) lies in one directory, so that the next life finds what a real one would.
A step is whatever changes the world: a write, a removal, a new process, a signal, a commit, a word to Ray. Python tells
of most by itself (`sys.addaudithook`), so none is forgotten when the code changes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from ray_watcher_common.host import detached
from ray_watcher_common.state import NodeStatus
from scaler.control.actions import ActionRunner
from scaler.control.view import Wakeup
from scaler.journal.journal import Journal
from scaler.model.cluster import Direction, DrainReply
from scaler.providers import container
from scaler.reconciler import Reconciler
from scaler.telemetry.metrics import ScalerMetrics
from support.builders import NOW, alert, head, node, policy, snapshot, worker_type
from support.builders import demand as demand_of
from support.fakes import AtOnceExecutor, FakeClock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from faults.places import Place
    from ray_watcher_common.state import ClusterState

MAX_WORKERS = 2
ROUNDS = 5  # of one life: launches, drains and removals of a scenario are over by then
RECOVERY_ROUNDS = 8  # of the life after it
ROUND_SECONDS = 11.0  # beyond cooldown and every rest after a failure
WRITING = os.O_WRONLY | os.O_RDWR
STEPS = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.kill", "subprocess.Popen", "fcntl.flock"})


@dataclass
class Fate:
    """Ends the process at its `step`-th step; 0: never."""

    step: int = 0
    taken: int = 0
    armed: bool = False

    def take(self) -> None:
        """One step of the world."""
        if self.armed:
            self.taken += 1
            if self.taken == self.step:
                os.kill(os.getpid(), signal.SIGKILL)

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """What Python tells of itself."""
        if event in STEPS or (event == "open" and isinstance(args[2], int) and args[2] & WRITING):
            self.take()


class SteppedJournal(Journal):
    """The journal, each of whose commits is a step: before it, unfinished, after it."""

    def __init__(self, path: Path, fate: Fate) -> None:
        self._fate = fate
        super().__init__(path)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._fate.take()
        with super()._transaction() as db:
            yield db
            self._fate.take()
        self._fate.take()


@dataclass
class PretendedRay:
    """Each living worker is a node; the first `tasks` of them are busy, the others idle for a minute."""

    place: Place
    fate: Fate
    tasks: int

    def read(self) -> ClusterState:
        """What `/state` would say."""
        drained = self.place.drained()
        there = self.joined()
        busy = self.busy()
        nodes = [node(worker_id, idle=0.0 if worker_id in busy else 61.0) for worker_id in there]
        nodes += [node(worker_id, status=NodeStatus.DEAD) for worker_id in drained]
        waiting = self.tasks - len(busy)
        return snapshot(head(), *nodes, demands=(demand_of(waiting),) if waiting else ())

    def joined(self) -> list[str]:
        """Workers that are nodes: those that live, were told to join and were not let go."""
        absent = self.place.drained() | self.place.warm()
        return [worker_id for worker_id in sorted(self.place.living()) if worker_id not in absent]

    def busy(self) -> set[str]:
        """Workers that run a task."""
        return set(self.joined()[: self.tasks])

    def drain_idle(self, node_id: str, reason: str) -> DrainReply:  # noqa: ARG002  # the port's signature
        """Let an idle worker go."""
        worker_id = bytes.fromhex(node_id).decode()
        if worker_id in self.busy():
            return DrainReply(accepted=False, message="a task runs there")
        self.fate.take()
        (self.place.directory / "drained").mkdir(exist_ok=True)
        (self.place.directory / "drained" / worker_id).touch()
        self.fate.take()
        return DrainReply(accepted=True)


@dataclass
class Told:
    """What was seen to go wrong."""

    wrong: list[str] = field(default_factory=list)

    def check(self, fine: object, sentence: str) -> None:
        """Note `sentence` unless `fine`."""
        if not fine and sentence not in self.wrong:
            self.wrong.append(sentence)


def live(  # what a life is made of
    place: Place,
    direction: Direction,
    tasks: int,
    rounds: int,
    *,
    begin: float,
    fate: Fate | None = None,
    warm: int = 0,
) -> Told:
    """One life of a scaler, `rounds` looks long; what was wrong at any look."""
    fate, clock, told = fate or Fate(), FakeClock(begin), Told()
    if fate.step:
        sys.addaudithook(fate.hear)
    fate.armed = True
    ray = PretendedRay(place, fate, tasks)
    with closing(SteppedJournal(place.journal, fate)) as journal, ExitStack() as young:
        reconciler = _reconciler(place, ray, journal, clock, warm)
        for look in range(rounds):
            now = clock.now()
            journal.absorb_alerts([alert(direction, starts_at=NOW, received_at=now)])
            busy = ray.busy()
            reconciler.reconcile("test")
            gone = busy - set(place.living())
            told.check(not gone, f"look {look}: a busy worker was removed")
            told.check(len(place.living()) <= MAX_WORKERS, f"look {look}: more workers than {MAX_WORKERS}")
            clock.pass_(ROUND_SECONDS)
            if look == 1:  # what was just being started has had its ten seconds
                young.enter_context(patch.object(detached, "STARTING_SECONDS", 0.0))
                young.enter_context(patch.object(container, "STARTING_SECONDS", 0.0))
    fate.armed = False
    return told


def _reconciler(place: Place, ray: PretendedRay, journal: Journal, clock: FakeClock, warm: int) -> Reconciler:
    kind = worker_type(max_workers=MAX_WORKERS, warm_workers=warm)
    limits = policy(kind, max_workers=MAX_WORKERS, scale_up_cooldown=5, scale_down_cooldown=5)
    wakeup, metrics, provider = Wakeup(), ScalerMetrics(), place.provider(ray.fate.take)
    shared: dict[str, Any] = {"journal": journal, "metrics": metrics, "clock": clock}
    runner = ActionRunner(
        **shared, provider=provider, drainer=ray, executor=AtOnceExecutor(), on_success=wakeup.wake, stop_grace=0.5
    )
    return Reconciler(**shared, policy=limits, reader=ray, provider=provider, runner=runner, wakeup=wakeup)


def in_a_process_of_its_own(work: Callable[[], list[str]]) -> list[str] | None:
    """What `work` tells when it is done in a forked process; None where that was killed."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(tell, json.dumps(work()).encode())
        except BaseException as error:  # noqa: BLE001  # told, and then this process is over
            os.write(tell, json.dumps([f"a life ended with {error!r}"]).encode())
        finally:
            os._exit(0)
    os.close(tell)
    with open(told, encoding="utf-8") as reply:  # noqa: PTH123  # a descriptor has no path
        said = reply.read()
    killed = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    return None if killed else list(json.loads(said))


def judge(place: Place, tasks: int, told: Told, warm: int = 0) -> list[str]:
    """What is wrong once everything has come to rest."""
    living, listed = set(place.living()), {worker.worker_id for worker in place.provider().list()}
    told.check(len(living) == tasks + warm, f"{len(living)} workers live, wanted {tasks + warm}")
    told.check(len(place.warm()) == warm, f"{sorted(place.warm())} are warm, wanted {warm}")
    told.check(living == listed, f"{sorted(living)} live, {sorted(listed)} are listed")
    left = place.left()
    told.check(not left, f"something of {sorted(left)} is left")
    with closing(Journal(place.journal)) as journal:
        actions = journal.actions(1000)
    launched = {record.worker_id for record in actions if record.action in {"launch", "prepare"}}
    told.check(living <= launched, f"not in the journal: {sorted(living - launched)}")
    told.check(all(record.outcome for record in actions), "an intent has no outcome")
    return told.wrong
