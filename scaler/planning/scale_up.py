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

    from ray_watcher_common.state import ClusterState, Demand, Gang
    from scaler.model.cluster import WorkerType
    from scaler.planning.context import Context


def launch_for_demand(context: Context) -> None:
    """Launch what the demand needs and an alert permits; a fixed step where the demand is not known."""
    snapshot = context.observation.snapshot
    if snapshot is None:
        context.demand_met = False
        _launch_blindly(context, Cause.SNAPSHOT_UNAVAILABLE, f"no usable snapshot ({context.observation.problem})")
    elif not snapshot.demand_known:
        context.demand_met = False
        _launch_blindly(context, Cause.DEMAND_UNKNOWN, f"the demand is not known (source {snapshot.source})")
    else:
        _launch_what_is_needed(context, snapshot)
        _launch_step(context)


def _launch_blindly(context: Context, cause: Cause, situation: str) -> None:
    """Launch the alerts' own step per cooldown, once the view has been gone for longer than a hiccup."""
    up, since = context.observation.up, context.observation.blind_since
    permitted = _permitted_names(context)
    blind_seconds = 0.0 if since is None else max(0.0, context.now - since)
    if not up or not permitted:
        context.hold(cause, 1, f"{situation}: nothing is launched or removed on a guess")
    elif blind_seconds < context.policy.stale_after:
        wait = context.policy.stale_after - blind_seconds
        context.hold(cause, 1, f"permitted by {up.names}, but {situation}; waiting {wait:.0f} s for it to come back")
    else:
        first = min(permitted, key=context.rests)
        for name, step in (up.steps(first) or {first: DEFAULT_STEP}).items():
            launch(context, [name] * step, cause, f"permitted by {up.names}; {situation}, so {step} per cooldown")


def _launch_what_is_needed(context: Context, snapshot: ClusterState) -> None:
    up = context.observation.up
    packing = _pack_all(context, snapshot)
    wanted = [kind.name for kind in packing.launches]
    need = f"{waiting(snapshot)} wait"
    if wanted and not up:
        reason = f"{need}: {plural(len(wanted), 'more worker')}, but no alert permits scaling up"
        context.hold(Cause.NO_ALERT, len(wanted), reason)
    elif wanted and not packing.unmet and _settling(context, snapshot):
        context.settling = True
        reason = f"{need}, and more may show within a second: Ray reports a burst bit by bit"
        context.hold(Cause.DEMAND_SETTLING, len(wanted), reason)
    elif wanted:
        reason = f"{need}: {plural(len(wanted), 'more worker')}, permitted by {up.names}"
        launch(context, wanted, Cause.PENDING_DEMAND, reason)
    elif up and not up.asks_for_a_number and not packing.unmet and not packing.infeasible:
        context.hold(Cause.NO_DEMAND, 1, f"permitted by {up.names}, but {why_none_needed(snapshot)}")


def _settling(context: Context, snapshot: ClusterState) -> bool:
    """Whether a burst began so recently that its size is not known yet; one right decision beats two."""
    if context.launches:
        return False
    largest = max((demand.count for demand in snapshot.demands), default=0)
    if largest < FIRST_REPORT:
        now = max(context.now, snapshot.observed_at)  # who asks is the first to see it: after `context.now`
        since = snapshot.pending_since
        return largest > 0 and since is not None and 0 <= now - since < REPORT_SECONDS
    seen = context.now if context.observation.demand_since is None else context.observation.demand_since
    fired = max(alert.starts_at for alert in context.observation.up.alerts)
    return 0 <= context.now - min(seen, fired) < SETTLE_SECONDS


def _pack_all(context: Context, snapshot: ClusterState) -> Packing:
    """Pack all demand into what is free or joining, and the rest into new workers."""
    names = _permitted_names(context)
    kinds = [kind for kind in context.policy.worker_types if kind.name in names]
    packing = solve(
        snapshot.demands, snapshot.gangs, context.capacity(snapshot), usable(context, kinds), context.room()
    )
    _tell_waiting(context, packing.waiting, kinds)
    _tell_misfits(context, snapshot, packing.infeasible, kinds)
    context.demand_met = not packing.launches and not packing.waiting
    return packing


def _tell_waiting(context: Context, left: Sequence[Demand | Gang], kinds: Sequence[WorkerType]) -> None:
    """What waits for a worker type whose launches fail, or because of a limit."""
    unmet = sum(one.count for one in left if not waits_for_a_resting_type(context, one, kinds))
    reason = f"{plural(unmet, 'request')} will go on waiting: max_workers is {context.policy.max_workers}"
    context.hold(Cause.MAX_WORKERS, unmet, reason)


def _tell_misfits(
    context: Context, snapshot: ClusterState, misfits: Sequence[Demand | Gang], kinds: list[WorkerType]
) -> None:
    """What no permitted type can hold waits for an alert, for a node that is here, or is infeasible."""
    if not misfits:
        return
    empty = [Slot(node.total, node.total, node.labels) for node in snapshot.nodes if node.alive]
    for misfit in misfits:
        if waits_for_a_resting_type(context, misfit, kinds):
            continue
        told = misfit_explained(misfit, kinds)
        if could_hold(misfit, context.policy.worker_types):
            reason = f"{told.count} x {told.shape} wait for a worker type that no alert permits"
            context.hold(Cause.NO_ALERT, told.count, reason)
        elif fits(misfit, empty):
            reason = f"{told.reason}, but a node that is here can hold it once it has room"
            context.hold(Cause.WAITS_FOR_A_NODE, told.count, reason)
        else:
            context.infeasible.append(told)


def _permitted_names(context: Context) -> list[str]:
    """Worker types that an alert permits; all of them without any alert, so that what is held can be told."""
    up = context.observation.up
    return [kind.name for kind in context.policy.worker_types if not up or up.allows(kind.name)]


def _launch_step(context: Context) -> None:
    up, permitted = context.observation.up, _permitted_names(context)
    if context.settling or not permitted:
        return
    for name, step in up.steps(min(permitted, key=context.rests)).items():
        missing = step - sum(action.worker_type == name for action in context.launches)
        reason = f"{plural(step, 'more worker')} per cooldown, asked for by {up.names}"
        launch(context, [name] * missing, Cause.ALERT_STEP, reason)
