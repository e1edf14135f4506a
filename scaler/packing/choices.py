"""Which greedy ways are tried, and how thoroughly, by the size of the problem. Pure: standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

from scaler.packing.greedy import RESCORED_GROUPS
from scaler.packing.heuristics import (
    LIMITED_ORDERS,
    LIMITED_SCORES,
    ORDERS,
    SCORES,
    as_ray_orders,
    as_ray_scores,
    gang_orders,
    limited_gang_orders,
)
from scaler.packing.line import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray_watcher_common.state import Demand, Gang
    from scaler.packing.heuristics import Order, Score

    Choice = tuple[tuple[Gang, ...], Line, Score, bool]
    """Gangs in their order, the other requests in theirs, which worker is the best, and whether gangs go last."""

# How many looks of a worker at a request one packing takes at most, roughly: about a tenth of a second of one core. A
# larger problem is packed in fewer ways (always by Ray's order), and fewer workers are compared for each step.
EFFORT = 300_000
WAYS = len(ORDERS) * len(SCORES)
LIMITED_WAYS = 50  # at most so many further ways if a limit leaves something unserved


@dataclass(frozen=True)
class Choices:
    """The ways for some requests, when there are so many groups of workers and so many types."""

    demands: Sequence[Demand]
    gangs: Sequence[Gang]
    groups: int
    worker_types: int

    @cached_property
    def size(self) -> int:
        """How many looks of a worker at a request one way takes, roughly."""
        kinds, bundles = self.worker_types + 1, sum(len(gang.bundles) for gang in self.gangs)
        demands = len(self.demands)
        return 1 + demands * (self.groups + kinds * demands) + bundles * (self.groups + bundles)

    @property
    def few(self) -> bool:
        """Whether it is so small that all ways may be tried."""
        return self.size * WAYS <= EFFORT and self.groups <= RESCORED_GROUPS

    @cached_property
    def rescored(self) -> int:
        """How many workers may be compared for each step."""
        requests = max(1, len(self.demands), *(len(gang.bundles) for gang in self.gangs)) * max(1, len(self.gangs))
        return min(RESCORED_GROUPS, max(1, math.isqrt(EFFORT // requests)))

    @cached_property
    def looked(self) -> int:
        """How many different workers each gang may try."""
        return max(RESCORED_GROUPS, EFFORT // (1 + sum(len(gang.bundles) for gang in self.gangs)))

    @cached_property
    def usual(self) -> list[Choice]:
        """What the ways differ in."""
        if self.few:
            return self._choose(ORDERS, SCORES)
        return self._choose(ORDERS[:2], SCORES[:2]) if self.size * WAYS <= 2 * EFFORT else [self.quickest]

    @cached_property
    def quickest(self) -> Choice:
        """Ray's own way."""
        return self._choose((as_ray_orders,), (as_ray_scores,))[0]

    @cached_property
    def limited(self) -> list[Choice]:
        """What they differ in if a limit leaves something unserved."""
        choices = self._choose(LIMITED_ORDERS, LIMITED_SCORES)
        if not self.gangs:
            return choices
        others = self._choose(LIMITED_ORDERS, LIMITED_SCORES, limited_gang_orders(self.gangs))
        last = [(gangs, line, score, True) for gangs, line, score, _ in others if gangs is others[0][0]]
        return [*choices, *others, *last]

    @property
    def further(self) -> list[Choice]:
        """As many of the limited ways as the size allows."""
        return self.limited[: max(2, min(LIMITED_WAYS, EFFORT // self.size))]

    def _choose(
        self, orders: Sequence[Order], scores: Sequence[Score], gangs: Sequence[tuple[Gang, ...]] = ()
    ) -> list[Choice]:
        """Each order with each score; orders that come to the same are one."""
        parts = (self.demands, *(gang.bundles for gang in self.gangs))
        distinct = {tuple(one for part in parts for one in sorted(part, key=order)): order for order in orders}
        lines = [Line(self.demands, order) for order in distinct.values()]
        return list(product(gangs or gang_orders(self.gangs), lines, scores, [False]))
