"""The scaler's state as JSON: the body of `GET /api/v1/status`, and the source of the status page."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scaler.alerting.resync import ResyncStatus
from scaler.explain.explanation import explain
from scaler.model.circuit_breaker import HEALTHY
from scaler.model.cost import cost_per_hour, counted
from scaler.model.errors import JournalError
from scaler.planning.context import scale_down_wait, scale_up_wait
from scaler.planning.plan import plan
from scaler.schedules.effective import active, next_change, schedule_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaler.control.custom_planner import Planner
    from scaler.control.reload import ReloadStatus
    from scaler.control.view import View
    from scaler.explain.explanation import Explanation
    from scaler.explain.summary import WorkerWhy
    from scaler.journal.journal import Journal
    from scaler.model.alerts import Alert
    from scaler.model.decision import Observation
    from scaler.model.pause import Pause
    from scaler.model.policy import Policy
    from scaler.model.workers import Worker
    from scaler.web.api.documents import (
        AlertDocument,
        Breaker,
        Configuration,
        Decision,
        PlannedAction,
        Schedule,
        ShownPause,
        Snapshot,
        Status,
        WorkerDocument,
        Written,
    )

STATUS_VERSION = 1
DECISIONS_SHOWN = 20
ACTIONS_SHOWN = 50
ALERTS_SHOWN = 100  # per direction
NOT_REREAD = ResyncStatus()


def status(  # noqa: PLR0913  # one argument for each part
    view: View,
    policy: Policy,
    journal: Journal,
    *,
    cluster: str,
    provider: str,
    now: float,
    planner: Planner = plan,
    standby: str = "",
    reread: ResyncStatus = NOT_REREAD,
    reloaded: ReloadStatus | None = None,
    configured: Policy | None = None,
) -> Status:
    """Everything an operator asks first; without a journal that can be read, what does not stand there.

    `standby` names the leader if this process is on standby; `reread` is how Alertmanager's list was read, `reloaded`
    how the last reload of the configuration went. `policy` is in effect; `configured` has schedules, where it differs.
    """
    observation = view.observation
    explained = _explained(view, policy, planner)
    configured = configured or policy
    return {
        "version": STATUS_VERSION,
        "time": now,
        "cluster": cluster,
        "provider": provider,
        "summary": [
            *(list(explained.summary) if standby else _summary(explained, view, policy, now)),
            *schedule_lines(configured, now),
            *_not_reloaded(reloaded),
        ],
        "snapshot": _snapshot(observation, now),
        "pending": [{**asdict(shape), "cause": shape.cause.value} for shape in explained.pending],
        "workers": list(map(_worker, observation.workers, explained.workers)),
        "paused": {"up": _pause(observation.paused_up), "down": _pause(observation.paused_down)},
        "standby": standby or None,
        "alertmanager": {
            "urls": list(reread.urls),
            "read_at": reread.read_at,
            "problems": list(reread.problems),
            "other_cluster": reread.other_cluster,
            "suppressed": list(reread.suppressed),
            "text": _rereading(reread, policy, now),
        },
        "configuration": _configuration(reloaded),
        "cost_per_hour": cost_per_hour(policy, counted(observation.workers)),
        "anomalies": [{**asdict(anomaly), "case": anomaly.case.value} for anomaly in view.anomalies],
        "limits": {
            "min_workers": policy.fewest,
            "max_workers": policy.max_workers,
        },
        "alerts": [
            _alert(alert)
            for permission in (observation.up, observation.down)
            for alert in permission.alerts[:ALERTS_SHOWN]
        ],
        "alerts_total": len(observation.up.alerts) + len(observation.down.alerts),
        "cooldown": {
            "up": {
                "remaining_seconds": scale_up_wait(observation, policy, now),
                "seconds": policy.scale_up_cooldown,
            },
            "down": {
                "remaining_seconds": scale_down_wait(observation, policy, now),
                "seconds": policy.scale_down_cooldown,
            },
        },
        "breakers": [_breaker(name, observation, now) for name in sorted({kind.name for kind in policy.worker_types})],
        "held": [{**asdict(held), "cause": held.cause.value} for held in view.plan.held],
        "infeasible": [{**asdict(misfit), "cause": misfit.cause.value} for misfit in view.plan.infeasible],
        "last_scale_up": dict(view.last_scale_up),
        **_written_down(journal),
        "schedule": _schedule(configured, now),
        "policy": asdict(configured),
    }


def _summary(explained: Explanation, view: View, policy: Policy, now: float) -> list[str]:
    """The first sentences; a look that is older than the stale limit cannot show that nothing is wrong."""
    snapshot = view.observation.snapshot
    age = now - min(view.at, snapshot.observed_at if snapshot else view.at)
    if age <= policy.stale_after:
        return list(explained.summary)
    old = f"This is the state of {age:.0f} s ago: the scaler has not completed a look at the cluster since."
    return [old, *explained.summary[1 if explained.healthy else 0 :]]


@lru_cache(maxsize=1)
def _explained(view: View, policy: Policy, planner: Planner) -> Explanation:
    """An explanation costs several plans: one for each view, however often it is asked for."""
    return explain(view.observation, view.plan, policy, view.at, planner)


def _written_down(journal: Journal) -> Written:
    """What stands in the journal, and what is wrong with it."""
    recorded: Written = {"decisions": [], "actions": [], "journal": {"problem": None, "replaced": None}}
    try:
        recorded["decisions"] = [_decision(row) for row in journal.decisions(DECISIONS_SHOWN)]
        recorded["actions"] = [asdict(record) for record in journal.actions(ACTIONS_SHOWN)]
        if replaced := journal.replaced():
            recorded["journal"]["replaced"] = {"at": replaced[0], "problem": replaced[1]}
        recorded["journal"]["problem"] = journal.problem or None
    except JournalError as error:
        recorded["journal"]["problem"] = str(error)
    return recorded


def _pause(pause: Pause | None) -> ShownPause | None:
    if pause is None:
        return None
    return {"reason": pause.reason, "by": pause.by, "since": pause.since, "until": pause.until, "text": pause.text}


def _rereading(reread: ResyncStatus, policy: Policy, now: float) -> str:
    """State of the resync with Alertmanager, in a sentence."""
    if not reread.urls:
        return "ALERTMANAGER_URL is not set; relying on webhooks only"
    notes = ""
    if reread.suppressed:
        notes += f"; silenced or inhibited there, so without effect: {', '.join(reread.suppressed)}"
    if reread.other_cluster:
        notes += f"; alerts of other clusters ignored: {reread.other_cluster}"
    if not reread.problems:
        return f"Alerts are checked against {', '.join(reread.urls)}{notes}"
    if len(reread.problems) < len(reread.urls):
        return f"Alerts are checked, but not against every Alertmanager: {'; '.join(reread.problems)}{notes}"
    since = "never yet" if reread.read_at is None else f"last {max(0.0, now - reread.read_at):.0f} s ago"
    kept = f"known alerts are kept for {policy.alert_expiry:g} s after the last notification"
    return f"Alerts cannot be checked ({since}): {'; '.join(reread.problems)}; {kept}"


def _configuration(reloaded: ReloadStatus | None) -> Configuration:
    if reloaded is None:
        return {"source": None, "loaded_at": None, "problem": None}
    return {
        "source": reloaded.source or None,
        "loaded_at": reloaded.loaded_at,
        "problem": reloaded.problem or None,
    }


def _schedule(configured: Policy, now: float) -> Schedule:
    change = next_change(configured, now)
    return {
        "active": [one.name for one in active(configured, now)],
        "next": {"at": change.at, "name": change.name, "begins": change.begins} if change else None,
    }


def _not_reloaded(reloaded: ReloadStatus | None) -> list[str]:
    """A sentence if the configuration in use is not the one in the files."""
    if reloaded is None or not reloaded.problem:
        return []
    return [
        f"The last reload of the configuration failed, and changed nothing: {'; '.join(reloaded.problem.splitlines())}"
    ]


def _snapshot(observation: Observation, now: float) -> Snapshot:
    snapshot = observation.snapshot
    nodes = snapshot.alive if snapshot else ()
    return {
        "usable": snapshot is not None,
        "source": snapshot.source if snapshot else None,
        "age_seconds": max(0.0, now - snapshot.observed_at) if snapshot else None,
        "problem": observation.journal_problem or observation.provider_problem or observation.problem or None,
        "pending": snapshot.pending if snapshot and snapshot.demand_known else None,
        "cpus": sum(node.total.get("CPU", 0.0) for node in nodes),
        "cpus_used": sum(node.used("CPU") for node in nodes),
        "gpus": sum(node.total.get("GPU", 0.0) for node in nodes),
        "gpus_used": sum(node.used("GPU") for node in nodes),
    }


def _worker(worker: Worker, explained: WorkerWhy) -> WorkerDocument:
    node = worker.node
    return {
        "worker_id": worker.worker_id,
        "index": worker.index,
        "worker_type": worker.worker_type,
        "state": worker.state.value,
        "node_id": node.node_id if node else None,
        "host": node.ip if node else "",
        "cpus": node.total.get("CPU", 0.0) if node else 0.0,
        "cpus_used": node.used("CPU") if node else 0.0,
        "gpus": node.total.get("GPU", 0.0) if node else 0.0,
        "gpus_used": node.used("GPU") if node else 0.0,
        "in_use": node.in_use if node else "",
        "idle_seconds": node.idle_seconds if node else None,
        "created_at": worker.created_at,
        "detail": worker.detail,
        "cause": explained.cause.value,
        "why": explained.why,
    }


def _breaker(worker_type: str, observation: Observation, now: float) -> Breaker:
    health = observation.launch_health.get(worker_type, HEALTHY)
    return {
        "worker_type": worker_type,
        "state": health.state(now).value,
        "failures": health.failures,
        "last_failure": health.last_failure if health.failures else None,
        "wait_seconds": health.wait(now),
        "detail": health.detail,
    }


def _alert(alert: Alert) -> AlertDocument:
    return {
        "direction": alert.direction.value,
        "name": alert.name,
        "worker_type": alert.worker_type,
        "step": alert.step,
        "starts_at": alert.starts_at,
        "received_at": alert.received_at,
        "summary": alert.summary,
    }


def _decision(row: Mapping[str, Any]) -> Decision:
    return {
        "id": row["id"],
        "at": row["at"],
        "trigger": row["trigger"],
        "actions": [_planned(action) for action in row["actions"]],
        "held": row["held"],
        "infeasible": row["infeasible"],
        "demand_met": row["demand_met"],
    }


def _planned(action: Mapping[str, Any]) -> PlannedAction:
    return {
        "action": action["kind"],
        "worker_id": action["worker_id"],
        "worker_type": action["worker_type"],
        "cause": action["cause"],
        "reason": action["reason"],
    }
