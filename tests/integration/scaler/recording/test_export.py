"""A recording as a file."""

from __future__ import annotations

import gzip
import io
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest

from scaler.model.errors import RecordingError
from scaler.recording import file
from scaler.recording.document import document_of
from scaler.recording.export import FORMAT, VERSION, Header, read, write
from scaler.recording.segments import documents_of
from scaler.recording.store import RecordingStore
from support.builders import NOW, observation, worker
from support.recordings import moment, with_pending, written

if TYPE_CHECKING:
    from pathlib import Path

    from scaler.recording.patch import Document

HEADER = Header(cluster="test", written_by="ray-watcher 1")


def exported(documents: list[Document]) -> io.BytesIO:
    target = io.BytesIO()
    write(target, HEADER, documents)
    return io.BytesIO(target.getvalue())


def some() -> list[Document]:
    return list(documents_of(written(with_pending(at, NOW + at) for at in range(5))))


def test_what_is_exported_is_read_again() -> None:
    header, documents = read(exported(some()), "some.gz")

    assert (header, list(documents)) == (HEADER, some())


def test_a_file_holds_differences_only() -> None:
    lines = gzip.decompress(exported(some()).getvalue()).splitlines()

    assert len(lines) == 6
    assert len(lines[-1]) < len(lines[1]) / 3


def test_no_password_of_a_url_is_exported() -> None:
    problem = "cannot read http://anna:hunter2@127.0.0.1:9811/state"
    seen = moment(observation(worker(1), problem=problem, learned={"default": {"CPU": 1.0}}))

    content = gzip.decompress(exported([document_of(seen)]).getvalue()).decode()
    assert ("hunter2" in content, "http://***@127.0.0.1:9811/state" in content) == (False, True)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no gzip", id="not compressed"),
        pytest.param(gzip.compress(b"{}\n"), id="another document"),
        pytest.param(gzip.compress(b"no json\n"), id="no JSON"),
        pytest.param(gzip.compress(b"[1]\n"), id="a list"),
        pytest.param(gzip.compress(b'{"\xf0": 1}\n'), id="no UTF-8"),
        pytest.param(gzip.compress(msgspec.json.encode(HEADER))[:-9], id="cut off"),
        pytest.param(
            gzip.compress(msgspec.json.encode(Header(version=VERSION + 1, cluster="a", written_by="b"))), id="newer"
        ),
    ],
)
def test_what_is_no_recording_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(RecordingError, match=r"some\.gz"):
        list(read(io.BytesIO(content), "some.gz")[1])


def test_the_first_line_says_what_it_is() -> None:
    header = msgspec.json.decode(gzip.decompress(exported([]).getvalue()))

    assert (header["format"], header["version"], header["cluster"]) == (FORMAT, VERSION, "test")


def test_a_journal_takes_a_recording_and_gives_it_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    assert file.add(path, some()) == 5
    assert list(file.recorded(path, NOW, NOW + 10)) == some()
    assert [document["at"] for document in file.recorded(path, NOW + 3, NOW + 3)] == [NOW + 3]


def test_a_journal_with_a_recording_takes_no_other(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    file.add(path, some())

    with pytest.raises(RecordingError):
        file.add(path, some())
    with closing(RecordingStore(path)) as store:
        assert len(list(documents_of(store.segments(0, 1e18)))) == 5
