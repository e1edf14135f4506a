"""Requests in the order in which they are packed, and what a worker takes of them. Pure: standard library only."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, Gang, ResourceBundle, Strategy, bundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scaler.packing.capacity import Slot, Taken
    from scaler.packing.heuristics import Order

REMEMBERED_DEMANDS = 200  # what workers take of more different requests is not remembered: it takes much memory
INDEXED_DEMANDS = 10  # so many requests with selectors are looked up by label instead of one by one


class Line:
    """Requests in the order in which they are taken; with `spread` a worker takes one.

    Remembers what a worker takes, because several ways need the same answer.
    """

    def __init__(self, demands: Iterable[Demand], order: Order, *, spread: bool = False) -> None:
        self.order, self._at_most = order, 1 if spread else None
        self.demands = sorted((demand for demand in demands if demand.count), key=order)
        self.totals = _total((demand.shape, demand.count) for demand in self.demands)
        self._known: dict[tuple[Slot, tuple[int, ...]], tuple[Slot, Taken]] = {}

    def served_by(self, slot: Slot, counts: Sequence[int]) -> tuple[Slot, Taken]:
        """A worker after taking what fits while `counts` of each demand are pending, and what it took."""
        if len(counts) > REMEMBERED_DEMANDS:
            return self._filled(slot, counts)
        key = slot, tuple(counts)
        if key not in self._known:
            self._known[key] = self._filled(slot, counts)
        return self._known[key]

    def _filled(self, slot: Slot, counts: Sequence[int]) -> tuple[Slot, Taken]:
        return slot.filled(self.demands, counts, at_most=self._at_most, indices=self._meeting(slot))

    def _meeting(self, slot: Slot) -> Sequence[int] | None:
        """The demands whose selectors these labels may meet, None if all."""
        always, by_label = self._selecting
        if not by_label:
            return None
        meeting = [index for key, value in slot.labels.items() for index in by_label.get((key, value), ())]
        return sorted({*always, *meeting})

    @cached_property
    def _selecting(self) -> tuple[Sequence[int], Mapping[tuple[str, str], Sequence[int]]]:
        """The demands that any worker may meet, and the others by a label that they want; none if those are few."""
        by_label, always = defaultdict[tuple[str, str], list[int]](list), list[int]()
        for index, demand in enumerate(self.demands):
            first = demand.selectors[0] if demand.selectors and not demand.fallbacks else None
            if first is None or first.operator != "in":
                always.append(index)
            else:
                for value in first.values:
                    by_label[first.key, value].append(index)
        return (always, by_label) if len(self.demands) - len(always) > INDEXED_DEMANDS else ((), {})

    def tally(self, taken: Taken) -> tuple[int, bool]:
        """How many requests that is, and whether one of them has selectors."""
        return sum(count for _, count in taken), any(self.demands[index].selectors for index, _ in taken)


def requests_of(gang: Gang) -> tuple[Demand, ...]:
    """What has to be placed: a STRICT_PACK gang is one large request."""
    if gang.strategy is not Strategy.STRICT_PACK:
        return gang.bundles
    whole = _total((part.shape, part.count) for part in gang.bundles)
    selectors = tuple(selector for part in gang.bundles for selector in part.selectors)
    fallbacks = gang.bundles[0].fallbacks if len({part.fallbacks for part in gang.bundles}) == 1 else ()
    return (Demand(bundle(whole), 1, selectors, fallbacks),)


def _total(shapes: Iterable[tuple[ResourceBundle, int]]) -> dict[str, float]:
    total = Counter[str]()
    for shape, count in shapes:
        for name, amount in shape:
            total[name] += amount * count  # type: ignore[assignment]  # a Counter of floats
    return dict(total)
