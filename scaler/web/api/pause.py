"""`POST /api/v1/pause` and `/api/v1/resume`: the operator pauses a direction, and resumes it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import structlog

from scaler.model.cluster import Direction
from scaler.model.pause import Pause

if TYPE_CHECKING:
    from scaler.control.view import Wakeup
    from scaler.journal.journal import Journal
    from scaler.model.ports import Clock
    from scaler.web.api import questions
    from scaler.web.api.documents import PauseAnswer, Paused, ResumeAnswer

log = structlog.get_logger()


def pause(asked: questions.PauseBody, journal: Journal, clock: Clock, wakeup: Wakeup) -> PauseAnswer:
    """Pause; `seconds` is how long, else until it is resumed. Raises `JournalError`."""
    now = clock.now()
    until = None if asked.seconds is None else now + asked.seconds
    for direction in asked.directions:
        journal.pause(direction, Pause(asked.reason, asked.by, now, until))
        log.info("paused", direction=direction.value, reason=asked.reason, by=asked.by, until=until)
    wakeup.wake("pause")
    return {"paused": paused(journal, now)}


def resume(asked: questions.ResumeBody, journal: Journal, clock: Clock, wakeup: Wakeup) -> ResumeAnswer:
    """Resume; `resumed` are the directions that were paused. Raises `JournalError`."""
    now = clock.now()
    ended = [way.value for way in asked.directions if way in journal.pauses(now) and journal.resume(way)]
    log.info("resumed", directions=ended)
    wakeup.wake("resume")
    return {"resumed": ended, "paused": paused(journal, now)}


def paused(journal: Journal, now: float) -> Paused:
    """The pauses in effect now, by direction; None: not paused. Raises `JournalError`."""
    pauses = journal.pauses(now)
    up, down = (asdict(pauses[way]) if way in pauses else None for way in Direction)
    return {"up": up, "down": down}
