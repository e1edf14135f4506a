"""`POST /api/v1/pause` and `/api/v1/resume`: the operator holds a direction, and lets it go again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import structlog
from flask import request
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from scaler.model.cluster import Direction
from scaler.model.pause import Pause

if TYPE_CHECKING:
    from scaler.control.view import Wakeup
    from scaler.journal.journal import Journal
    from scaler.model.ports import Clock
    from scaler.web.auth import Answer

LONGEST_SECONDS = 366 * 86400.0

log = structlog.get_logger()

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class _Resume(BaseModel, extra="forbid"):
    direction: Literal["up", "down", "both"] = "both"

    @property
    def directions(self) -> list[Direction]:
        return [Direction(self.direction)] if self.direction != "both" else list(Direction)


class _Pause(_Resume):
    reason: Words
    by: Words = "the API"
    seconds: float | None = Field(None, gt=0, le=LONGEST_SECONDS, allow_inf_nan=False)


def pause(journal: Journal, clock: Clock, wakeup: Wakeup) -> Answer:
    """Answer a request to pause; `seconds` is how long, else until it is resumed. Raises `JournalError`."""
    try:
        asked = _Pause.model_validate_json(request.get_data())
    except ValidationError as error:
        return _refused(error)
    now = clock.now()
    until = None if asked.seconds is None else now + asked.seconds
    for direction in asked.directions:
        journal.pause(direction, Pause(asked.reason, asked.by, now, until))
        log.info("paused", direction=direction.value, reason=asked.reason, by=asked.by, until=until)
    wakeup.wake("pause")
    return {"paused": pauses_now(journal, now)}, 200


def resume(journal: Journal, clock: Clock, wakeup: Wakeup) -> Answer:
    """Answer a request to resume; `resumed` are the directions that were paused. Raises `JournalError`."""
    try:
        asked = _Resume.model_validate_json(request.get_data() or b"{}")
    except ValidationError as error:
        return _refused(error)
    now = clock.now()
    ended = [way.value for way in asked.directions if way in journal.pauses(now) and journal.resume(way)]
    log.info("resumed", directions=ended)
    wakeup.wake("resume")
    return {"resumed": ended, "paused": pauses_now(journal, now)}, 200


def pauses_now(journal: Journal, now: float) -> dict[str, dict[str, Any] | None]:
    """The current pauses by direction; None for a direction that is not paused. Raises `JournalError`."""
    pauses = journal.pauses(now)
    return {way.value: asdict(pauses[way]) if way in pauses else None for way in Direction}


def _refused(error: ValidationError) -> Answer:
    detail = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, detail["loc"])) or "body"
    return {"error": f"{place}: got {detail['input']!r}: {detail['msg']}"}, 400
