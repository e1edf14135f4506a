"""What workers cost at the prices of their types. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scaler.model.policy import Policy
    from scaler.model.workers import Worker

SECONDS_PER_HOUR = 3600.0


def counted(workers: Iterable[Worker]) -> Counter[str]:
    """The workers that cost something, by type: those in Ray or on their way."""
    return Counter(worker.worker_type for worker in workers if worker.counts)


def cost_per_hour(policy: Policy, workers: Mapping[str, int]) -> float:
    """What so many workers of each type cost per hour; a type without a price costs nothing."""
    prices = {kind.name: kind.price_per_hour for kind in policy.worker_types}
    return sum((prices.get(name, 0.0) * many for name, many in workers.items()), start=0.0)


def cost_of_period(policy: Policy, samples: Sequence[tuple[float, Mapping[str, int]]], until: float) -> float:
    """What the workers of a period cost: `samples` say since when (unix seconds) there were so many of each type."""
    times = [at for at, _ in samples] + [until]
    spans = [max(0.0, after - before) for before, after in pairwise(times)]
    costs = (cost_per_hour(policy, workers) for _, workers in samples)
    spent = (cost * seconds / SECONDS_PER_HOUR for cost, seconds in zip(costs, spans, strict=True))
    return sum(spent, start=0.0)
