"""The sentences that people read about a decision. Pure: standard library only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ray_watcher_common.state import ClusterState, Demand, Gang, shape_text
from scaler.model.decision import Infeasible
from scaler.packing.capacity import fresh

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ray_watcher_common.state import LabelConstraint
    from scaler.model.cluster import WorkerType

SHAPES_NAMED = 3


def plural(count: int, noun: str) -> str:
    """`1 more worker`, `2 more workers`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def request_text(request: Demand | Gang) -> str:
    """The shape that is asked for, with its label selectors: `CPU:1 with zone in (a, b)`; a gang with its bundles."""
    if isinstance(request, Gang):
        bundles = " + ".join(f"{bundle.count} x {request_text(bundle)}" for bundle in request.bundles)
        same = f" on one {request.same_label}" if request.same_label else ""
        return f"{request.strategy.value}({bundles}){same}"
    wanted = " or ".join(filter(None, map(_selectors_text, (request.selectors, *request.fallbacks))))
    return shape_text(request.shape) + (f" with {wanted}" if wanted else "")


def _selectors_text(selectors: Iterable[LabelConstraint]) -> str:
    return " and ".join(f"{one.key} {one.operator.replace('_', ' ')} ({', '.join(one.values)})" for one in selectors)


def pending(snapshot: ClusterState) -> str:
    """What is pending: `12 pending CPU:1 requests`, or `13 pending requests (12 x CPU:1, 1 x GPU:1)`."""
    return requests((*snapshot.demands, *(bundle for gang in snapshot.gangs for bundle in gang.bundles)), "pending ")


def requests(demands: Iterable[Demand], which: str = "") -> str:
    """Requests, with the most frequent shapes."""
    counts = Counter[str]()
    for demand in demands:
        counts[request_text(demand)] += demand.count
    counts += Counter()
    if len(counts) == 1:
        ((shape, count),) = counts.items()
        return plural(count, f"{which}{shape} request")
    named = counts.most_common(SHAPES_NAMED)
    more = len(counts) - len(named)
    shapes = ", ".join(f"{count:,} x {shape}" for shape, count in named) + (f", {more} more shapes" if more else "")
    return f"{plural(counts.total(), f'{which}request')} ({shapes})"


def workers(by_type: Mapping[str, int]) -> str:
    """Workers by type: `2 x small, 1 x gpu`."""
    return ", ".join(f"{count} x {name}" for name, count in sorted(by_type.items()) if count)


def why_none_needed(snapshot: ClusterState) -> str:
    """Why a firing alert leads to no launch."""
    if not snapshot.pending:
        return "nothing is pending"
    return f"{pending(snapshot)} fit on workers that are free or joining"


def misfit(request: Demand | Gang, kinds: Sequence[WorkerType], promised: Sequence[WorkerType] = ()) -> Infeasible:
    """Why no worker type can hold this request: what is missing, of each type that comes near.

    Workers of the types `promised` could, if what the policy file says of them had come true.
    """
    shape = request_text(request)
    parts = (request,) if isinstance(request, Demand) else request.bundles
    lacking = dict.fromkeys(
        f"type {kind.name} {lack}" for part in parts for kind in kinds if (lack := _lack(part, kind))
    )
    if not lacking and kinds:  # each bundle fits alone
        lacking = {"no single worker holds all bundles together": None}
    missing = "; ".join(list(lacking)[:SHAPES_NAMED]) or "there are no worker types"
    broken = ", ".join(_broken_promises(parts, kinds, promised))
    why = f"; a worker of type {broken} joined without what the policy file says, so no more is launched for it"
    return Infeasible(shape, request.count, f"no worker type provides {shape}: {missing}{why if broken else ''}")


def _broken_promises(
    parts: Iterable[Demand], kinds: Iterable[WorkerType], promised: Iterable[WorkerType]
) -> Iterator[str]:
    """The types that would hold one of these if they were as promised."""
    real = {kind.name: kind for kind in kinds}
    for kind in promised:
        if any(not _lack(part, kind) and _lack(part, real[kind.name]) for part in parts):
            yield kind.name


def _lack(part: Demand, kind: WorkerType) -> str:
    """What a worker of this type lacks for a request; "" if it holds it."""
    slot = fresh(kind)
    for name, amount in part.shape:
        if slot.total.get(name, 0.0) < amount:
            has = shape_text(((name, slot.total[name]),)) if slot.total.get(name) else f"no {name}"
            return f"has {has}"
    for selector in part.selectors if not part.may_run_on(slot.labels) else ():
        if not selector.met_by(slot.labels):
            label = slot.labels.get(selector.key)
            return f"has the label {selector.key}={label}" if label else f"has no label {selector.key}"
    return ""
