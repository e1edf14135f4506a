"""`GET /api/v1/history?after=ID&wait=SECONDS`: people's own tools follow decisions and actions, without a gap.

A request that waits holds a thread of the server, so only a few may: webhooks and health checks need the others.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from scaler.model.errors import ScalerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaler.journal.history import Question
    from scaler.journal.journal import Journal

MAX_WAITING = 4  # of the server's 16 threads
POLL_SECONDS = 0.2  # another process may write: the leader, while this one is on standby


class UnknownEventError(ScalerError):
    """The caller has seen an event that this journal does not have: the journal replaced a lost one."""


class Follower:
    """Answers questions about what came after an event, at once or when something has come."""

    def __init__(
        self,
        journal: Journal,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._journal, self._monotonic, self._sleep = journal, monotonic, sleep
        self._places = threading.BoundedSemaphore(MAX_WAITING)

    def answer(self, question: Question, wait: float, now: Callable[[], float]) -> dict[str, Any]:
        """The history after `question.after`; empty if nothing has come within `wait` seconds.

        Raises `UnknownEventError`, `JournalError`.
        """
        self._require_known(question.after or 0)
        if wait and self._places.acquire(blocking=False):
            try:
                self._wait_for_news(question.after or 0, wait)
            finally:
                self._places.release()
        return self._journal.history(question, now())

    def _wait_for_news(self, after: int, seconds: float) -> None:
        deadline = self._monotonic() + seconds
        while self._journal.last_event() <= after and (left := deadline - self._monotonic()) > 0:
            self._sleep(min(POLL_SECONDS, left))

    def _require_known(self, after: int) -> None:
        if after > (last := self._journal.last_event()):
            raise UnknownEventError(
                f"after: got {after}, wanted at most {last}, the last event; the journal was replaced, begin with 0"
            )
