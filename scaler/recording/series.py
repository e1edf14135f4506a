"""Figures of a recording over time, for charts. Pure functions of what the store returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaler.recording.segments import BEAT_SECONDS, points_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from scaler.recording.moment import Point

Step = tuple[float, "Point | None"]  # since when (unix seconds), and the figures; None: not recorded
GAP_SECONDS = 2.5 * BEAT_SECONDS  # longer without a line: nothing was recorded, and nothing is known
MAX_SAMPLES = 500


def series(batches: Iterable[tuple[float, bytes]], since: float, until: float) -> list[Step]:
    """The figures from `since` to `until` (unix seconds) as steps: each holds until the next; None: not known.

    `batches` are points with the end of their segment, in order (`RecordingStore.point_batches`). Raises
    `RecordingError`.
    """
    steps = sorted(_steps(batches), key=lambda step: step[0])
    before = [point for at, point in steps if at <= since]
    return [*([(since, before[-1])] if before else []), *((at, point) for at, point in steps if since < at <= until)]


def _steps(batches: Iterable[tuple[float, bytes]]) -> Iterator[Step]:
    ended: float | None = None
    for until, encoded in batches:
        points = points_of(encoded)
        if ended is not None and points and points[0].at - ended > GAP_SECONDS:
            yield ended, None
        yield from ((point.at, point) for point in points)
        ended = until


def with_samples(history: Mapping[str, Any], steps: Iterable[Step]) -> dict[str, Any]:
    """A document of `scaler.journal.history`, with `samples` of the steps in its time."""
    return {**history, "samples": samples(steps, history["since"], history["until"])}


def samples(steps: Iterable[Step], since: float, until: float) -> list[dict[str, Any]]:
    """At most some `MAX_SAMPLES` steps as JSON: of each interval the largest pool and the most that is pending."""
    interval = max((until - since) / MAX_SAMPLES, 1e-3)
    merged: dict[int, dict[str, Any]] = {}
    for at, point in steps:
        number = int((at - since) / interval) if at > since else -1
        size, pending = (point.size, point.pending) if point else (None, None)
        sample = {"at": at, "workers": size, "pending": pending}
        merged[number] = _highest(merged[number], sample) if number in merged else sample
    return list(merged.values())


def _highest(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    known = {key: [one[key] for one in (first, second) if one[key] is not None] for key in ("workers", "pending")}
    return {"at": first["at"], **{key: max(values, default=None) for key, values in known.items()}}
