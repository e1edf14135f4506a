"""Group commit: what several threads want at the same moment is done in one go, for the price of one.

Whoever finds nobody at work does all that waits by then; what comes meanwhile is the next group. So nobody waits for
company, and a group is as large as the work before it was slow.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


class Groups(Generic[Item, Result]):
    """Does items in groups, in the order in which they came, by `work`: a result for each item, or an error for all."""

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        self._work = work
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._turn = threading.Lock()

    def do(self, item: Item) -> Result:
        """What `work` returned for `item`. Raises what it raised for the group that `item` was in."""
        result: Future[Result] = Future()
        self._waiting.append((item, result))
        with self._turn:
            if not result.done():
                self._do_all_that_wait()
        return result.result()

    def _do_all_that_wait(self) -> None:
        group = [self._waiting.popleft() for _ in range(len(self._waiting))]  # the turn is ours: nobody else takes any
        try:
            for (_, result), done in zip(group, self._work([item for item, _ in group]), strict=True):
                result.set_result(done)
        except BaseException as error:  # noqa: BLE001  # raised by each of them
            for _, result in group:
                result.set_exception(error)
