"""Groups of segments, made smaller: as one segment, and with fewer moments."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING
from zlib import compress

from msgspec.json import encode

from scaler.model.errors import RecordingError
from scaler.recording.patch import difference
from scaler.recording.segments import documents_of, points_of, segment_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scaler.recording.moment import Point
    from scaler.recording.patch import Document
    from scaler.recording.segments import Segment


def joined(group: Sequence[Segment]) -> Segment:
    """A group as one segment, which compresses better. Raises `RecordingError`."""
    content = compress(b"\n".join(text_of(segment) for segment in group))
    points = [point for segment in group for point in points_of(segment.points)]
    return group[0]._replace(until=group[-1].until, content=content, points=encode(points))


def thinned(group: Sequence[Segment], step: float) -> Segment:
    """A group as one segment with moments at least `step` seconds apart, and all that act. Raises `RecordingError`."""
    kept = list(_kept(documents_of(group), step))
    if not kept:
        raise RecordingError("the recording has a group without a whole document")
    lines = [kept[0], *(difference(old, new) for old, new in pairwise(kept))]
    points = _peaks((point for segment in group for point in points_of(segment.points)), step)
    return segment_of(lines, points, is_key=True, step=step)


def _kept(documents: Iterable[Document], step: float) -> Iterator[Document]:
    """Those that act, and the last of each interval."""
    waiting: Document | None = None
    for document in documents:
        if waiting is not None and document["at"] // step != waiting["at"] // step:
            yield waiting
        waiting = document
        if document["plan"]["actions"]:
            yield document
            waiting = None
    if waiting is not None:
        yield waiting


def _peaks(points: Iterable[Point], step: float) -> list[Point]:
    """Of each interval the point with the largest pool, then the most that is pending; and the last, which holds on."""
    peaks: dict[float, list[Point]] = {}
    for point in points:
        peak, *_ = peaks.get(point.at // step, [point])
        peaks[point.at // step] = [point] if _height(point) >= _height(peak) else [peak, point]
    return [point for pair in peaks.values() for point in pair]


def _height(point: Point) -> tuple[int, int]:
    return point.size, point.pending or 0
