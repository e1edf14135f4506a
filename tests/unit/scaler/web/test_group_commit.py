"""What is asked for at the same moment is done in one go, and each learns how its own group went."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from scaler.web.group_commit import Groups

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENTUALLY_SECONDS = 20.0


class Work:
    """Doubles numbers, fails a group that has `bad` in it, and can be held up: `begun` while it is, until `go`."""

    def __init__(self, bad: int | None = None, *, held: bool = False) -> None:
        self.bad, self.groups = bad, list[tuple[int, ...]]()
        self.begun, self.go = threading.Event(), threading.Event()
        if not held:
            self.go.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.groups.append(tuple(items))
        self.begun.set()
        assert self.go.wait(EVENTUALLY_SECONDS)
        if self.bad in items:
            raise OSError("disk is full")
        return [2 * item for item in items]


async def asked_while_one_is_done(work: Work) -> list[asyncio.Task[int]]:
    """What was asked: 0, which is being done, and 1 to 9, which come meanwhile, one after the other."""
    groups = Groups(work)
    asked = [asyncio.create_task(groups.do(0))]
    await asyncio.to_thread(work.begun.wait, EVENTUALLY_SECONDS)
    asked += [asyncio.create_task(groups.do(item)) for item in range(1, 10)]
    await asyncio.sleep(0)  # until they wait
    return asked


def test_what_comes_while_a_group_is_done_is_the_next_group_in_its_order() -> None:
    work = Work(held=True)

    async def ask() -> list[int]:
        asked = await asked_while_one_is_done(work)
        work.go.set()
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == [2 * item for item in range(10)]
    assert work.groups == [(0,), tuple(range(1, 10))]


@pytest.mark.parametrize(
    ("bad", "failed"),
    [
        pytest.param(0, {0}, id="the first group, of one"),
        pytest.param(4, set(range(1, 10)), id="the second group, whoever is at fault"),
        pytest.param(None, set(), id="none"),
    ],
)
def test_a_group_that_fails_fails_all_its_members_and_nobody_else(bad: int | None, failed: set[int]) -> None:
    work = Work(bad, held=True)

    async def ask() -> list[int | BaseException]:
        asked = await asked_while_one_is_done(work)
        work.go.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    results = asyncio.run(ask())
    assert {item for item, one in enumerate(results) if isinstance(one, OSError)} == failed
    assert {one for one in results if isinstance(one, int)} == {2 * item for item in range(10) if item not in failed}


def test_after_a_failure_the_next_one_is_done() -> None:
    async def ask() -> int:
        groups = Groups(Work(bad=7))
        with pytest.raises(OSError, match="disk is full"):
            await groups.do(7)
        return await groups.do(8)

    assert asyncio.run(ask()) == 16


def test_one_alone_waits_for_nobody() -> None:
    work = Work()

    async def ask() -> list[int]:
        groups = Groups(work)
        return [await groups.do(item) for item in (1, 2)]

    assert asyncio.run(ask()) == [2, 4]
    assert work.groups == [(1,), (2,)]


def test_who_gives_up_costs_nobody_else_an_answer_and_is_done_all_the_same() -> None:
    work = Work(held=True)

    async def ask() -> list[int]:
        asked = await asked_while_one_is_done(work)
        asked[0].cancel()
        asked[3].cancel()
        await asyncio.sleep(0)
        work.go.set()
        return await asyncio.gather(*(one for item, one in enumerate(asked) if item not in (0, 3)))

    assert asyncio.run(ask()) == [2 * item for item in range(10) if item not in (0, 3)]
    assert work.groups == [(0,), tuple(range(1, 10))]


def test_of_very_many_nothing_is_lost_done_twice_or_mixed_up() -> None:
    work = Work()

    async def ask() -> list[int]:
        groups = Groups(work)

        async def some(first: int) -> list[int]:
            return [await groups.do(item) for item in range(first, 5000, 50)]

        return [one for some_of_them in await asyncio.gather(*map(some, range(50))) for one in some_of_them]

    assert sorted(asyncio.run(ask())) == [2 * item for item in range(5000)]
    assert sorted(item for group in work.groups for item in group) == list(range(5000))
