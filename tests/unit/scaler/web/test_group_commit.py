"""Items of the same moment are written in one go, and each thread gets the outcome of its own group."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from scaler.web.group_commit import GroupCommit
from support.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Write:
    """Doubles numbers, fails a group that has `bad` in it, and can be held up: `begun` while it is, until `go`."""

    def __init__(self, bad: int | None = None, *, held: bool = False) -> None:
        self.bad, self.groups = bad, list[tuple[int, ...]]()
        self.begun, self.go = threading.Event(), threading.Event()
        if not held:
            self.go.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.groups.append(tuple(items))
        self.begun.set()
        assert self.go.wait(PATIENCE_SECONDS)
        if self.bad in items:
            raise OSError("disk is full")
        return [2 * item for item in items]


@contextmanager
def threads_that_commit(write: Write) -> Iterator[list[Future[int]]]:
    """The results of ten threads: 0, which is being written, and 1 to 9, which arrive meanwhile in this order."""
    commits = GroupCommit(write)
    with ThreadPoolExecutor(10) as threads:
        results = [threads.submit(commits.commit, 0)]
        assert write.begun.wait(PATIENCE_SECONDS)
        for item in range(1, 10):
            results.append(threads.submit(commits.commit, item))
            until_waiting(commits, item)
        write.go.set()
        yield results


def until_waiting(commits: GroupCommit[int, int], number: int) -> None:
    eventually(lambda: len(commits._next) >= number, every=0.001)  # noqa: SLF001  # nothing else shows that a thread waits


def test_what_arrives_while_a_group_is_written_is_the_next_group_in_its_order() -> None:
    write = Write(held=True)
    with threads_that_commit(write) as results:
        assert [one.result(PATIENCE_SECONDS) for one in results] == [2 * item for item in range(10)]

    assert write.groups == [(0,), tuple(range(1, 10))]


@pytest.mark.parametrize(
    ("bad", "failed"),
    [
        pytest.param(0, {0}, id="the first group, of one"),
        pytest.param(4, set(range(1, 10)), id="the second group, whichever item is at fault"),
        pytest.param(None, set(), id="none"),
    ],
)
def test_a_group_that_fails_fails_all_its_members_and_nobody_else(bad: int | None, failed: set[int]) -> None:
    with threads_that_commit(Write(bad, held=True)) as results:
        errors = [one.exception(PATIENCE_SECONDS) for one in results]

    assert {item for item, error in enumerate(errors) if isinstance(error, OSError)} == failed
    assert [one.result() for item, one in enumerate(results) if item not in failed] == [
        2 * item for item in range(10) if item not in failed
    ]


def test_after_a_failure_the_next_one_is_written() -> None:
    commits = GroupCommit(Write(bad=7))
    with pytest.raises(OSError, match="disk is full"):
        commits.commit(7)

    assert commits.commit(8) == 16


def test_an_item_alone_is_written_at_once() -> None:
    write = Write()
    commits = GroupCommit(write)

    assert [commits.commit(item) for item in (1, 2)] == [2, 4]
    assert write.groups == [(1,), (2,)]


def test_of_very_many_nothing_is_lost_written_twice_or_mixed_up() -> None:
    write = Write()
    commits = GroupCommit(write)

    def some(first: int) -> list[int]:
        return [commits.commit(item) for item in range(first, 5000, 20)]

    with ThreadPoolExecutor(20) as threads:
        written = [one for some_of_them in threads.map(some, range(20)) for one in some_of_them]

    assert written == [2 * item for first in range(20) for item in range(first, 5000, 20)]
    assert sorted(item for group in write.groups for item in group) == list(range(5000))
