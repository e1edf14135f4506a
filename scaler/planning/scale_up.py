"""The rules that launch workers because work is pending and an alert permits it. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from ray_watcher_common.state import Demand
from scaler.model.decision import Cause
from scaler.model.policy import DEFAULT_STEP
from scaler.packing.capacity import fresh, of_node
from scaler.packing.fitting import Fitting, could_hold
from scaler.packing.present import fits
from scaler.packing.room import Room
from scaler.planning.launch_limits import launch, room_in_progress
from scaler.planning.minimums import of_any_type
from scaler.planning.needs import Need
from scaler.planning.pending import cheaper_soon, held_by_back_off, hold_pending, launch_cheaper, launchable
from scaler.planning.reasons import misfit, pending, plural, request_text, why_none_needed
from scaler.planning.worker_sizes import of_unknown_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray_watcher_common.state import ClusterState, Gang
    from scaler.model.cluster import WorkerType
    from scaler.packing.capacity import Slot
    from scaler.planning.context import Context

# A driver asks for 10 workers per shape at first (RayConfig max_pending_lease_requests_per_scheduling_category);
# what it has beyond that reaches the GCS with the next backlog report, within about a second.
FIRST_REPORT = 10
SETTLE_SECONDS = 1.2
# The GCS asks the nodes every 0.1 s what is pending there (gcs_pull_resource_loads_period_milliseconds, as start-ray
# and Compose set it): for so long a part of a smaller burst may be all that shows.
REPORT_SECONDS = 0.15


def launch_for_demand(context: Context) -> None:
    """Launch what the demand needs and an alert permits; a fixed step if the demand is not known."""
    snapshot = context.observation.snapshot
    if snapshot is None:
        context.demand_met = False
        _launch_blindly(context, Cause.SNAPSHOT_UNAVAILABLE, f"no usable snapshot ({context.observation.problem})")
    elif not snapshot.demand_known:
        context.demand_met = False
        _launch_blindly(context, Cause.DEMAND_UNKNOWN, f"the source {snapshot.source} does not report demand")
    else:
        _launch_what_is_needed(context, snapshot)
        _launch_step(context)


def _launch_blindly(context: Context, cause: Cause, situation: str) -> None:
    """Launch the alerts' own step per cooldown, once the view has been lost for longer than a hiccup."""
    up, since = context.observation.up, context.observation.blind_since
    blind_seconds = 0.0 if since is None else max(0.0, context.now - since)
    if not up:
        context.hold(cause, 1, f"{situation}: nothing is launched or removed")
    elif blind_seconds < context.policy.stale_after:
        wait = context.policy.stale_after - blind_seconds
        context.hold(cause, 1, f"{situation}: waiting {wait:.0f} s for it before launching blindly (alert {up.names})")
    else:
        for name, step in (up.steps() or {up.only_type: DEFAULT_STEP}).items():
            launch(
                context, _of_step(context, name, step), cause, f"as step per cooldown: {situation}{_by_alert(context)}"
            )


def _launch_what_is_needed(context: Context, snapshot: ClusterState) -> None:
    up, kinds = context.observation.up, _permitted(context)
    ready = launchable(context, kinds)
    cheaper, work = cheaper_soon(context, snapshot.demands, snapshot.gangs, ready)
    spared = set(map(id, work))
    demands = [demand for demand in snapshot.demands if id(demand) not in spared]
    gangs = [gang for gang in snapshot.gangs if id(gang) not in spared]
    need = Need(context, snapshot, demands, gangs, ready, Cause.DEMAND_NEEDS_IT, "pending demand fits on it")
    context.needs.append(need)
    purpose = f"for {pending(snapshot)}{_by_alert(context)}"
    if need.wanted and up and not need.packing.unmet and _settling(context, snapshot):
        context.settling = True
        many = need.wanted.total()
        reason = f"{plural(many, 'worker')} {purpose}: waiting a moment, Ray reports a burst bit by bit"
        context.hold(Cause.DEMAND_SETTLING, many, reason)
    else:
        launch(context, _most_useful_first(need), Cause.PENDING_DEMAND, purpose)
    hold_pending(need, kinds, "pending")
    later = Counter[str]()
    if work:
        soon = Need(context, snapshot, snapshot.demands, snapshot.gangs, [*cheaper, *ready], need.cause, need.reason)
        later = launch_cheaper(soon, cheaper, Cause.PENDING_DEMAND, purpose)
    probed = _judge_misfits(context, snapshot, need.packing.infeasible, kinds)
    context.demand_met = not (need.wanted or need.packing.pending or later or probed)
    if up and context.demand_met and not up.asks_for_a_number and not need.packing.infeasible:
        context.hold(Cause.NO_DEMAND, 1, f"no launch for alert {up.names}: {why_none_needed(snapshot)}")


def _most_useful_first(need: Need) -> Counter[str]:
    """What the need wants; if that is too many at once, those first that serve the most of it."""
    wanted = need.wanted  # and no other types: a GPU worker does not take what another type may not launch at once
    most = need.room.within(room_in_progress(need.context)).within(Room(wanted.total(), dict(wanted)))
    if wanted.total() <= max(0, most.total) and all(count <= most.of(name) for name, count in wanted.items()):
        return wanted
    first = Counter(kind.name for kind in need.packed(room=most).launches)
    rest, many = wanted - first, wanted.total() - first.total()
    later = Counter(islice(rest.elements(), max(0, many)))  # held, whichever limit is in their way
    return first + later


def _judge_misfits(
    context: Context, snapshot: ClusterState, misfits: Sequence[Demand | Gang], kinds: list[WorkerType]
) -> bool:
    """Requests that no permitted type can hold: pending for an alert, a full node or a probe, or infeasible.

    Returns whether a worker is on its way that shows how large its type is.
    """
    empty = [of_node(node, whole=True) for node in snapshot.nodes if node.alive] if misfits else []
    nodes = Fitting(empty)
    unknown = of_unknown_size(context.policy, context.observation)
    probed = False
    for one in misfits:
        shape = request_text(one)
        if held_by_back_off(context, one, kinds):
            continue
        if could_hold(one, context.policy.worker_types):
            reason = f"{one.count:,} x {shape} pending: no alert permits a worker type that holds it"
            context.hold(Cause.NO_ALERT, one.count, reason, shape=shape)
        elif nodes.holds(one) if isinstance(one, Demand) else fits(one, _places_for_a_gang(context, one, empty)):
            reason = f"{one.count:,} x {shape} pending: no worker type holds it, a running node does once it has room"
            context.hold(Cause.NODES_FULL, one.count, reason, shape=shape)
        elif probes := [kind for kind in unknown if could_hold(one, [*context.policy.worker_types, kind])]:
            probed = True
            _probe(context, one, probes)
        else:
            context.infeasible.append(misfit(one, context.policy.worker_types, context.promised))
    return probed


def _places_for_a_gang(context: Context, gang: Gang, nodes: Sequence[Slot]) -> Sequence[Slot]:
    """All nodes, and as many new workers as a gang could take: it may need both."""
    return [*nodes, *(fresh(kind) for kind in context.policy.worker_types for _ in range(gang.count))]


def _probe(context: Context, request: Demand | Gang, kinds: Sequence[WorkerType]) -> None:
    """Launch one worker of a type whose memory in Ray is not known yet, unless one is joining."""
    shape, names = request_text(request), [kind.name for kind in context.cheapest_first(kinds)]
    pending = f"{request.count:,} x {shape} pending"
    if joining := next((name for name in names if context.in_progress()[name]), ""):
        reason = f"{pending}: the first worker of type {joining} is joining and shows how much memory Ray gives it"
        context.hold(Cause.PROBE, request.count, reason, shape=shape)
    else:
        purpose = f"to learn how much memory Ray gives it, {pending}{_by_alert(context)}"
        launch(context, names[:1], Cause.PROBE, purpose)


def _settling(context: Context, snapshot: ClusterState) -> bool:
    """Whether a burst began so recently that its size is not known yet; one right decision beats two."""
    if context.launched:
        return False
    largest = max((demand.count for demand in snapshot.demands), default=0)
    if largest < FIRST_REPORT:
        now = max(context.now, snapshot.observed_at)  # who asks is the first to see it: after `context.now`
        since = snapshot.pending_since
        return largest > 0 and since is not None and 0 <= now - since < REPORT_SECONDS
    seen = context.now if context.observation.demand_since is None else context.observation.demand_since
    fired = max(alert.starts_at for alert in context.observation.up.alerts)
    return 0 <= context.now - min(seen, fired) < SETTLE_SECONDS


def _permitted(context: Context) -> list[WorkerType]:
    """Worker types that an alert permits; all of them without any alert, so that what is held has its cause."""
    up = context.observation.up
    return [kind for kind in context.policy.worker_types if not up or up.allows(kind.name)]


def _by_alert(context: Context) -> str:
    names = context.observation.up.names
    return f" (alert {names})" if names else ""


def _launch_step(context: Context) -> None:
    """Launch what alerts ask for by number; what the demand launches counts."""
    if context.settling:
        return
    up = context.observation.up
    for name, step in sorted(up.steps().items(), key=lambda item: item[0] is None):  # named types first
        done = context.launched.total() if name is None else context.launched[name]
        asking = ", ".join(sorted({a.name for a in up.alerts if a.step is not None and a.worker_type == name}))
        purpose = f"as step of {plural(step, 'worker')} per cooldown (alert {asking})"
        launch(context, _of_step(context, name, step - done), Cause.ALERT_STEP, purpose)


def _of_step(context: Context, name: str | None, count: int) -> Counter[str]:
    """The workers of a step: of the type it names, else of the cheapest permitted types that have room."""
    if name is not None:
        return Counter({name: max(0, count)})
    return of_any_type(context, max(0, count), frozenset(kind.name for kind in _permitted(context)))
