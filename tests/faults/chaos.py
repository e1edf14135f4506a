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
import time
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faults import environment as environments
from faults import faults
from faults.rounds import Round
from faults.schedule import Schedule, schedule
from faults.tally import Tally
from faults.watching import Watch

if TYPE_CHECKING:
    from faults.environment import Environment
    from faults.record import Record

HEAD_EVERY_ROUNDS = 8  # the head's death empties the cluster, and takes a minute to get over


def say(text: str) -> None:
    """A progress line."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def chosen_faults(provider: str, only: tuple[str, ...], seed: int) -> list[str]:
    """Names of the faults of one round; `only` are beginnings of names."""
    names = [*faults.BY_PROVIDER[provider]]
    often = any(name in faults.RARE for name in only)
    if provider == "process" and (often or seed % HEAD_EVERY_ROUNDS == HEAD_EVERY_ROUNDS - 1):
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
        environment = stack.enter_context(closing(environments.make(provider)))
        watch = Watch(environment)
        stack.callback(watch.stop)
        while number == 0 or (time.time() < end and (rounds is None or number < rounds)):
            plan = schedule(first + number, seconds, chosen_faults(provider, only, first + number))
            say(f"round {number + 1}, --seed {plan.seed}: {len(plan.faults)} faults, {len(plan.loads)} loads")
            seen = Round(environment, watch, plan).run()
            wrong = tally.add(plan.seed, seen)
            _tell(plan, seen, wrong)
            number += 1
            if record:
                record.write_text(json.dumps(tally.as_json(), indent=1), encoding="utf-8")
            if wrong and not keep_going:
                _keep_logs(environment, plan)
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


def _keep_logs(environment: Environment, plan: Schedule) -> None:
    """What happened, for whoever looks into it."""
    kept = Path(tempfile.mkdtemp(prefix=f"chaos-seed-{plan.seed}-"))
    shutil.copytree(environment.stack.directory, kept / "watcher", ignore=shutil.ignore_patterns("data", "*.sock"))
    shutil.copytree(environment.settings.journal_file.parent, kept / "journal")
    (kept / "schedule.json").write_text(json.dumps(asdict(plan), indent=1), encoding="utf-8")
    say(f"  logs and journal are kept in {kept}")


if __name__ == "__main__":
    main()
