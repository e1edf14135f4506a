"""The rules that launch workers because work waits and an alert permits it. Pure: standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaler.model.decision import Cause
from scaler.model.policy import DEFAULT_STEP
from scaler.packing.capacity import Slot
from scaler.packing.solver import Packing, could_hold, fits, solve
from scaler.planning.launch_limits import launch, usable, waits_for_a_resting_type
from scaler.planning.reasons import misfit_explained, plural, waiting, why_none_needed

# A driver asks for 10 workers per shape at first (RayConfig max_pending_lease_requests_per_scheduling_category);
# what it has beyond that reaches the GCS with the next backlog report, within about a second.
FIRST_REPORT = 10
SETTLE_SECONDS = 1.2
# The GCS asks the nodes every 0.1 s what waits there (gcs_pull_resource_loads_period_milliseconds, as start-ray and
# Compose set it): for so long a part of a smaller burst may be all that shows.
REPORT_SECONDS = 0.15

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaler.model.cluster import Demand, Gang, Snapshot, WorkerType
    from scaler.planning.context import Draft


def launch_for_demand(draft: Draft) -> None:
    """Launch what the demand needs and an alert permits; a fixed step where the demand is not known."""
    snapshot = draft.observation.snapshot
    if snapshot is None:
        draft.demand_met = False
        _launch_blindly(draft, Cause.SNAPSHOT_UNAVAILABLE, f"no usable snapshot ({draft.observation.problem})")
    elif not snapshot.demand_known:
        draft.demand_met = False
        _launch_blindly(draft, Cause.DEMAND_UNKNOWN, f"the demand is not known (source {snapshot.source})")
    else:
        _launch_what_is_needed(draft, snapshot)
        _launch_step(draft)


def _launch_blindly(draft: Draft, cause: Cause, situation: str) -> None:
    """Launch the alerts' own step per cooldown, once the view has been gone for longer than a hiccup."""
    up, since = draft.observation.up, draft.observation.blind_since
    permitted = _permitted_names(draft)
    blind_seconds = 0.0 if since is None else max(0.0, draft.now - since)
    if not up or not permitted:
        draft.hold(cause, 1, f"{situation}: nothing is launched or removed on a guess")
    elif blind_seconds < draft.policy.stale_after:
        wait = draft.policy.stale_after - blind_seconds
        draft.hold(cause, 1, f"permitted by {up.names}, but {situation}; waiting {wait:.0f} s for it to come back")
    else:
        first = min(permitted, key=draft.rests)
        for name, step in (up.steps(first) or {first: DEFAULT_STEP}).items():
            launch(draft, [name] * step, cause, f"permitted by {up.names}; {situation}, so {step} per cooldown")


def _launch_what_is_needed(draft: Draft, snapshot: Snapshot) -> None:
    up = draft.observation.up
    packing = _pack_all(draft, snapshot)
    wanted = [kind.name for kind in packing.launches]
    need = f"{waiting(snapshot)} wait"
    if wanted and not up:
        reason = f"{need}: {plural(len(wanted), 'more worker')}, but no alert permits scaling up"
        draft.hold(Cause.NO_ALERT, len(wanted), reason)
    elif wanted and not packing.unmet and _settling(draft, snapshot):
        draft.settling = True
        reason = f"{need}, and more may show within a second: Ray reports a burst bit by bit"
        draft.hold(Cause.DEMAND_SETTLING, len(wanted), reason)
    elif wanted:
        reason = f"{need}: {plural(len(wanted), 'more worker')}, permitted by {up.names}"
        launch(draft, wanted, Cause.PENDING_DEMAND, reason)
    elif up and not up.asks_for_a_number and not packing.unmet and not packing.infeasible:
        draft.hold(Cause.NO_DEMAND, 1, f"permitted by {up.names}, but {why_none_needed(snapshot)}")


def _settling(draft: Draft, snapshot: Snapshot) -> bool:
    """Whether a burst began so recently that its size is not known yet; one right decision beats two."""
    if draft.launches:
        return False
    largest = max((demand.count for demand in snapshot.demands), default=0)
    if largest < FIRST_REPORT:
        now = max(draft.now, snapshot.observed_at)  # who asks is the first to see it: after `draft.now`
        since = snapshot.pending_since
        return largest > 0 and since is not None and 0 <= now - since < REPORT_SECONDS
    seen = draft.now if draft.observation.demand_since is None else draft.observation.demand_since
    fired = max(alert.starts_at for alert in draft.observation.up.alerts)
    return 0 <= draft.now - min(seen, fired) < SETTLE_SECONDS


def _pack_all(draft: Draft, snapshot: Snapshot) -> Packing:
    """Pack all demand into what is free or joining, and the rest into new workers."""
    names = _permitted_names(draft)
    kinds = [kind for kind in draft.policy.worker_types if kind.name in names]
    packing = solve(snapshot.demands, snapshot.gangs, draft.slots(snapshot), usable(draft, kinds), draft.room())
    _tell_waiting(draft, packing.waiting, kinds)
    _tell_misfits(draft, snapshot, packing.infeasible, kinds)
    draft.demand_met = not packing.launches and not packing.waiting
    return packing


def _tell_waiting(draft: Draft, left: Sequence[Demand | Gang], kinds: Sequence[WorkerType]) -> None:
    """What waits for a worker type whose launches fail, or because of a limit."""
    unmet = sum(one.count for one in left if not waits_for_a_resting_type(draft, one, kinds))
    reason = f"{plural(unmet, 'request')} will go on waiting: max_workers is {draft.policy.max_workers}"
    draft.hold(Cause.MAX_WORKERS, unmet, reason)


def _tell_misfits(draft: Draft, snapshot: Snapshot, misfits: Sequence[Demand | Gang], kinds: list[WorkerType]) -> None:
    """What no permitted type can hold waits for an alert, for a node that is here, or is infeasible."""
    if not misfits:
        return
    empty = [Slot(node.total, node.total, node.labels) for node in snapshot.nodes if node.alive]
    for misfit in misfits:
        if waits_for_a_resting_type(draft, misfit, kinds):
            continue
        told = misfit_explained(misfit, kinds)
        if could_hold(misfit, draft.policy.worker_types):
            reason = f"{told.count} x {told.shape} wait for a worker type that no alert permits"
            draft.hold(Cause.NO_ALERT, told.count, reason)
        elif fits(misfit, empty):
            reason = f"{told.reason}, but a node that is here can hold it once it has room"
            draft.hold(Cause.WAITS_FOR_A_NODE, told.count, reason)
        else:
            draft.infeasible.append(told)


def _permitted_names(draft: Draft) -> list[str]:
    """Worker types that an alert permits; all of them without any alert, so that what is held can be told."""
    up = draft.observation.up
    return [kind.name for kind in draft.policy.worker_types if not up or up.allows(kind.name)]


def _launch_step(draft: Draft) -> None:
    up, permitted = draft.observation.up, _permitted_names(draft)
    if draft.settling or not permitted:
        return
    for name, step in up.steps(min(permitted, key=draft.rests)).items():
        missing = step - sum(action.worker_type == name for action in draft.launches)
        reason = f"{plural(step, 'more worker')} per cooldown, asked for by {up.names}"
        launch(draft, [name] * missing, Cause.ALERT_STEP, reason)
