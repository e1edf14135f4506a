"""Group commit: the items that arrive while one group is being written are the next group, for the price of one.

An item alone is written at once, and a group is as large as the write before it was slow.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Writes the items of many threads in groups, in the order of arrival, by `write`: a result for each, or an error.

    The first thread of a group writes it; the others wait for that.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        self._write = write
        self._changed = threading.Condition()
        self._next: list[tuple[Item, Future[Result]]] = []
        self._writing = False

    def commit(self, item: Item) -> Result:
        """The result of `write` for `item`. Raises what `write` raised for the group of `item`."""
        result: Future[Result] = Future()
        with self._changed:
            self._next.append((item, result))
            while self._writing and not result.done():
                self._changed.wait()
            if result.done():
                return result.result()
            group, self._next = self._next, []
            self._writing = True
        self._write_group(group)
        with self._changed:
            self._writing = False
            self._changed.notify_all()
        return result.result()

    def _write_group(self, group: Sequence[tuple[Item, Future[Result]]]) -> None:
        try:
            outcomes = self._write([item for item, _result in group])
        except BaseException as error:  # noqa: BLE001  # each of the group raises it
            for _item, result in group:
                result.set_exception(error)
        else:
            for (_item, result), outcome in zip(group, outcomes, strict=True):
                result.set_result(outcome)
