"""The rules that launch workers without an alert: what has to be there in any case. Pure: standard library only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scaler.model.decision import Cause
from scaler.packing.solver import solve
from scaler.planning.launch_limits import launch, usable, waits_for_a_resting_type
from scaler.planning.reasons import counted, misfit_explained, plural

if TYPE_CHECKING:
    from scaler.planning.context import Context


def keep_min_workers(context: Context) -> None:
    """Launch what min_workers asks for, of each type and over all; a view of the cluster is needed."""
    if context.observation.snapshot is None:
        return
    for kind in context.policy.worker_types:
        present = sum(worker.worker_type == kind.name for worker in context.staying)
        reason = f"{present} of at least {kind.min_workers} workers of type {kind.name} are there"
        launch(context, [kind.name] * (kind.min_workers - present), Cause.BELOW_MIN_WORKERS, reason)
    there = len(context.staying) + len(context.launches)
    reason = f"{there} of at least {context.policy.min_workers} workers are there"
    launch(context, _of_any_type(context, context.policy.min_workers - there), Cause.BELOW_MIN_WORKERS, reason)


def _of_any_type(context: Context, count: int) -> list[str]:
    """`count` workers: of the first type that has room and does not rest, then of the next."""
    room, names = context.room(), list[str]()
    for kind in sorted(context.policy.worker_types, key=lambda kind: context.rests(kind.name)):
        names += [kind.name] * min(room.of(kind.name), max(0, count - len(names)))
    return names


def keep_requested_resources(context: Context) -> None:
    """Launch what `ray.autoscaler.sdk.request_resources` wants the cluster to be able to hold, used or not.

    Ray reports it as `ClusterResourceConstraint` until it is called again; its own autoscaler treats it alike.
    """
    snapshot, kinds = context.observation.snapshot, context.policy.worker_types
    if snapshot is None or not snapshot.constraints:
        return
    asked = f"request_resources asks for {counted(snapshot.constraints)} in all"
    slots = context.capacity(snapshot, as_if_empty=True)
    packing = solve(snapshot.constraints, (), slots, usable(context, kinds), context.room())
    wanted = [kind.name for kind in packing.launches]
    launch(context, wanted, Cause.REQUESTED_RESOURCES, f"{asked}: {plural(len(wanted), 'more worker')}")
    if packing.unmet:
        reason = f"{asked}, and max_workers is {context.policy.max_workers}"
        context.hold(Cause.MAX_WORKERS, packing.unmet, reason)
    for misfit in packing.infeasible:
        if not waits_for_a_resting_type(context, misfit, kinds):
            told = misfit_explained(misfit, kinds)
            context.infeasible.append(replace(told, reason=f"{told.reason}; request_resources asks for it"))
