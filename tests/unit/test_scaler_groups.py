"""What threads ask for at the same moment is done in one go, and each of them learns how its own group went."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import pytest

from scaler.groups import Groups

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

EVENTUALLY_SECONDS = 20.0


class Work:
    """Doubles numbers, fails a group that has `bad` in it, and can be held up: `begun` while it is, until `go`."""

    def __init__(self, bad: int | None = None) -> None:
        self.bad, self.groups = bad, list[tuple[int, ...]]()
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.groups.append(tuple(items))
        self.begun.set()
        assert self.go.wait(EVENTUALLY_SECONDS)
        if self.bad in items:
            raise OSError("disk is full")
        return [2 * item for item in items]


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


def asked_while_one_is_done(groups: Groups[int, int], work: Work, threads: ThreadPoolExecutor) -> list[Future[int]]:
    """The results for 0, which is being done, and for 1 to 9, which come meanwhile, one after the other."""
    asked = [threads.submit(groups.do, 0)]
    assert work.begun.wait(EVENTUALLY_SECONDS)
    for item in range(1, 10):
        asked.append(threads.submit(groups.do, item))
        while len(groups._waiting) < item:  # noqa: SLF001  # until it waits
            assert not asked[-1].done()
    work.go.set()
    wait(asked, EVENTUALLY_SECONDS)
    return asked


def test_what_comes_while_a_group_is_done_is_the_next_group_in_its_order(threads: ThreadPoolExecutor) -> None:
    work = Work()

    asked = asked_while_one_is_done(Groups(work), work, threads)

    assert work.groups == [(0,), tuple(range(1, 10))]
    assert [one.result() for one in asked] == [2 * item for item in range(10)]


@pytest.mark.parametrize(
    ("bad", "failed"),
    [
        pytest.param(0, {0}, id="the first group, of one"),
        pytest.param(4, set(range(1, 10)), id="the second group, whoever is at fault"),
        pytest.param(None, set(), id="none"),
    ],
)
def test_a_group_that_fails_fails_all_its_members_and_nobody_else(
    threads: ThreadPoolExecutor, bad: int | None, failed: set[int]
) -> None:
    work = Work(bad)

    asked = asked_while_one_is_done(Groups(work), work, threads)

    assert {item for item, one in enumerate(asked) if isinstance(one.exception(), OSError)} == failed
    assert {one.result() for item, one in enumerate(asked) if item not in failed} == {
        2 * item for item in range(10) if item not in failed
    }


def test_after_a_failure_the_next_one_is_done(threads: ThreadPoolExecutor) -> None:
    work = Work(bad=7)
    work.go.set()
    groups = Groups(work)

    with pytest.raises(OSError, match="disk is full"):
        groups.do(7)
    assert threads.submit(groups.do, 8).result(EVENTUALLY_SECONDS) == 16


def test_one_alone_waits_for_nobody() -> None:
    work = Work()
    work.go.set()
    groups = Groups(work)

    assert [groups.do(item) for item in (1, 2)] == [2, 4]
    assert work.groups == [(1,), (2,)]


def test_with_many_threads_nothing_is_lost_done_twice_or_mixed_up(threads: ThreadPoolExecutor) -> None:
    work = Work()
    work.go.set()
    groups = Groups(work)

    assert list(threads.map(groups.do, range(5000))) == [2 * item for item in range(5000)]
    assert sorted(item for group in work.groups for item in group) == list(range(5000))
