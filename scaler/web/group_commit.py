"""Group commit: what many ask for while the last group is being done is done next, in one go, for the price of one.

So nobody waits for company, and a group is as large as the work before it was slow.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


class Groups(Generic[Item, Result]):
    """Does items in groups, in the order in which they came, by `work` in a thread: a result for each, or an error."""

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        self._work = work
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._doing: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """What `work` returned for `item`. Raises what it raised for the group that `item` was in."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._doing is None:
            self._doing = asyncio.create_task(self._do_all_that_wait())
        return await result

    async def _do_all_that_wait(self) -> None:
        while group := self._waiting:
            self._waiting = []
            outcome = await asyncio.to_thread(self._outcome, [item for item, _ in group])
            for place, (_, result) in enumerate(group):
                if result.done():  # whoever asked has gone
                    continue
                if isinstance(outcome, BaseException):
                    result.set_exception(outcome)
                else:
                    result.set_result(outcome[place])
        self._doing = None

    def _outcome(self, items: Sequence[Item]) -> Sequence[Result] | BaseException:
        try:
            return self._work(items)
        except BaseException as error:  # noqa: BLE001  # raised by each of them
            return error
