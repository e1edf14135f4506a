"""Requests in the order in which they are packed, and what a worker takes of them. Pure: standard library only."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from itertools import chain, islice, product
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, Gang, ResourceBundle, Strategy, bundle
from scaler.packing.capacity import ALMOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scaler.packing.capacity import Block, Slot, Taken
    from scaler.packing.heuristics import Order

REMEMBERED_DEMANDS = 200  # what workers take of more different requests is not remembered: it takes much memory
BLOCK = 50  # so many requests in a row are passed over at once if none of them fits
COMBINED = 100  # so many combinations of fallbacks of a gang on one node, the preferred ones first
INDEXED_DEMANDS = 10  # so many requests with selectors are looked up by label instead of one by one


class Line:
    """Requests in the order in which they are taken; with `spread` a worker takes one.

    Remembers what a worker takes, because several ways need the same answer.
    """

    def __init__(self, demands: Iterable[Demand], order: Order, *, spread: bool = False) -> None:
        self.order, self.spread, self._at_most = order, spread, 1 if spread else None
        self.demands = sorted((demand for demand in demands if demand.count), key=order)
        self._blocks = list(_blocks(self.demands))
        self.totals = _total((demand.shape, demand.count) for demand in self.demands)
        self._known: dict[tuple[Slot, tuple[int, ...]], tuple[Slot, Taken]] = {}

    def served_by(self, slot: Slot, counts: Sequence[int]) -> tuple[Slot, Taken]:
        """A worker after taking what fits while `counts` of each demand are pending, and what it took."""
        if self._at_most == 1 or len(counts) > REMEMBERED_DEMANDS:
            return self._filled(slot, counts)
        key = slot, tuple(counts)
        if key not in self._known:
            self._known[key] = self._filled(slot, counts)
        return self._known[key]

    def _filled(self, slot: Slot, counts: Sequence[int]) -> tuple[Slot, Taken]:
        indices = self._meeting(slot)
        return slot.filled(self.demands, counts, at_most=self._at_most, indices=indices, blocks=self._blocks)

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


def _blocks(demands: Sequence[Demand]) -> Iterator[Block]:
    """The demands by `BLOCK`, with the least of each resource that one of a block takes."""
    for start in range(0, len(demands), BLOCK):
        shapes = [dict(demand.shape) for demand in demands[start : start + BLOCK]]
        everywhere = set(shapes[0]).intersection(*shapes)
        least = [(name, min(shape[name] for shape in shapes) * ALMOST) for name in sorted(everywhere)]
        yield start, start + len(shapes), least


def requests_of(gang: Gang) -> tuple[Demand, ...]:
    """What has to be placed: a STRICT_PACK gang is one large request."""
    if gang.strategy is not Strategy.STRICT_PACK:
        return gang.bundles
    whole = _total((part.shape, part.count) for part in gang.bundles)
    # One node has to meet a set of selectors of each bundle: all combinations of the bundles' sets.
    each = dict.fromkeys((part.selectors, *part.fallbacks) for part in gang.bundles)
    together = (tuple(dict.fromkeys(chain.from_iterable(sets))) for sets in product(*each))
    selectors, *fallbacks = islice(dict.fromkeys(together), COMBINED)
    return (Demand(bundle(whole), 1, selectors, tuple(fallbacks)),)


def _total(shapes: Iterable[tuple[ResourceBundle, int]]) -> dict[str, float]:
    total = Counter[str]()
    for shape, count in shapes:
        for name, amount in shape:
            total[name] += amount * count  # type: ignore[assignment]  # a Counter of floats
    return dict(total)
