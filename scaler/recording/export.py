"""A recording as a file of its own: JSON lines, compressed by gzip. docs/recording.md describes it.

The first line says what it is; the second has a whole document, and each other line a patch of the one before.
"""

from __future__ import annotations

import gzip
import zlib
from typing import IO, TYPE_CHECKING, Any

import msgspec

from ray_watcher_common.urls import shown_url
from scaler.model.errors import RecordingError
from scaler.recording.patch import difference, patched
from scaler.recording.segments import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scaler.recording.patch import Document

FORMAT, VERSION = "ray-watcher recording", 1
LONGEST_LINE = 256 * 1024 * 1024  # bytes; a whole document of 2,000 workers has one million


class Header(msgspec.Struct, kw_only=True):
    """What a file is: `cluster` it was recorded in, and the version that wrote it."""

    format: str = FORMAT
    version: int = VERSION
    cluster: str
    written_by: str


def write(file: IO[bytes], header: Header, documents: Iterable[Document]) -> int:
    """Write a recording to `file`, passwords in URLs as `***`; returns the number of moments. Raises `OSError`."""
    count, before = 0, None
    with gzip.open(file, "wb") as lines:
        lines.write(msgspec.json.encode(header) + b"\n")
        for document in documents:
            line = document if before is None else {**difference(before, document), "at": document["at"]}
            lines.write(msgspec.json.encode(_without_passwords(line)) + b"\n")
            count, before = count + 1, document
    return count


def read(file: IO[bytes], name: str) -> tuple[Header, Iterator[Document]]:
    """The header and the documents of a recording. Raises `RecordingError`, also when iterated."""
    lines = _lines(file, name)
    try:
        header = msgspec.convert(next(lines, {}), Header)
    except msgspec.ValidationError:
        raise RecordingError(f"{name}: got another kind of file, wanted one of: ray-watcher record export") from None
    if (header.format, header.version) != (FORMAT, VERSION):
        raise RecordingError(f"{name}: got {header.format} version {header.version}, wanted {FORMAT} version {VERSION}")
    return header, _documents(lines)


def _documents(lines: Iterator[Any]) -> Iterator[Document]:
    document: Document = {}
    for line in lines:
        document = patched(document, line)
        yield document


def _lines(file: IO[bytes], name: str) -> Iterator[Any]:
    try:
        with gzip.open(file) as text:
            while line := text.readline(LONGEST_LINE):
                yield msgspec.json.decode(line, type=dict[str, Any])
    except (OSError, EOFError, zlib.error, *UNREADABLE) as error:
        raise RecordingError(f"{name}: got no recording, or a damaged one: {error}") from error


def _without_passwords(value: Any) -> Any:
    if isinstance(value, str):
        return shown_url(value) if "://" in value else value
    if isinstance(value, dict):
        return {key: _without_passwords(inner) for key, inner in value.items()}
    return [_without_passwords(inner) for inner in value] if isinstance(value, list) else value
