"""Kill a scaler at each of its steps in turn, let another one take over, and tell what is wrong then, as JSON.

`python killing.py SCENARIO PROVIDER EVERY` prints an object: `wrong` by step, and how many `steps` there were; EVERY
is 1 for each of them, 2 for every other one.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from faults.lives import RECOVERY_ROUNDS, ROUND_SECONDS, ROUNDS, Fate, in_a_process_of_its_own, judge, live
from faults.places import Place, new_place
from ray_watcher_common.program import logs
from scaler.model.cluster import Direction
from support.builders import NOW

MOST_STEPS = 500  # no scenario has so many; one that does never ends


@dataclass(frozen=True)
class Scenario:
    """`workers` are there; one of them may have died; then the alert in `direction` fires, and `tasks` are to run.

    `warm` more are to be kept warm, before and after.
    """

    workers: int
    direction: Direction
    tasks: int
    one_has_died: bool = False
    warm: int = 0


SCENARIOS = {
    "two-are-launched": Scenario(0, Direction.UP, 2),
    "one-of-two-is-drained": Scenario(2, Direction.DOWN, 1),
    "one-of-two-has-died": Scenario(2, Direction.UP, 2, one_has_died=True),
    "a-warm-one-joins-and-is-replaced": Scenario(0, Direction.UP, 1, warm=1),
}


def after_a_kill(kind: str, scenario: Scenario, step: int) -> tuple[bool, list[str]]:
    """Whether the scaler came as far as `step`, and what is wrong when its successor has come to rest."""
    place = new_place(kind)
    try:
        _set_the_scene(place, scenario)
        begin = NOW + 100
        first = in_a_process_of_its_own(
            lambda: (
                live(
                    place, scenario.direction, scenario.tasks, ROUNDS, begin=begin, fate=Fate(step), warm=scenario.warm
                ).wrong
            )
        )
        begin += ROUNDS * ROUND_SECONDS
        second = in_a_process_of_its_own(
            lambda: judge(
                place,
                scenario.tasks,
                live(place, scenario.direction, scenario.tasks, RECOVERY_ROUNDS, begin=begin, warm=scenario.warm),
                scenario.warm,
            )
        )
        return first is None, [*(first or []), *(second or [])]
    finally:
        place.clear()


def _set_the_scene(place: Place, scenario: Scenario) -> None:
    if scenario.workers or scenario.warm:
        told = in_a_process_of_its_own(
            lambda: live(place, Direction.UP, scenario.workers, 3, begin=NOW, warm=scenario.warm).wrong
        )
        if told or len(place.living()) != scenario.workers + scenario.warm:
            raise RuntimeError(f"the scene was not set: {told}")
    if scenario.one_has_died:
        place.kill(min(place.living()))


def main(name: str, kind: str, every: int) -> None:
    """Every step of one scenario."""
    logs.configure("lives")
    wrong: dict[str, object] = {}
    for step in range(1, MOST_STEPS, every):
        killed, problems = after_a_kill(kind, SCENARIOS[name], step)
        if problems:
            wrong[str(step)] = problems
        if not killed:
            sys.stdout.write(json.dumps({"steps": step - 1, "wrong": wrong}, indent=1) + "\n")
            return
    raise RuntimeError(f"more than {MOST_STEPS} steps")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
