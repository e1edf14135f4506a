"""The chart's data: demand by shape, workers by state, and the decisions of a time span. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaler.recording.moment import OTHER_SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scaler.recording.series import Step
    from scaler.web.api.documents import Chart, Mark, Series

POINTS = 180  # more are not seen on a laptop's screen
SHAPES = 6  # the largest ones; the others are summed
MARKS = 60


def chart(steps: Sequence[Step], entries: Iterable[Mapping[str, Any]], since: float, until: float) -> Chart:
    """The chart from `since` to `until`; `steps` are in order, one before `since` says how it was then."""
    kept = _thinned(steps, since, until)
    demand = [point and point.demand for _, point in kept]
    workers = [point.workers if point else {} for _, point in kept]
    states = _names(workers, len({name for one in workers for name in one}))
    return {
        "since": since,
        "until": until,
        "times": [at for at, _ in kept],
        "demand": _demand(demand),
        "workers": [_series(state, [one.get(state, 0) for one in workers]) for state in states],
        "max_workers": [point.max_workers if point else 0 for _, point in kept],
        "marks": _marks(entries, since),
    }


def _thinned(steps: Sequence[Step], since: float, until: float) -> list[Step]:
    """At most `POINTS` and two more: of each interval the step with the most demand, and how it was at both ends."""
    before = [step for step in steps if step[0] < since]
    inside = [step for step in steps if since <= step[0] <= until]
    interval = max((until - since) / POINTS, 1e-3)
    peaks: dict[int, Step] = {}
    for step in inside:
        bucket = int((step[0] - since) / interval)
        if bucket not in peaks or _pending(step) >= _pending(peaks[bucket]):
            peaks[bucket] = step
    kept = [*([(since, before[-1][1])] if before else []), *peaks.values()]
    last = (inside or before)[-1:]
    return [*kept, *((until, point) for _, point in last)]


def _pending(step: Step) -> int:
    _, point = step
    return (point.pending if point else None) or 0


def _names(counts: Iterable[Mapping[str, int]], most: int) -> list[str]:
    """The names with the largest peaks, in a stable order."""
    peaks: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            peaks[name] = max(peaks.get(name, 0), count)
    return sorted(sorted(peaks, key=lambda name: (-peaks[name], name))[:most])


def _demand(known: Sequence[Mapping[str, int] | None]) -> list[Series]:
    """The largest shapes, and the sum of the others, some of which the recording has summed already."""
    named = [{name: count for name, count in (one or {}).items() if name != OTHER_SHAPES} for one in known]
    shapes = _names(named, SHAPES)
    found = [_series(name, [None if one is None else one.get(name, 0) for one in known]) for name in shapes]
    rest = [None if one is None else sum(count for name, count in one.items() if name not in shapes) for one in known]
    return [*found, _series(OTHER_SHAPES, rest)] if any(rest) else found


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
