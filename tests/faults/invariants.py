"""What must hold whatever happens: each function tells the violations it finds in a record. Pure.

A fault excuses only what it does by itself: a killed worker's tasks may fail, a killed worker is not "removed while
busy", and a killed head takes its jobs along.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from faults.record import Job, Record, Sample

FRESH_SECONDS = 1.5  # an older look does not tell whether a worker was busy; idle ones stay so for longer
TIMER_SECONDS = 0.05  # between the moment of a decision and the moment that is written down
QUIET_SECONDS = 30.0  # after work or a fault: what it has left behind is seen and mended in less
MEANT_ANSWERS = {200, 400, 503}
HITS_WORKERS = ("kill:worker", "kill:head", "freeze:worker")


def every_task_finished(record: Record) -> Iterator[str]:
    """A task that was submitted finishes, or fails because its worker or its cluster was killed."""
    for job in record.jobs:
        if job.finished == job.tasks and job.status == "SUCCEEDED":
            continue
        if _hit(record, job, ("kill:head",)):
            continue
        lost = job.tasks - job.finished - job.failed
        if lost or not _hit(record, job, HITS_WORKERS):
            yield f"of {job.tasks} tasks {job.finished} finished, {job.failed} failed, {lost} are lost ({job.status})"


def _hit(record: Record, job: Job, faults: tuple[str, ...]) -> bool:
    return any(one.fault in faults and one.began <= job.ended and one.ended >= job.began for one in record.inflicted)


def never_more_workers_than_allowed(record: Record) -> Iterator[str]:
    """Living workers of any kind, those too that nobody lists."""
    most = max(record.samples, key=lambda sample: len(sample.living), default=None)
    if most and len(most.living) > record.limits.max_workers:
        yield f"{len(most.living)} workers lived at {most.at:.1f}: {', '.join(sorted(most.living))}"


def no_busy_worker_is_removed(record: Record) -> Iterator[str]:
    """Neither drained nor removed while Ray says that something runs there."""
    times = [sample.at for sample in record.samples]
    hit = {one.target for one in record.inflicted if one.target}
    headless = [one for one in record.inflicted if one.fault == "kill:head"]
    for action in record.actions:
        before = bisect_right(times, action.started_at) - 1
        if action.kind != "remove" or before < 0 or action.worker_id in hit:
            continue
        if any(action.started_at >= one.began for one in headless):
            continue
        if _was_busy(record.samples[before], action.worker_id, action.started_at):
            yield f"{action.worker_id} was removed ({action.cause}) at {action.started_at:.1f}, busy"


def _was_busy(sample: Sample, worker_id: str, at: float) -> bool:
    fresh = at - sample.at <= FRESH_SECONDS
    return fresh and worker_id in sample.living and sample.busy is not None and worker_id in sample.busy


def every_worker_is_in_the_journal(record: Record) -> Iterator[str]:
    """No process or container without a launch that was written down."""
    launched = {action.worker_id for action in record.actions if action.kind == "launch"}
    seen = {worker_id for sample in record.samples for worker_id in sample.living}
    if unknown := sorted(seen - launched):
        yield f"not in the journal: {', '.join(unknown)}"


def every_intent_has_an_outcome(record: Record) -> Iterator[str]:
    """What was begun is known to be done or failed."""
    for action in record.actions:
        if action.outcome is None:
            yield f"action {action.action_id}, {action.kind} of {action.worker_id}, has no outcome"


def cooldown_is_kept(record: Record) -> Iterator[str]:
    """Between two launching decisions, and between two draining ones, restarts or not."""
    limits = (("launch", record.limits.up_cooldown), ("drain", record.limits.down_cooldown))
    for kind, cooldown in limits:
        rounds: dict[int, list[float]] = {}
        for action in record.actions:
            if action.kind == kind:
                rounds.setdefault(action.decision_id, []).append(action.started_at)
        for before, after in pairwise(sorted(rounds.values(), key=min)):
            if min(after) - max(before) < cooldown - TIMER_SECONDS:
                yield f"{kind} again after {min(after) - max(before):.2f} s, cooldown is {cooldown:g} s"


def nothing_is_launched_again_for_nothing(record: Record) -> Iterator[str]:
    """No launch less than an idle timeout after a drain while there is no work, and no fault has taken a worker."""
    drains = [action for action in record.actions if action.kind == "drain" and action.cause == "idle"]
    for launch in (action for action in record.actions if action.kind == "launch"):
        for drain in drains:
            since, until = drain.started_at, launch.started_at
            if 0 <= until - since < record.limits.idle_timeout and not _something_happens(record, since, until):
                yield f"{launch.worker_id} ({launch.cause}) {until - since:.1f} s after the idle {drain.worker_id} went"


def _something_happens(record: Record, since: float, until: float) -> bool:
    """Whether work or a fault from a while before may be why."""
    spans = [(job.began, job.ended) for job in record.jobs] + [(one.began, one.ended) for one in record.inflicted]
    return any(began <= until and ended >= since - QUIET_SECONDS for began, ended in spans)


def every_accepted_alert_is_in_the_journal(record: Record) -> Iterator[str]:
    """What was answered with 2xx is on disk, as it was or newer."""
    for alert in record.accepted:
        if record.alerts.get(alert.key, -1.0) < alert.starts_at:
            yield f"accepted at {alert.at:.1f}, not in the journal: {alert.key}"


def the_webhook_answers_as_meant(record: Record) -> Iterator[str]:
    """200, 400 for what is no notification, 503 for what should come again; nothing else."""
    if odd := sorted(record.answers - MEANT_ANSWERS):
        yield f"the webhook answered {odd}"


def nothing_unexpected_is_logged(record: Record) -> Iterator[str]:
    """No traceback, no error that the programs did not foresee."""
    yield from record.log_errors


def all_comes_to_rest(record: Record) -> Iterator[str]:
    """Without faults and without work, everything runs and no worker is left."""
    yield from record.unrest


INVARIANTS: tuple[Callable[[Record], Iterator[str]], ...] = (
    every_task_finished,
    never_more_workers_than_allowed,
    no_busy_worker_is_removed,
    every_worker_is_in_the_journal,
    every_intent_has_an_outcome,
    cooldown_is_kept,
    nothing_is_launched_again_for_nothing,
    every_accepted_alert_is_in_the_journal,
    the_webhook_answers_as_meant,
    nothing_unexpected_is_logged,
    all_comes_to_rest,
)


def violations(record: Record) -> list[str]:
    """Every violation, with its invariant's name."""
    return [f"{one.__name__}: {told}" for one in INVARIANTS for told in one(record)]
