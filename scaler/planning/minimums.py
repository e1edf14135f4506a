"""The rules that launch workers without an alert: what has to run in any case. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from scaler.model.decision import Cause
from scaler.planning.launch_limits import launch
from scaler.planning.needs import Need
from scaler.planning.pending import cheaper_soon, held_by_back_off, hold_pending, launch_cheaper, launchable
from scaler.planning.reasons import misfit, requests

if TYPE_CHECKING:
    from scaler.planning.context import Context


def keep_min_workers(context: Context) -> None:
    """Launch what min_workers asks for, of each type and over all; a view of the cluster is needed."""
    if context.observation.snapshot is None:
        return
    by = context.policy.by_schedule
    for kind in context.policy.worker_types:
        present = sum(worker.worker_type == kind.name for worker in context.staying)
        purpose = f"to keep min_workers of type {kind.name} ({present} of {kind.min_workers} run){by}"
        missing = {kind.name: max(0, kind.min_workers - present)}
        launch(context, missing, Cause.BELOW_MIN_WORKERS, purpose)
    running = len(context.staying) + context.launched.total()
    purpose = f"to keep min_workers of the pool ({running} of {context.policy.min_workers} run){by}"
    launch(context, of_any_type(context, context.policy.min_workers - running), Cause.BELOW_MIN_WORKERS, purpose)


def of_any_type(context: Context, count: int, names: frozenset[str] | None = None) -> Counter[str]:
    """`count` workers of the cheapest types (of `names`) that have room; of the cheapest of all if none has.

    Workers beyond any room are asked for as well, so that the plan names the limit.
    """
    kinds = [kind for kind in context.policy.worker_types if names is None or kind.name in names]
    room, wanted = context.room(), Counter[str]()
    ordered = context.cheapest_first(kinds)
    for kind in ordered:
        if (some := min(room.of(kind.name), count - wanted.total())) > 0:
            room.take(kind.name, some)
            wanted[kind.name] += some
    if ordered and (rest := count - wanted.total()) > 0:
        wanted[ordered[0].name] += rest
    return wanted


def keep_requested_resources(context: Context) -> None:
    """Launch what `ray.autoscaler.sdk.request_resources` wants the cluster to be able to hold, used or not.

    Ray reports it as `ClusterResourceConstraint` until it is called again; its own autoscaler treats it alike.
    """
    snapshot = context.observation.snapshot
    if snapshot is None or not snapshot.constraints:
        return
    kinds, ready = context.policy.worker_types, launchable(context, context.policy.worker_types)
    cheaper, work = cheaper_soon(context, snapshot.constraints, (), ready)
    now = [one for one in snapshot.constraints if one not in work]
    why = "request_resources asks for its resources"
    need = Need(context, snapshot, now, (), ready, Cause.REQUESTED_RESOURCES, why, whole_nodes=True)
    context.needs.append(need)
    purpose = f"for {requests(snapshot.constraints)} of request_resources"
    launch(context, need.wanted, Cause.REQUESTED_RESOURCES, purpose)
    hold_pending(need, kinds, "of request_resources")
    if work:
        soon = replace(need, demands=snapshot.constraints, kinds=[*cheaper, *ready])
        launch_cheaper(soon, cheaper, Cause.REQUESTED_RESOURCES, purpose)
    for left in need.packing.infeasible:
        if not held_by_back_off(context, left, kinds):
            found = misfit(left, kinds, context.promised)
            context.infeasible.append(replace(found, reason=f"{found.reason} (asked for by request_resources)"))
