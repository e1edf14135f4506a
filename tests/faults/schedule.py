"""Which faults come when: random, and the same again for the same seed. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP_SECONDS = (1.0, 5.0)  # between the beginnings of two faults; they may overlap
LENGTH_SECONDS = (1.0, 7.0)
LOADS_EVERY_SECONDS = 12.0
TASKS, TASK_SECONDS = (4, 14), (1.0, 5.0)


@dataclass(frozen=True)
class Planned:
    """A fault, `at` seconds after the beginning, for `seconds`; `choice` (0 to 1) picks one of several targets."""

    at: float
    fault: str
    seconds: float
    choice: float


@dataclass(frozen=True)
class PlannedLoad:
    """`tasks` tasks of `seconds` each, `at` seconds after the beginning."""

    at: float
    tasks: int
    seconds: float


@dataclass(frozen=True)
class Schedule:
    """A round."""

    seed: int
    seconds: float
    faults: tuple[Planned, ...]
    loads: tuple[PlannedLoad, ...]


def schedule(seed: int, seconds: float, faults: Sequence[str]) -> Schedule:
    """A round of `seconds`; faults come as from a shuffled pack of cards, so that none is left out for long."""
    rng = random.Random(seed)  # noqa: S311  # to be repeated, not to be secret
    planned: list[Planned] = []
    pack: list[str] = []
    at = rng.uniform(*GAP_SECONDS)
    while at < seconds and faults:
        if not pack:
            pack = rng.sample(list(faults), len(faults))
        length = min(rng.uniform(*LENGTH_SECONDS), max(0.5, seconds - at))
        planned.append(Planned(round(at, 2), pack.pop(), round(length, 2), round(rng.random(), 3)))
        at += rng.uniform(*GAP_SECONDS)
    loads = [
        PlannedLoad(begin * LOADS_EVERY_SECONDS, rng.randint(*TASKS), round(rng.uniform(*TASK_SECONDS), 1))
        for begin in range(max(1, int(seconds // LOADS_EVERY_SECONDS)))
    ]
    return Schedule(seed, seconds, tuple(planned), tuple(loads))
