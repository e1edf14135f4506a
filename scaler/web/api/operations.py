"""The operations of the API, one row for each: the routes and the OpenAPI document are both made of this table."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from scaler.web.api import documents, questions

if TYPE_CHECKING:
    from pydantic import BaseModel

PREFIX = "/api/v1"
READING = (HTTPStatus.SERVICE_UNAVAILABLE,)
CHANGING = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@dataclass(frozen=True)
class Operation:
    """One operation. `name` is that of the method of `ScalerApi` which answers it."""

    name: str
    path: str
    summary: str
    answer: type
    body: type[BaseModel] | None = None  # with a body it is a POST, and wants the token
    query: type[BaseModel] | None = None
    refusals: tuple[HTTPStatus, ...] = READING
    success: HTTPStatus = HTTPStatus.OK

    @property
    def method(self) -> str:
        """Nothing changes by GET."""
        return "POST" if self.body else "GET"


OPERATIONS = (
    Operation("status", "/status", "Current state of the scaler, with reasons.", documents.Status),
    Operation(
        "state",
        "/state",
        "Nodes and pending demand that the scaler used last, with every shape.",
        documents.State,
    ),
    Operation(
        "history",
        "/history",
        "Past actions, held and infeasible requests; with `after` and `wait`, what happens next.",
        documents.History,
        query=questions.HistoryQuery,
        refusals=(HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, *READING),
    ),
    Operation(
        "chart",
        "/chart",
        "Demand by shape, workers by state and decisions over time.",
        documents.Chart,
        query=questions.ChartQuery,
        refusals=(HTTPStatus.BAD_REQUEST, *READING),
    ),
    Operation(
        "pause",
        "/pause",
        "Pause scaling up, down, or both.",
        documents.PauseAnswer,
        body=questions.PauseBody,
        refusals=CHANGING,
    ),
    Operation(
        "resume",
        "/resume",
        "Resume scaling up, down, or both.",
        documents.ResumeAnswer,
        body=questions.ResumeBody,
        refusals=CHANGING,
    ),
    Operation(
        "add_worker",
        "/add-worker",
        "Launch one worker, within all limits but without an alert and a cooldown.",
        documents.Started,
        body=questions.AddWorkerBody,
        refusals=(*CHANGING, HTTPStatus.CONFLICT),
        success=HTTPStatus.ACCEPTED,
    ),
    Operation(
        "remove_worker",
        "/remove-worker",
        "Drain one worker, or stop it with its work, within all limits.",
        documents.Started,
        body=questions.RemoveWorkerBody,
        refusals=(*CHANGING, HTTPStatus.CONFLICT),
        success=HTTPStatus.ACCEPTED,
    ),
)
