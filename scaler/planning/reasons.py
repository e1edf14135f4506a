"""What people read about a decision. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ray_watcher_common.state import ClusterState, Demand, Gang, shape_text
from scaler.model.decision import Infeasible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scaler.model.cluster import WorkerType

SHAPES_NAMED = 3


def plural(count: int, noun: str) -> str:
    """`1 more worker`, `2 more workers`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def waiting(snapshot: ClusterState) -> str:
    """What waits, the most frequent shapes first: `12 x CPU:1, 1 x GPU:1 and 4 more`."""
    return counted((*snapshot.demands, *(bundle for gang in snapshot.gangs for bundle in gang.bundles)))


def counted(demands: Iterable[Demand]) -> str:
    """Requests by shape: `12 x CPU:1, 1 x GPU:1 and 4 more`."""
    counts = Counter[str]()
    for demand in demands:
        counts[shape_text(demand.shape)] += demand.count
    named = counts.most_common(SHAPES_NAMED)
    rest = sum(counts.values()) - sum(count for _, count in named)
    return ", ".join(f"{count} x {shape}" for shape, count in named) + (f" and {rest} more" if rest else "")


def why_none_needed(snapshot: ClusterState) -> str:
    """Why a firing alert leads to no launch."""
    if not snapshot.pending:
        return "nothing waits for room"
    return f"what waits ({waiting(snapshot)}) fits on workers that are free or joining"


def misfit_explained(misfit: Demand | Gang, kinds: Iterable[WorkerType]) -> Infeasible:
    """Why no worker type can hold this demand, and what they offer."""
    if isinstance(misfit, Demand):
        shape = shape_text(misfit.shape)
    else:
        bundles = " + ".join(f"{bundle.count} x {shape_text(bundle.shape)}" for bundle in misfit.bundles)
        shape = f"{misfit.strategy.value}({bundles})"
    offers = "; ".join(f"{kind.name} offers {shape_text(tuple(sorted(kind.resources.items())))}" for kind in kinds)
    reason = f"{misfit.count} x {shape} fits on no worker type" + (f": {offers}" if offers else "")
    return Infeasible(shape, misfit.count, reason)
