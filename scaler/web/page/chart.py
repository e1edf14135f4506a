"""The chart's data: demand by shape, workers by state, and the decisions of a time span. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scaler.web.api.documents import Chart, Mark, Series

POINTS = 180  # more are not seen on a laptop's screen
SHAPES = 6  # the largest ones; the others are summed
MARKS = 60
OTHERS = "other shapes"


@dataclass(frozen=True)
class Look:
    """The cluster at one moment (unix seconds); `demand` None: not known."""

    at: float
    demand: Mapping[str, int] | None
    workers: Mapping[str, int]
    max_workers: int


def chart(looks: Sequence[Look], entries: Iterable[Mapping[str, Any]], since: float, until: float) -> Chart:
    """The chart from `since` to `until`; `looks` are in order, one before `since` says how it was then."""
    kept = _thinned(looks, since, until)
    shapes = _names((look.demand or {} for look in kept), SHAPES)
    states = _names((look.workers for look in kept), len({name for look in kept for name in look.workers}))
    return {
        "since": since,
        "until": until,
        "times": [look.at for look in kept],
        "demand": _demand(kept, shapes),
        "workers": [_series(state, [look.workers.get(state, 0) for look in kept]) for state in states],
        "max_workers": [look.max_workers for look in kept],
        "marks": _marks(entries, since),
    }


def _thinned(looks: Sequence[Look], since: float, until: float) -> list[Look]:
    """At most `POINTS` and two more: of each interval the look with the most demand, and how it was at both ends."""
    before = [look for look in looks if look.at < since]
    inside = [look for look in looks if since <= look.at <= until]
    interval = max((until - since) / POINTS, 1e-3)
    peaks: dict[int, Look] = {}
    for look in inside:
        bucket = int((look.at - since) / interval)
        if bucket not in peaks or _pending(look) >= _pending(peaks[bucket]):
            peaks[bucket] = look
    kept = [*([_moved(before[-1], since)] if before else []), *peaks.values()]
    last = inside[-1] if inside else before[-1] if before else None
    return [*kept, _moved(last, until)] if last else []


def _moved(look: Look, at: float) -> Look:
    return Look(at, look.demand, look.workers, look.max_workers)


def _pending(look: Look) -> int:
    return sum((look.demand or {}).values())


def _names(counts: Iterable[Mapping[str, int]], most: int) -> list[str]:
    """The names with the largest peaks, in a stable order."""
    peaks: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            peaks[name] = max(peaks.get(name, 0), count)
    return sorted(sorted(peaks, key=lambda name: (-peaks[name], name))[:most])


def _demand(looks: Sequence[Look], shapes: Sequence[str]) -> list[Series]:
    known = [look.demand for look in looks]
    found = [_series(name, [None if demand is None else demand.get(name, 0) for demand in known]) for name in shapes]
    rest = [None if one is None else sum(count for name, count in one.items() if name not in shapes) for one in known]
    return [*found, _series(OTHERS, rest)] if any(rest) else found


def _series(name: str, values: Sequence[int | None]) -> Series:
    return {"name": name, "values": list(values)}


def _marks(entries: Iterable[Mapping[str, Any]], since: float) -> list[Mark]:
    """The decisions, oldest first: entries of one decision with the same kind and cause are one mark."""
    groups: dict[tuple[int, str, str], Mark] = {}
    for entry in entries:
        if entry["at"] < since:
            continue
        key = (entry["decision_id"], entry["action"], entry["cause"])
        if key in groups:
            groups[key]["count"] += entry["count"]
        else:
            groups[key] = _mark(entry)
    return sorted(groups.values(), key=lambda mark: mark["at"])[-MARKS:]


def _mark(entry: Mapping[str, Any]) -> Mark:
    return {
        "at": entry["at"],
        "action": entry["action"],
        "cause": entry["cause"],
        "reason": entry["reason"],
        "count": entry["count"],
    }
