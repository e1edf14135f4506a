"""In which order requests are packed, and which worker is the best for them: the choices that greedy ways differ in.

Pure: standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray_watcher_common.state import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ray_watcher_common.state import Demand, Gang
    from scaler.packing.capacity import Slot

    Order = Callable[[Demand], tuple[object, ...]]
    Score = Callable[[Slot, Slot, Mapping[str, float]], tuple[float, ...]]

PLAIN_RESOURCES = frozenset({"CPU", "memory", "object_store_memory"})  # every worker has them


def gang_orders(gangs: Iterable[Gang]) -> list[tuple[Gang, ...]]:
    """Strict gangs and large ones first, as Ray's scheduler does it; among equals the large shapes or the small."""
    by_shape = sorted(
        gangs,
        key=lambda gang: (gang.strategy.value, [(part.shape, part.count, part.selectors) for part in gang.bundles]),
    )

    def hard_first(gang: Gang) -> tuple[int, int]:
        return (0 if gang.strategy is Strategy.ANY else -gang.count, -gang.count)

    orders = (tuple(sorted(some, key=hard_first)) for some in (by_shape, by_shape[::-1]))
    return list(dict.fromkeys(orders))


def as_ray_orders(demand: Demand) -> tuple[object, ...]:
    """`_sort_resource_request` of Ray's scheduler: many selectors, many resources and large amounts first."""
    amounts = sum(amount for _, amount in demand.shape)
    return (-len(demand.selectors), -len(demand.shape), -amounts, demand.shape, demand.selectors)


def _special_first(demand: Demand) -> tuple[object, ...]:
    """What few workers can hold first."""
    plain = all(name in PLAIN_RESOURCES for name, _ in demand.shape)
    return (plain, *as_ray_orders(demand))


def _small_first(demand: Demand) -> tuple[object, ...]:
    """Under limits, more requests are served so."""
    return (-len(demand.selectors), sum(amount for _, amount in demand.shape), demand.shape, demand.selectors)


def _spares_gpus(before: Slot, after: Slot) -> bool:
    """Whether no GPU worker is spent on work that needs none."""
    return not before.total.get("GPU") or after.free.get("GPU") != before.free.get("GPU")


def as_ray_scores(before: Slot, after: Slot, _totals: Mapping[str, float]) -> tuple[float, ...]:
    """`_compute_score` of Ray's scheduler: spare GPUs, use many kinds of resources, use each of them well."""
    kinds = sum(after.free[name] != amount for name, amount in before.free.items())
    use = [total * ((total - after.free.get(name, 0.0)) / total) ** 3 for name, total in before.total.items() if total]
    return (
        _spares_gpus(before, after),
        kinds,
        min(use, default=0.0),
        sum(use) / max(1, len(use)),
        _priority(before),
    )


def _covers_most(before: Slot, after: Slot, totals: Mapping[str, float]) -> tuple[float, ...]:
    """Take the worker that covers the largest share of what waits, with the least left over."""
    share = sum((before.free.get(name, 0.0) - after.free.get(name, 0.0)) / total for name, total in totals.items())
    left = sum(amount / before.total[name] for name, amount in after.free.items() if before.total.get(name))
    return (_spares_gpus(before, after), share, -left, _priority(before))


def _covers_most_roomily(before: Slot, after: Slot, totals: Mapping[str, float]) -> tuple[float, ...]:
    """Likewise, but of equals the one that has room for more to come."""
    spares, share, left, priority = _covers_most(before, after, totals)
    return (spares, share, sum(after.free.values()), left, priority)


def _leaves_least(before: Slot, after: Slot, _totals: Mapping[str, float]) -> tuple[float, ...]:
    """Take the worker that this fills up best."""
    left = sum(amount / before.total[name] for name, amount in after.free.items() if before.total.get(name))
    return (_spares_gpus(before, after), -left / max(1, len(before.total)), _priority(before))


def _priority(slot: Slot) -> int:
    return getattr(slot.worker_type, "priority", 0)


ORDERS: tuple[Order, ...] = (as_ray_orders, _special_first, _small_first)
SCORES: tuple[Score, ...] = (as_ray_scores, _covers_most, _covers_most_roomily, _leaves_least)
