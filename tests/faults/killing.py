"""Kill a scaler at each of its steps in turn, let another one take over, and tell what is wrong then, as JSON.

`python killing.py SCENARIO` prints an object: step → what was wrong; `steps` is how many there were.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from builders import NOW
from lives import RECOVERY_ROUNDS, ROUND_SECONDS, ROUNDS, Fate, Place, in_a_process_of_its_own, judge, live

from common import logs
from scaler.model import Direction

MOST_STEPS = 500  # no scenario has so many; one that does never ends


@dataclass(frozen=True)
class Scenario:
    """`workers` are there; one of them may have died; then the alert in `direction` fires, and `tasks` are to run."""

    workers: int
    direction: Direction
    tasks: int
    one_has_died: bool = False


SCENARIOS = {
    "two-are-launched": Scenario(0, Direction.UP, 2),
    "one-of-two-is-drained": Scenario(2, Direction.DOWN, 1),
    "one-of-two-has-died": Scenario(2, Direction.UP, 2, one_has_died=True),
}


def after_a_kill(scenario: Scenario, step: int) -> tuple[bool, list[str]]:
    """Whether the scaler came as far as `step`, and what is wrong when its successor has come to rest."""
    place = Place(Path(tempfile.mkdtemp(prefix="lives-")).resolve())
    try:
        _set_the_scene(place, scenario)
        begin = NOW + 100
        first = in_a_process_of_its_own(
            lambda: live(place, scenario.direction, scenario.tasks, ROUNDS, begin=begin, fate=Fate(step)).wrong
        )
        begin += ROUNDS * ROUND_SECONDS
        second = in_a_process_of_its_own(
            lambda: judge(
                place,
                scenario.tasks,
                live(place, scenario.direction, scenario.tasks, RECOVERY_ROUNDS, begin=begin),
            )
        )
        return first is None, [*(first or []), *(second or [])]
    finally:
        place.kill()
        shutil.rmtree(place.directory, ignore_errors=True)


def _set_the_scene(place: Place, scenario: Scenario) -> None:
    if scenario.workers:
        told = in_a_process_of_its_own(lambda: live(place, Direction.UP, scenario.workers, 3, begin=NOW).wrong)
        if told or len(place.living()) != scenario.workers:
            raise RuntimeError(f"the scene was not set: {told}")
    if scenario.one_has_died:
        place.kill(min(place.living()))


def main(name: str) -> None:
    """Every step of one scenario."""
    logs.configure("lives")
    wrong: dict[str, object] = {}
    for step in range(1, MOST_STEPS):
        killed, problems = after_a_kill(SCENARIOS[name], step)
        if problems:
            wrong[str(step)] = problems
        if not killed:
            sys.stdout.write(json.dumps({"steps": step - 1, "wrong": wrong}, indent=1) + "\n")
            return
    raise RuntimeError(f"more than {MOST_STEPS} steps")


if __name__ == "__main__":
    main(sys.argv[1])
