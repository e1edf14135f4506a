"""Breaks the running programs on purpose, round after round, and checks what must hold whatever happens.

A round is a random schedule of faults and loads; its seed is printed, and `--seed N --rounds 1` repeats it.
Between rounds all faults are taken back, and everything has to come to rest.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
import faults
import ground as grounds
from invariants import violations
from record import Action, Inflicted, Job, Record
from schedule import Schedule, schedule
from watching import Watch, living

from watcher import load as loads
from watcher.errors import WatcherError

if TYPE_CHECKING:
    from ground import Ground
    from schedule import Planned, PlannedLoad
    from watching import Watch as Watching

REST_SECONDS = 150.0  # for tasks to finish and workers to go: a killed worker's tasks wait 30 s for Ray to notice
SUBMIT_SECONDS = 60.0
HEAD_EVERY_ROUNDS = 8  # the head's death empties the cluster, and takes a minute to get over


@dataclass
class Round:
    """One schedule carried out."""

    ground: Ground
    watch: Watching
    plan: Schedule
    inflicted: list[Inflicted] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # what the driver itself could not do

    def run(self) -> Record:
        """Carry it out, let everything come to rest, and tell what was left behind."""
        began, logs = time.time(), self.ground.log_sizes()
        first_action = self._last_action_id()
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
            limits=grounds.LIMITS,
            samples=self.watch.since(began),
            actions=self._actions(first_action),
            accepted=tuple(self.ground.webhooks.accepted),
            alerts={row["key"]: row["starts_at"] for row in self.ground.journal("SELECT key, starts_at FROM alerts")},
            jobs=tuple(self.jobs),
            inflicted=tuple(self.inflicted),
            answers=frozenset(self.ground.webhooks.answers),
            log_errors=tuple(dict.fromkeys(self.ground.log_errors(logs))),
            unrest=(*unrest, *self.lost),
        )

    def _carefully(self, do, what) -> None:  # noqa: ANN001
        try:
            do(what)
        except Exception as error:  # noqa: BLE001  # told as a violation: a fault that is not taken back hides others
            self.lost.append(f"{what}: {type(error).__name__}: {error}")

    def _inflict(self, planned: Planned) -> None:
        began = time.time()
        target = faults.EVERY[planned.fault](self.ground, planned)
        if target is not None:
            self.inflicted.append(Inflicted(planned.fault, began, time.time(), target))

    def _load(self, planned: PlannedLoad) -> None:
        """Submit it, however long the cluster cannot be reached, and follow it to its end."""
        began = time.time()
        job = self._submitted(planned, began + SUBMIT_SECONDS)
        status, events = "LOST", []
        while time.time() < began + REST_SECONDS and status not in loads.ENDED:
            with suppress(WatcherError):
                status, _ = job.status()
                events = loads.events(job.log())
            time.sleep(1)
        last = events[-1] if events and "finished" in events[-1] else {}
        self.jobs.append(Job(planned.tasks, last.get("finished", 0), last.get("failed", 0), status, began, time.time()))

    def _submitted(self, planned: PlannedLoad, deadline: float) -> loads.Job:
        load = loads.Load(tasks=planned.tasks, seconds=planned.seconds)
        while time.time() < deadline:
            with suppress(WatcherError):
                return loads.submit(self.ground.api, load)
            time.sleep(1)
        return loads.submit(self.ground.api, load)

    def _come_to_rest(self) -> list[str]:
        deadline = time.time() + REST_SECONDS
        while unrest := self._unrest():
            if time.time() > deadline:
                return unrest
            time.sleep(1)
        return []

    def _unrest(self) -> list[str]:
        unrest = [f"{program} does not run" for program in self.ground.not_running()]
        unrest += [f"{worker_id} lives on" for worker_id in sorted(living(self.ground))]
        with suppress(Exception):
            open_ = self.ground.journal("SELECT id FROM actions WHERE outcome IS NULL")
            unrest += [f"action {row['id']} is open" for row in open_]
        return unrest

    def _last_action_id(self) -> int:
        with suppress(Exception):
            return int(self.ground.journal("SELECT coalesce(max(id), 0) AS id FROM actions")[0]["id"])
        return 0

    def _actions(self, after: int) -> tuple[Action, ...]:
        rows = self.ground.journal(
            "SELECT id, decision_id, kind, worker_id, started_at, outcome, cause FROM actions WHERE id > ?", after
        )
        return tuple(Action(*row) for row in rows)


@dataclass
class Tally:
    """What all rounds gave."""

    tried: Counter[str] = field(default_factory=Counter)
    blamed: Counter[str] = field(default_factory=Counter)  # rounds with a violation, by the faults they had
    told: dict[int, list[str]] = field(default_factory=dict)  # by seed
    totals: Counter[str] = field(default_factory=Counter)

    def add(self, seed: int, record: Record) -> list[str]:
        """Judge a round's record; its violations."""
        wrong = violations(record)
        names = [one.fault for one in record.inflicted]
        self.tried.update(names)
        if wrong:
            self.told[seed] = wrong
            self.blamed.update(set(names))
        self.totals.update(
            rounds=1,
            faults=len(names),
            tasks=sum(job.tasks for job in record.jobs),
            finished=sum(job.finished for job in record.jobs),
            launches=sum(action.kind == "launch" for action in record.actions),
            drains=sum(action.kind == "drain" for action in record.actions),
            removals=sum(action.kind == "remove" for action in record.actions),
            samples=len(record.samples),
        )
        living = max((len(sample.living) for sample in record.samples), default=0)
        in_ray = max((len(sample.in_ray or ()) for sample in record.samples), default=0)
        self.totals["most_living"] = max(self.totals["most_living"], living)
        self.totals["most_in_ray"] = max(self.totals["most_in_ray"], in_ray)  # those too that Ray has not missed yet
        return wrong

    def table(self) -> str:
        """Each fault: how often it was tried, and in how many rounds with a violation."""
        width = max((len(name) for name in self.tried), default=5)
        lines = [f"{'fault':<{width}}  tried  in rounds with a violation"]
        lines += [f"{name:<{width}}  {count:5}  {self.blamed[name]}" for name, count in sorted(self.tried.items())]
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """For a file."""
        return {"tried": dict(self.tried), "violations": self.told, "totals": dict(self.totals)}


def say(text: str) -> None:
    """A progress line."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def chosen_faults(provider: str, only: tuple[str, ...], number: int) -> list[str]:
    """Names of the faults of one round; `only` are beginnings of names."""
    names = [*faults.BY_PROVIDER[provider]]
    often = any(name in faults.RARE for name in only)
    if provider == "process" and (often or number % HEAD_EVERY_ROUNDS == HEAD_EVERY_ROUNDS - 1):
        names += faults.RARE
    return [name for name in names if not only or name.startswith(only)]


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0), default=5, show_default=True, help="Begin rounds for so long.")
@click.option("--rounds", type=click.IntRange(min=1), help="At most so many rounds.")
@click.option("--seconds", type=click.FloatRange(min=5), default=60, show_default=True, help="Faults in a round, each.")
@click.option("--provider", type=click.Choice(["process", "docker"]), default="process", show_default=True)
@click.option("--seed", type=int, help="Of the first round; the next has the next one.  [default: the time]")
@click.option("--only", multiple=True, metavar="NAME", help="Only faults that begin so, e.g. kill:scaler or webhooks.")
@click.option("--record", type=click.Path(path_type=Path), help="Write figures and violations to this JSON file.")
@click.option("--keep-going", is_flag=True, help="Go on after a violation.")
@click.option("--list", "show", is_flag=True, help="Name the faults and end.")
def main(  # noqa: PLR0913, PLR0917  # the options, each once
    minutes: float,
    rounds: int | None,
    seconds: float,
    provider: str,
    seed: int | None,
    only: tuple[str, ...],
    record: Path | None,
    keep_going: bool,  # click's way
    show: bool,
) -> None:
    """Break ray-watcher's programs for some minutes and check what must hold.

    Starts a cluster, the watcher with two Alertmanagers and a proxy on each way, all on ports of their own. Ends with
    1 where something was violated.

    \b
    Example:  make chaos ARGS="--minutes 60 --seed 1 --keep-going --record chaos.json"
    """  # noqa: D301  # \b is click's
    if show:
        click.echo("\n".join((*faults.BY_PROVIDER[provider], *faults.RARE)))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and all that was started is stopped
    first = int(time.time()) if seed is None else seed
    tally, end, number = Tally(), time.time() + minutes * 60, 0
    with ExitStack() as stack:
        say(f"starting ({provider}) ...")
        ground = stack.enter_context(closing(grounds.make(provider)))
        watch = Watch(ground)
        stack.callback(watch.stop)
        while number == 0 or (time.time() < end and (rounds is None or number < rounds)):
            plan = schedule(first + number, seconds, chosen_faults(provider, only, number))
            say(f"round {number + 1}, --seed {plan.seed}: {len(plan.faults)} faults, {len(plan.loads)} loads")
            seen = Round(ground, watch, plan).run()
            wrong = tally.add(plan.seed, seen)
            _tell(plan, seen, wrong)
            number += 1
            if record:
                record.write_text(json.dumps(tally.as_json(), indent=1), encoding="utf-8")
            if wrong and not keep_going:
                _keep_logs(ground, plan)
                break
    click.echo(tally.table())
    click.echo(", ".join(f"{name} {count}" for name, count in tally.totals.items()))
    if tally.told:
        click.echo(f"violated; repeat with --seed {next(iter(tally.told))} --rounds 1 --seconds {seconds:g}")
        sys.exit(1)
    click.echo("nothing was violated")


def _tell(plan: Schedule, seen: Record, wrong: list[str]) -> None:
    tasks, finished = sum(job.tasks for job in seen.jobs), sum(job.finished for job in seen.jobs)
    say(f"  {finished} of {tasks} tasks finished, {len(seen.actions)} actions, {len(wrong)} violations")
    if wrong:
        for planned in plan.faults:
            say(f"    {planned}")
        for sentence in wrong:
            say(f"  VIOLATION {sentence}")


def _keep_logs(ground: Ground, plan: Schedule) -> None:
    """What happened, for whoever looks into it."""
    kept = Path(tempfile.mkdtemp(prefix=f"chaos-seed-{plan.seed}-"))
    shutil.copytree(ground.stack.directory, kept / "watcher", ignore=shutil.ignore_patterns("data", "*.sock"))
    shutil.copytree(ground.settings.journal_file.parent, kept / "journal")
    (kept / "schedule.json").write_text(json.dumps(asdict(plan), indent=1), encoding="utf-8")
    say(f"  logs and journal are kept in {kept}")


if __name__ == "__main__":
    main()
