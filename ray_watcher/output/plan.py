"""A plan as a document for scripts and as text for people. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray_watcher.output import terminal
from scaler.model.cost import cost_per_hour, counted
from scaler.model.workers import ActionKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaler.model.decision import Action, Observation, Plan
    from scaler.model.policy import Policy

PLAN_VERSION = 1
LEAVES = frozenset({ActionKind.DRAIN, ActionKind.REMOVE})


@dataclass(frozen=True)
class DryRun:
    """A plan and its inputs; `notes` list assumptions."""

    observation: Observation
    policy: Policy
    plan: Plan
    state_from: str
    policy_from: str
    alerts_from: str
    notes: tuple[str, ...] = ()
    changes: tuple[str, ...] | None = None  # of the policy, if it is not the running scaler's own; None: not compared


def document(run: DryRun) -> dict[str, Any]:
    """What `plan --format json` prints; the version changes when a key does."""
    snapshot, observation = run.observation.snapshot, run.observation
    return {
        "version": PLAN_VERSION,
        "state": {
            "from": run.state_from,
            "observed_at": snapshot.observed_at if snapshot else None,
            "source": snapshot.source if snapshot else None,
            "pending": snapshot.pending if snapshot and snapshot.demand_known else None,
            "workers": len(observation.workers),
        },
        "policy": {
            "from": run.policy_from,
            "changes": None if run.changes is None else list(run.changes),
            "max_workers": run.policy.max_workers,
            "worker_types": [kind.name for kind in run.policy.worker_types],
        },
        "alerts": {
            "from": run.alerts_from,
            "up": [alert.name for alert in observation.up.alerts],
            "down": [alert.name for alert in observation.down.alerts],
        },
        "cost_per_hour": _cost(run),
        "actions": list(_grouped(run.plan)),
        "held": [{"cause": h.cause.value, "count": h.count, "reason": h.reason} for h in run.plan.held],
        "infeasible": [
            {"cause": i.cause.value, "shape": i.shape, "count": i.count, "reason": i.reason}
            for i in run.plan.infeasible
        ],
        "notes": list(run.notes),
    }


def _cost(run: DryRun) -> dict[str, float]:
    """What the workers cost now, and once the plan is carried out: what is drained or removed costs nothing then."""
    workers, new = run.observation.workers, Counter(action.worker_type for action in run.plan.launches)
    gone = {action.worker_id for action in run.plan.actions if action.kind in LEAVES}
    staying = counted(worker for worker in workers if worker.worker_id not in gone)
    return {
        "now": cost_per_hour(run.policy, counted(workers)),
        "planned": cost_per_hour(run.policy, staying + new),
    }


def _grouped(plan: Plan) -> Iterator[dict[str, Any]]:
    """Launches grouped by type and cause; a drain or removal names its worker."""
    groups: dict[object, list[Action]] = {}
    for action in plan.actions:
        groups.setdefault((action.kind, action.worker_type, action.worker_id, action.cause, action.reason), []).append(
            action
        )
    for members in groups.values():
        first = members[0]
        yield {
            "action": first.kind.value,
            "worker_type": first.worker_type,
            "worker_id": first.worker_id or None,
            "count": len(members),
            "cause": first.cause.value,
            "reason": first.reason,
        }


def headlines(run: DryRun) -> list[str]:
    """The inputs of the plan, in sentences."""
    found = document(run)
    state, policy, cost = found["state"], found["policy"], found["cost_per_hour"]
    pending = "pending requests unknown" if state["pending"] is None else _pending(state["pending"])
    permits = [
        f"{way}: {', '.join(sorted(set(found['alerts'][way])))}" for way in ("up", "down") if found["alerts"][way]
    ]
    workers, limit = terminal.count(state["workers"], "worker"), terminal.count(policy["max_workers"], "worker")
    return [
        f"State from {state['from']}: {pending}; {workers} (source {state['source']}).",
        f"Policy from {policy['from']}: at most {limit} of type {', '.join(policy['worker_types'])}.",
        f"Alerts from {found['alerts']['from']} permit {'; '.join(permits) or 'nothing'}.",
        *([f"Cost per hour: {cost['now']:.2f}, {cost['planned']:.2f} after the plan."] if any(cost.values()) else []),
        *found["notes"],
        *_changes(run),
    ]


def _changes(run: DryRun) -> list[str]:
    """What a reload would change."""
    if run.changes is None:
        return []
    return ["A reload would change:", *run.changes] if run.changes else ["A reload would change nothing."]


def _pending(pending: int) -> str:
    return terminal.count(pending, "pending request") if pending else "no pending requests"


def rows(run: DryRun) -> list[list[str]]:
    """Actions, held actions and infeasible requests: `what`, `cause`, `reason`."""
    found = document(run)
    actions = [[_what(action), action["cause"], action["reason"]] for action in found["actions"]]
    held = [[f"hold {entry['count']}", entry["cause"], entry["reason"]] for entry in found["held"]]
    infeasible = [[f"infeasible {entry['count']}", entry["cause"], entry["reason"]] for entry in found["infeasible"]]
    return [*actions, *held, *infeasible]


def _what(action: dict[str, Any]) -> str:
    if action["worker_id"]:
        return f"{action['action']} {action['worker_id']}"
    return f"{action['action']} {action['count']} x {action['worker_type']}"


def show(run: DryRun) -> None:
    """Print it for people."""
    for line in headlines(run):
        terminal.sentence(line)
    terminal.line()
    if found := rows(run):
        terminal.table(["what", "cause", "reason"], found)
    else:
        terminal.line("No action and nothing held.")
