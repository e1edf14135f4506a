"""What requests may say: bodies and query parameters as models, which check them and describe them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from ray_watcher_common.program.settings import wanted
from scaler.journal.history import MAX_ENTRIES, Question
from scaler.model.cluster import Direction

LONGEST_PAUSE_SECONDS = 366 * 86400.0
LONGEST_WAIT_SECONDS = 30.0
DEFAULT_SPAN_SECONDS = 3600.0
LAST_MOMENT = 1e11  # unix seconds; some thousand years
LAST_ID = 2**63 - 1  # of SQLite
SHOWN_CHARACTERS = 100

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class ResumeBody(BaseModel, extra="forbid", strict=True):
    """The body of a request to resume."""

    direction: Literal["up", "down", "both"] = "both"

    @property
    def directions(self) -> list[Direction]:
        """The directions that are meant."""
        return [Direction(self.direction)] if self.direction != "both" else list(Direction)


class PauseBody(ResumeBody):
    """The body of a request to pause; without `seconds` until it is resumed."""

    reason: Words
    by: Words = "the API"
    seconds: float | None = Field(None, gt=0, le=LONGEST_PAUSE_SECONDS, allow_inf_nan=False)


class _ByHand(BaseModel, extra="forbid", strict=True):
    reason: Words
    by: Words = "the API"

    @property
    def why(self) -> str:
        """The reason of the action."""
        return f"by {self.by}: {self.reason}"


class AddWorkerBody(_ByHand):
    """The body of a request to launch a worker; without `worker_type` of the policy's first type."""

    worker_type: Name | None = None


class RemoveWorkerBody(_ByHand):
    """The body of a request to remove a worker: drained if it is idle; with `force` stopped with its work."""

    worker_id: Name
    force: bool = False


class HistoryQuery(BaseModel):
    """Parameters of a request for the history; by default of the last hour."""

    since: float | None = Field(
        None, ge=-LAST_MOMENT, le=LAST_MOMENT, allow_inf_nan=False, description="unix seconds; unset: an hour ago"
    )
    limit: int = Field(100, ge=1, le=MAX_ENTRIES, description="maximum number of entries; with `after`, of events")
    action: str | None = Field(None, description="only this kind, for example launch or hold")
    cause: str | None = Field(None, description="only this cause, for example cooldown")
    worker: str | None = Field(None, description="only this worker: its id, or worker-N")
    after: int | None = Field(
        None, ge=0, le=LAST_ID, description="only what came after this event (`last_event` of an earlier answer)"
    )
    wait: float = Field(
        0,
        ge=0,
        le=LONGEST_WAIT_SECONDS,
        allow_inf_nan=False,
        description="with `after`: seconds to wait if nothing has come; a busy scaler may answer sooner",
    )

    def question(self, now: float) -> Question:
        """The filter for the journal, asked at `now` (unix seconds)."""
        since = now - DEFAULT_SPAN_SECONDS if self.since is None else self.since
        return Question(
            since, self.limit, self.action or None, self.cause or None, self.worker or None, after=self.after
        )


class ChartQuery(BaseModel):
    """Parameters of a request for the chart."""

    seconds: float = Field(
        DEFAULT_SPAN_SECONDS, ge=60, le=30 * 86400, allow_inf_nan=False, description="time span up to now"
    )


def mistake(error: ValidationError) -> str:
    """The first mistake of a request: its place, what was got and what was wanted."""
    detail = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, detail["loc"])) or "body"
    got = repr(detail["input"])
    shown = got if len(got) <= SHOWN_CHARACTERS else f"{got[:SHOWN_CHARACTERS]}..."
    return f"{place}: got {shown}, wanted {wanted(detail)}"
