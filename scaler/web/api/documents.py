"""The JSON documents of the API as types: mypy holds the code to them, and the OpenAPI document is made of them.

Times are unix seconds, durations seconds. A part that is a value of the scaler has the schema of that value's class.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, GetPydanticSchema
from typing_extensions import TypedDict

from scaler.explain.anomalies import Anomaly
from scaler.explain.summary import PendingShape
from scaler.journal.history import Entry
from scaler.journal.journal import ActionRecord
from scaler.model.circuit_breaker import BreakerState
from scaler.model.cluster import Direction
from scaler.model.decision import Cause, Held, Infeasible
from scaler.model.pause import Pause
from scaler.model.workers import ActionKind, WorkerState


def _fields_of(kind: type) -> Any:
    """The schema of a dictionary that has the fields of the class `kind`."""
    return GetPydanticSchema(lambda _source, handler: handler(kind))


ActionDocument = Annotated[dict[str, Any], _fields_of(ActionRecord)]
AnomalyDocument = Annotated[dict[str, Any], _fields_of(Anomaly)]
EntryDocument = Annotated[dict[str, Any], _fields_of(Entry)]
HeldDocument = Annotated[dict[str, Any], _fields_of(Held)]
InfeasibleDocument = Annotated[dict[str, Any], _fields_of(Infeasible)]
PauseDocument = Annotated[dict[str, Any], _fields_of(Pause)]
PendingDocument = Annotated[dict[str, Any], _fields_of(PendingShape)]


class Snapshot(TypedDict):
    """The cluster's state that the scaler used last; not `usable`: `problem` says why."""

    usable: bool
    source: str | None
    age_seconds: float | None
    problem: str | None
    pending: Annotated[int | None, Field(description="pending requests; null: not known")]
    cpus: Annotated[float, Field(description="of all nodes that are alive, the head's too")]
    cpus_used: float
    gpus: float
    gpus_used: float


class WorkerDocument(TypedDict):
    """One worker, and why it is not removed, or what is done to it."""

    worker_id: str
    index: int
    worker_type: str
    state: Annotated[str, _fields_of(WorkerState)]
    node_id: str | None
    host: Annotated[str, Field(description='address of its node in Ray; "": not in Ray')]
    cpus: float
    cpus_used: float
    gpus: float
    gpus_used: float
    in_use: Annotated[str, Field(description='what would be lost if it were stopped now; "": nothing')]
    idle_seconds: float | None
    created_at: float
    detail: str
    cause: str
    why: str


class ShownPause(TypedDict):
    """A pause, and the sentence about it."""

    reason: str
    by: str
    since: float
    until: Annotated[float | None, Field(description="null: until it is resumed")]
    text: str


class Paused(TypedDict):
    """The pauses in effect; null: not paused."""

    up: PauseDocument | None
    down: PauseDocument | None


class ShownPaused(TypedDict):
    """The pauses in effect; null: not paused."""

    up: ShownPause | None
    down: ShownPause | None


class PauseAnswer(TypedDict):
    """The pauses in effect now."""

    paused: Paused


class ResumeAnswer(TypedDict):
    """The directions that were paused, and the pauses in effect now."""

    resumed: list[Annotated[str, _fields_of(Direction)]]
    paused: Paused


class Alertmanager(TypedDict):
    """The last comparison with Alertmanager's list."""

    urls: list[str]
    read_at: float | None
    problems: list[str]
    other_cluster: int
    suppressed: list[str]
    text: str


class Configuration(TypedDict):
    """The policy in use: its file (null: the environment), when it was read, and why the last reload failed."""

    source: str | None
    loaded_at: float | None
    problem: str | None


class ScheduleChange(TypedDict):
    """A window of a schedule begins or ends."""

    at: float
    name: str
    begins: bool


class Schedule(TypedDict):
    """The schedules that hold now, and the next change; null: there is none."""

    active: list[str]
    next: ScheduleChange | None


class PoolLimits(TypedDict):
    """How many workers there may be."""

    min_workers: int
    max_workers: int


class AlertDocument(TypedDict):
    """An active alert that permits scaling."""

    direction: Annotated[str, _fields_of(Direction)]
    name: str
    worker_type: str | None
    step: int | None
    starts_at: float
    received_at: float
    summary: str


class Cooldown(TypedDict):
    """Cooldown of one direction."""

    remaining_seconds: float
    seconds: float


class Cooldowns(TypedDict):
    """Cooldown of each direction."""

    up: Cooldown
    down: Cooldown


class Breaker(TypedDict):
    """How launches of one worker type have gone; `wait_seconds` until the next try."""

    worker_type: str
    state: Annotated[str, _fields_of(BreakerState)]
    failures: int
    last_failure: float | None
    wait_seconds: float
    detail: str


class PlannedAction(TypedDict):
    """An action of a decision; the worker's id is empty for one that is launched."""

    action: Annotated[str, _fields_of(ActionKind)]
    worker_id: str
    worker_type: str
    cause: Annotated[str, _fields_of(Cause)]
    reason: str


class Decision(TypedDict):
    """One decision: what was done, held and infeasible."""

    id: int
    at: float
    trigger: str
    actions: list[PlannedAction]
    held: list[HeldDocument]
    infeasible: list[InfeasibleDocument]
    demand_met: bool


class Replaced(TypedDict):
    """When the journal replaced a lost one, and why."""

    at: float
    problem: str


class JournalState(TypedDict):
    """What is wrong with the journal; null: nothing."""

    problem: str | None
    replaced: Replaced | None


class Written(TypedDict):
    """What the journal has; nothing if it cannot be read."""

    decisions: Annotated[list[Decision], Field(description="newest first")]
    actions: Annotated[list[ActionDocument], Field(description="newest first")]
    journal: JournalState


class Status(Written):
    """Everything that an operator asks first."""

    version: int
    time: float
    cluster: str
    provider: str
    summary: Annotated[list[str], Field(description="the state of affairs, the most important sentence first")]
    snapshot: Snapshot
    pending: Annotated[list[PendingDocument], Field(description="pending demand by shape, and why it is pending")]
    workers: list[WorkerDocument]
    paused: ShownPaused
    standby: Annotated[str | None, Field(description="the process that leads, if this scaler is on standby")]
    alertmanager: Alertmanager
    configuration: Configuration
    schedule: Schedule
    cost_per_hour: Annotated[float, Field(description="of the workers at the prices of their types; 0: no prices")]
    anomalies: list[AnomalyDocument]
    limits: PoolLimits
    alerts: list[AlertDocument]
    alerts_total: int
    cooldown: Cooldowns
    breakers: list[Breaker]
    held: list[HeldDocument]
    infeasible: list[InfeasibleDocument]
    last_scale_up: Annotated[dict[str, float], Field(description="duration of each stage of the last scale-up")]
    policy: Annotated[dict[str, Any], Field(description="limits, worker types and schedules, as in the policy file")]


class State(TypedDict):
    """The cluster's state that the scaler used last, as the exporter's `/state` has it."""

    version: int
    source: str
    observed_at: float
    age_seconds: float
    session: Annotated[str, Field(description="Ray's id of the cluster's run; \"\": not known")]
    demand_known: Annotated[bool, Field(description="false: `demands` and `gangs` are empty because Ray was not read")]
    pending_since: Annotated[float | None, Field(description="since when requests are pending; null: none are")]
    nodes: list[dict[str, Any]]
    demands: Annotated[list[dict[str, Any]], Field(description="pending requests, by shape")]
    gangs: Annotated[list[dict[str, Any]], Field(description="pending placement groups")]
    constraints: Annotated[list[dict[str, Any]], Field(description="what `request_resources` asks for")]


class Sample(TypedDict):
    """Size of the pool and of the demand at a time; null: not known."""

    at: float
    workers: int | None
    pending: int | None


class History(TypedDict):
    """Past actions, held and infeasible requests."""

    version: int
    since: float
    until: float
    entries: Annotated[list[EntryDocument], Field(description="newest first; with `after`, oldest first")]
    truncated: Annotated[bool, Field(description="whether more entries exist")]
    samples: Annotated[list[Sample], Field(description="oldest first; empty with `after`")]
    last_event: Annotated[int, Field(description="pass it as `after` to get what happens next")]


class Series(TypedDict):
    """One series of a chart; a value is null if it is not known."""

    name: str
    values: list[int | None]


class Mark(TypedDict):
    """A decision on the chart: `count` workers or requests."""

    at: float
    action: str
    cause: str
    reason: str
    count: int


class Chart(TypedDict):
    """Demand by shape, workers by state and decisions over time; each series has a value for each of `times`."""

    since: float
    until: float
    times: list[float]
    demand: list[Series]
    workers: list[Series]
    max_workers: list[int]
    marks: list[Mark]


class Started(TypedDict):
    """An action that was started for an operator; the history has its outcome."""

    action: Annotated[str, _fields_of(ActionKind)]
    worker_id: str
    worker_type: str
    reason: str
    decision_id: int


class Problem(TypedDict):
    """An error (RFC 9457); `detail` has what was got and what was wanted."""

    type: str
    title: str
    status: int
    detail: str
