"""Segments: what the journal keeps of a recording. A segment is a compressed batch of documents.

The first line of a key segment is a whole document, and each other line is a patch of the one before. A key segment
and those after it up to the next key are a group, which can be read without any other.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from scaler.model.errors import RecordingError
from scaler.recording.document import document_of, has_changed
from scaler.recording.moment import Point, point_of
from scaler.recording.patch import difference, patched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scaler.recording.moment import Moment
    from scaler.recording.patch import Document

KEY_SECONDS = 600.0  # a group's length: what is read at least, and how often a whole document is written
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)  # msgspec raises the second one for bytes that are no UTF-8
BEAT_SECONDS = 60.0  # longest time without a line, so that a pause of the recording shows


class Segment(NamedTuple):
    """Documents from `since` to `until` (unix seconds), at least `step` seconds apart, 0 for all that was recorded."""

    since: float
    until: float
    is_key: bool
    step: float
    content: bytes  # JSON lines, compressed by zlib
    points: bytes  # a JSON list of `Point`, one for each change of the figures


def segment_of(lines: Sequence[Document], points: Sequence[Point], *, is_key: bool, step: float = 0.0) -> Segment:
    """The segment that has these lines, at least one."""
    content = zlib.compress(b"\n".join(map(msgspec.json.encode, lines)))
    return Segment(lines[0]["at"], lines[-1]["at"], is_key, step, content, msgspec.json.encode(points))


def text_of(segment: Segment) -> bytes:
    """The lines of a segment as text. Raises `RecordingError` if it is damaged."""
    try:
        return zlib.decompress(segment.content)
    except zlib.error as error:
        raise RecordingError(f"the recording from {segment.since:.0f} (unix seconds) is damaged: {error}") from error


def lines_of(segment: Segment) -> list[Document]:
    """The lines of a segment. Raises `RecordingError` if it is damaged."""
    try:
        return [msgspec.json.decode(line, type=dict[str, Any]) for line in text_of(segment).splitlines()]
    except UNREADABLE as error:
        raise RecordingError(f"the recording from {segment.since:.0f} (unix seconds) is damaged: {error}") from error


def points_of(points: bytes) -> list[Point]:
    """The points of a segment. Raises `RecordingError` if they are damaged."""
    try:
        return msgspec.json.decode(points, type=list[Point])
    except UNREADABLE as error:
        raise RecordingError(f"the recording has damaged points: {error}") from error


def documents_of(segments: Iterable[Segment]) -> Iterator[Document]:
    """The documents of segments in order; those before the first key are of no use. Raises `RecordingError`."""
    document: Document | None = None
    for segment in segments:
        for number, line in enumerate(lines_of(segment)):
            if segment.is_key and number == 0:
                document = line
            elif document is not None:
                document = patched(document, line)
            if document is not None:
                yield document


class Writer:
    """Makes segments of moments; keeps the last document to write differences only."""

    def __init__(self) -> None:
        self._last: Document | None = None
        self._key_at = 0.0
        self._begins = False  # whether the lines begin with a whole document
        self._lines: list[Document] = []
        self._points: list[Point] = []
        self._point: Point | None = None

    def add(self, moment: Moment, document: Document | None = None) -> Segment | None:
        """Write a moment if it differs from the last; returns the lines so far if a new group begins with it.

        `document` is that of the moment, if it is known.
        """
        document = document or document_of(moment, self._last)
        if self._last is None or not 0 <= moment.at - self._key_at < KEY_SECONDS or moment.at < self._last["at"]:
            finished = self.take()
            self._key_at, self._begins, self._point = moment.at, True, None
            self._append(moment, document, document)
            return finished
        patch = difference(self._last, document)
        if has_changed(patch) or moment.at - self._last["at"] >= BEAT_SECONDS:
            self._append(moment, document, patch)
        return None

    def take(self) -> Segment | None:
        """The lines since the last call as a segment; None if there are none."""
        if not self._lines:
            return None
        segment = segment_of(self._lines, self._points, is_key=self._begins)
        self._begins, self._lines, self._points = False, [], []
        return segment

    def _append(self, moment: Moment, document: Document, line: Document) -> None:
        self._last = document
        self._lines.append({**line, "at": moment.at})
        point = point_of(moment.at, moment.observation, moment.policy)
        if self._point is None or point[1:] != self._point[1:]:
            self._points.append(point)
            self._point = point
