"""Which greedy ways are tried, and how thoroughly, by the size of the problem. Pure: standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, TypedDict

from ray_watcher_common.state import Strategy
from scaler.packing.greedy import RESCORED_GROUPS
from scaler.packing.heuristics import (
    LIMITED_ORDERS,
    LIMITED_SCORES,
    ORDERS,
    PRICED_SCORES,
    SCORES,
    as_ray_orders,
    as_ray_scores,
    gang_orders,
    limited_gang_orders,
)
from scaler.packing.line import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ray_watcher_common.state import Demand, Gang
    from scaler.model.cluster import WorkerType
    from scaler.packing.heuristics import Order, Score

    class Bounds(TypedDict):
        """Of a `Way`."""

        rescored: int
        looked: int
        hasty: bool

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
    worker_types: Sequence[WorkerType]

    @cached_property
    def size(self) -> int:
        """How many looks of a worker at a request one way takes, roughly."""
        kinds, demands = len(self.worker_types) + 1, len(self.demands)
        bundles, places = sum(len(gang.bundles) for gang in self.gangs), self.groups + kinds + len(self.gangs)
        # Each gang leaves workers of one more state, and is compared with all of them.
        compared = len(self.gangs) * places * min(places, RESCORED_GROUPS) // 5
        return 1 + demands * (self.groups + kinds * demands) + bundles * (places + bundles) + compared

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
    def bounds(self) -> Bounds:
        """What bounds the effort of one way."""
        return {"rescored": self.rescored, "looked": self.looked, "hasty": self.hasty}

    @property
    def hasty(self) -> bool:
        """Whether gangs on distinct workers have so many different bundles that each takes the first worker it fits."""
        spread = (gang for gang in self.gangs if gang.strategy is Strategy.STRICT_SPREAD)
        return sum(len(gang.bundles) for gang in spread) * RESCORED_GROUPS > EFFORT

    @cached_property
    def usual(self) -> list[Choice]:
        """What the ways differ in."""
        many = EFFORT // self.size
        priced = any(kind.price_per_hour for kind in self.worker_types)
        return self._choose(ORDERS, PRICED_SCORES if priced else SCORES)[:many] if many > 1 else [self.quickest]

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
        if self.size > EFFORT:
            return self._choose(LIMITED_ORDERS[:1], LIMITED_SCORES[:1], limited_gang_orders(self.gangs)[:1])
        return self.limited[: max(2, min(LIMITED_WAYS, EFFORT // self.size))]

    def _choose(
        self, orders: Sequence[Order], scores: Sequence[Score], gangs: Sequence[tuple[Gang, ...]] = ()
    ) -> list[Choice]:
        """Each order with each score; orders that come to the same are one."""
        lines = [Line(self.demands, order) for order in (self._distinct(orders) if len(orders) > 1 else orders)]
        return list(product(gangs or gang_orders(self.gangs), lines, scores, [False]))

    def _distinct(self, orders: Sequence[Order]) -> Iterable[Order]:
        parts = (self.demands, *(gang.bundles for gang in self.gangs))
        return {tuple(one for part in parts for one in sorted(part, key=order)): order for order in orders}.values()
