"""In which order requests are packed, and which worker is the best for them: the choices that greedy ways differ in.

Pure: standard library only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from ray_watcher_common.state import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ray_watcher_common.state import Demand, Gang
    from scaler.packing.capacity import Slot

    Order = Callable[[Demand], tuple[object, ...]]
    Score = Callable[["Fit"], tuple[float, ...]]


class Fit(NamedTuple):
    """A worker before and after it took some requests; `totals` are the resources of all pending ones."""

    before: Slot
    after: Slot
    totals: Mapping[str, float]
    served: int  # requests that it took
    selects: bool  # whether one of them selects workers by label


PLAIN_RESOURCES = frozenset({"CPU", "memory", "object_store_memory"})  # every worker has them


def gang_orders(gangs: Iterable[Gang]) -> list[tuple[Gang, ...]]:
    """Strict gangs and large ones first, as Ray's scheduler does it; among equals the large shapes or the small."""
    by_shape = sorted(gangs, key=gang_key)

    def hard_first(gang: Gang) -> tuple[int, int]:
        return (0 if gang.strategy is Strategy.ANY else -gang.count, -gang.count)

    orders = (tuple(sorted(some, key=hard_first)) for some in (by_shape, by_shape[::-1]))
    return list(dict.fromkeys(orders))


def limited_gang_orders(gangs: Iterable[Gang]) -> list[tuple[Gang, ...]]:
    """Serve more gangs under a limit, or the large ones whatever their strategy."""
    gangs = tuple(gangs)
    small = tuple(sorted(gangs, key=lambda gang: (gang.count, gang_key(gang))))
    return list(dict.fromkeys((small, tuple(sorted(gangs, key=lambda gang: (-gang.count, gang_key(gang)))))))


def gang_key(gang: Gang) -> tuple[object, ...]:
    """An order that does not depend on how gangs were reported."""
    parts = [(part.shape, part.count, part.selectors, part.fallbacks) for part in gang.bundles]
    return (gang.strategy.value, parts, gang.group, gang.same_label)


def as_ray_orders(demand: Demand) -> tuple[object, ...]:
    """`_sort_resource_request` of Ray's scheduler: many selectors, many resources and large amounts first."""
    amounts = sum(amount for _, amount in demand.shape)
    return (-len(demand.selectors), -len(demand.shape), -amounts, demand.shape, demand.selectors, demand.fallbacks)


def _special_first(demand: Demand) -> tuple[object, ...]:
    """What few workers can hold first."""
    plain = all(name in PLAIN_RESOURCES for name, _ in demand.shape)
    return (plain, *as_ray_orders(demand))


def _small_first(demand: Demand) -> tuple[object, ...]:
    """Serve more requests under a limit, those with selectors first."""
    return (-len(demand.selectors), *_smallest_first(demand))


def _smallest_first(demand: Demand) -> tuple[object, ...]:
    """Serve more requests under a limit."""
    return (sum(amount for _, amount in demand.shape), demand.shape, demand.selectors, demand.fallbacks)


def _plain_first(demand: Demand) -> tuple[object, ...]:
    """Serve more requests under a limit: those that ask for the least memory, then for the fewest CPUs and GPUs."""
    amounts = dict(demand.shape)
    units = sum(amount for name, amount in amounts.items() if not name.endswith("memory"))
    return (units, amounts.get("memory", 0.0), demand.shape, demand.selectors, demand.fallbacks)


def spares_gpus(fit: Fit) -> bool:
    """Whether no GPU worker is spent on work that needs none."""
    return not fit.before.total.get("GPU") or fit.after.free.get("GPU") != fit.before.free.get("GPU")


def as_ray_scores(fit: Fit) -> tuple[float, ...]:
    """`_compute_score` of Ray's scheduler: labels, spare GPUs, use many kinds of resources, and each of them well."""
    return (fit.selects, spares_gpus(fit), *_ray_use(fit))


def _ray_use(fit: Fit) -> tuple[float, ...]:
    after, total = fit.after.free, fit.before.total
    kinds = sum(after[name] != amount for name, amount in fit.before.free.items())
    use = [amount * ((amount - after.get(name, 0.0)) / amount) ** 3 for name, amount in total.items() if amount]
    return (kinds, min(use, default=0.0), sum(use) / max(1, len(use)), *_preferred(fit.before))


def _covers_most(fit: Fit) -> tuple[float, ...]:
    """Take the worker that covers the largest share of what is pending, with the least left over."""
    before, after = fit.before, fit.after
    share = sum((before.free.get(name, 0.0) - after.free.get(name, 0.0)) / total for name, total in fit.totals.items())
    return (share, -_left(fit), *_preferred(before))


def _covers_most_roomily(fit: Fit) -> tuple[float, ...]:
    """Likewise, but among equals the one that has room for more to come."""
    share, left, *preferred = _covers_most(fit)
    return (share, sum(fit.after.free.values()), left, *preferred)


def _covers_most_for_its_price(fit: Fit) -> tuple[float, ...]:
    """Take the worker that covers the largest share for what it costs."""
    share, *rest = _covers_most(fit)
    price = fit.before.worker_type.price_per_hour if fit.before.worker_type else 0.0
    return (share / price if price else math.inf, *rest)


def _leaves_least(fit: Fit) -> tuple[float, ...]:
    """Take the worker that this fills up best."""
    return (-_left(fit) / max(1, len(fit.before.total)), *_preferred(fit.before))


def _serves_most(fit: Fit) -> tuple[float, ...]:
    """Take the worker that serves the most requests, with the least left over."""
    return (fit.served, -_left(fit), *_preferred(fit.before))


def _left(fit: Fit) -> float:
    total = fit.before.total
    return sum(amount / total[name] for name, amount in fit.after.free.items() if total.get(name))


def _sparing(score: Score) -> Score:
    """The same score among workers that spare GPUs, which come first."""

    def sparing(fit: Fit) -> tuple[float, ...]:
        return (spares_gpus(fit), *score(fit))

    return sparing


def _preferred(slot: Slot) -> tuple[float, int]:
    """Among equals: the cheap worker, then the one of high priority."""
    kind = slot.worker_type
    return (-kind.price_per_hour, kind.priority) if kind else (0.0, 0)


ORDERS: tuple[Order, ...] = (as_ray_orders, _special_first, _small_first)
SCORES: tuple[Score, ...] = (
    as_ray_scores,
    _sparing(_covers_most),
    _sparing(_covers_most_roomily),
    _sparing(_leaves_least),
)
PRICED_SCORES: tuple[Score, ...] = (*SCORES, _sparing(_covers_most_for_its_price))  # if types have prices
# If a limit leaves something unserved, serving more of it comes before sparing GPUs.
LIMITED_ORDERS: tuple[Order, ...] = (_smallest_first, _plain_first, *ORDERS)
LIMITED_SCORES: tuple[Score, ...] = (_serves_most, _sparing(_serves_most), as_ray_scores, _covers_most, _leaves_least)
