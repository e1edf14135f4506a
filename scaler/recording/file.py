"""The recording in a journal's file, without a scaler: its history, its documents, and how others get into it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from scaler.journal import history
from scaler.journal.migrations import version_of
from scaler.model.errors import RecordingError
from scaler.recording.reading import Reader
from scaler.recording.segments import Writer, documents_of
from scaler.recording.series import series, with_samples
from scaler.recording.store import SINCE_VERSION, RecordingStore, point_batches, segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from scaler.journal.history import Question
    from scaler.recording.patch import Document


def read_history(path: Path, question: Question, now: float) -> dict[str, Any]:
    """The history in the journal at `path`, with samples. Raises `JournalError`, `RecordingError`."""
    with history.opened(path) as db:
        batches = point_batches(db, question.since) if version_of(db, path) >= SINCE_VERSION else []
        return with_samples(history.read(db, question, now), series(batches, question.since, now))


def recorded(path: Path, since: float, until: float) -> Iterator[Document]:
    """The documents from `since` to `until` (unix seconds) in the journal at `path`; the file stays as it is.

    Raises `JournalError`, `RecordingError`.
    """
    with history.opened(path) as db:
        if version_of(db, path) >= SINCE_VERSION:
            found = documents_of(segments(db, since, until))
            yield from (document for document in found if since <= document["at"] <= until)


def add(path: Path, documents: Iterable[Document]) -> int:
    """Add documents to the journal at `path`, which may have no recording; returns their number.

    Raises `JournalError`, `RecordingError`.
    """
    with closing(RecordingStore(path)) as store:
        if store.segments(float("-inf"), float("inf")):
            raise RecordingError(f"{path} has a recording already; choose another journal with WATCHER_CLUSTER")
        writer, reader, count = Writer(), Reader(), 0
        for document in documents:
            count += 1
            if segment := writer.add(reader.moment(document), document):
                store.append(segment)
        if segment := writer.take():
            store.append(segment)
    return count
