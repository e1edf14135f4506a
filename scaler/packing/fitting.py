"""Which requests fit on workers of some types, if there are as many as it takes. Pure: standard library only."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand, Gang
from scaler.packing.capacity import fresh
from scaler.packing.line import requests_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scaler.model.cluster import WorkerType
    from scaler.packing.capacity import Slot


def could_hold(misfit: Demand | Gang, worker_types: Iterable[WorkerType]) -> bool:
    """Whether workers of these types, as many as it takes, could hold it; a gang may need several types."""
    return Fitting([fresh(kind) for kind in worker_types]).holds(misfit)


class Fitting:
    """Whether requests could be placed if there were any number of each of some workers."""

    def __init__(self, places: Sequence[Slot]) -> None:
        self._places = places
        self._known: dict[tuple[object, ...], bool] = {}
        self._by_label: dict[str, dict[str, list[Slot]]] = {}

    def holds(self, misfit: Demand | Gang) -> bool:
        """Whether this demand, or each bundle of this gang, fits on one of them."""
        if isinstance(misfit, Demand):
            return self._fits(misfit, self._places)
        parts, key = requests_of(misfit), misfit.same_label
        if not key:
            return all(self._fits(part, self._places) for part in parts)
        values = {slot.labels[key] for slot in self._places if key in slot.labels}
        same = ([slot for slot in self._places if slot.labels.get(key) == value] for value in values)
        return any(all(any(slot.capacity(part) for slot in places) for part in parts) for places in same)

    def _fits(self, part: Demand, places: Sequence[Slot]) -> bool:
        key = (part.shape, part.selectors, part.fallbacks)
        if key not in self._known:
            self._known[key] = any(slot.capacity(part) for slot in self._candidates(part, places))
        return self._known[key]

    def _candidates(self, part: Demand, places: Sequence[Slot]) -> Sequence[Slot]:
        """The places that may have a label that it wants."""
        first = part.selectors[0] if part.selectors and not part.fallbacks else None
        if first is None or first.operator != "in":
            return places
        if first.key not in self._by_label:
            found = self._by_label[first.key] = defaultdict(list)
            for slot in places:
                if first.key in slot.labels:
                    found[slot.labels[first.key]].append(slot)
        return [slot for value in first.values for slot in self._by_label[first.key].get(value, ())]
