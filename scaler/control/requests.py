"""What operators ask of the loop: it decides in its next round, so that no limit is exceeded by a race."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError  # of its own before Python 3.11
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scaler.model.decision import Held
from scaler.model.errors import ScalerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scaler.control.view import Wakeup
    from scaler.model.decision import Action
    from scaler.planning.by_hand import Request


class LoopBusyError(ScalerError):
    """The loop did not take a request in time."""


@dataclass(frozen=True)
class Started:
    """The action that a request led to, the worker's id, and the id of the decision."""

    action: Action
    worker_id: str
    decision_id: int


Answer = Started | Held


@dataclass(frozen=True)
class Asked:
    """A request, and the place for its answer."""

    request: Request
    answer: Future[Answer] = field(default_factory=Future)


class Requests:
    """Requests that the loop has not seen yet."""

    def __init__(self, wakeup: Wakeup) -> None:
        self._wakeup = wakeup
        self._lock = threading.Lock()
        self._asked: list[Asked] = []

    def ask(self, request: Request, seconds: float) -> Answer:
        """The loop's answer, or its error. Raises `LoopBusyError` after so many seconds; nothing is done then."""
        asked = Asked(request)
        with self._lock:
            self._asked.append(asked)
        self._wakeup.wake("operator")
        try:
            return asked.answer.result(seconds)
        except FutureTimeoutError:
            if asked.answer.cancel():
                raise LoopBusyError(f"the loop has not come round for {seconds:g} s; nothing was done") from None
            return asked.answer.result()  # the loop had just begun with it

    @contextmanager
    def taken(self) -> Iterator[Sequence[Asked]]:
        """The requests for this round; an error of the round is their answer."""
        with self._lock:
            asked, self._asked = self._asked, []
        asked = [one for one in asked if one.answer.set_running_or_notify_cancel()]
        try:
            yield asked
        except BaseException as error:
            for one in asked:
                if not one.answer.done():
                    one.answer.set_exception(error)
            raise


def settle(
    asked: Sequence[Asked], answers: Sequence[Action | Held], launched: Mapping[str, Action], decision_id: int
) -> None:
    """Answer the requests after their actions were started."""
    for one, answer in zip(asked, answers, strict=True):
        one.answer.set_result(answer if isinstance(answer, Held) else _started(answer, launched, decision_id))


def _started(action: Action, launched: Mapping[str, Action], decision_id: int) -> Started:
    new = next((worker_id for worker_id, launch in launched.items() if launch is action), "")
    return Started(action, new or action.worker_id, decision_id)
