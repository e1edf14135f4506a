"""The JSON document of `/state`: written by the exporter, read by the scaler and the command line.

Writer and reader may be of different versions, so `from_document` checks everything: version, types, ranges.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

from ray_watcher_common.state.resources import bundle, placement_groups
from ray_watcher_common.state.sound import SMALLEST_AMOUNT, sound
from ray_watcher_common.state.values import ClusterState, Demand, Gang, LabelConstraint, Node, NodeStatus, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable

STATE_VERSION = 1
OPERATORS = ("in", "not_in")
LONGEST_PROBLEM = 200
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError)

Item = TypeVar("Item")


class StateDocumentError(Exception):
    """A `/state` document of another version, or a damaged one; the message names the fault."""


def to_document(state: ClusterState, now: float) -> dict[str, Any]:
    """The body of `/state`, for `json.dumps`; `age_seconds` is counted up to `now` (unix seconds)."""
    return {
        "version": STATE_VERSION,
        "source": state.source,
        "observed_at": state.observed_at,
        "age_seconds": max(0.0, now - state.observed_at),
        "session": state.session,
        "demand_known": state.demand_known,
        "pending_since": state.pending_since,
        "nodes": [_node_document(node) for node in state.nodes],
        "demands": [_demand_document(demand) for demand in state.demands],
        "gangs": [_gang_document(gang) for gang in state.gangs],
        "constraints": [_demand_document(constraint) for constraint in state.constraints],
    }


def _node_document(node: Node) -> dict[str, Any]:
    return {
        "node_id": node.node_id,
        "status": node.status.value,
        "is_head": node.is_head,
        "instance_id": node.instance_id,
        "worker_type": node.worker_type,
        "ip": node.ip,
        "total": dict(node.total),
        "available": dict(node.available),
        "idle_seconds": node.idle_seconds,
        "labels": dict(node.labels),
        "activity": list(node.activity),
        "groups": list(node.groups),
        "host_cpu_ratio": node.host_cpu_ratio,
    }


def _gang_document(gang: Gang) -> dict[str, Any]:
    return {
        "strategy": gang.strategy.value,
        "bundles": [_demand_document(one) for one in gang.bundles],
        "group": gang.group,
        "same_label": gang.same_label,
    }


def _demand_document(demand: Demand) -> dict[str, Any]:
    return {
        "shape": dict(demand.shape),
        "count": demand.count,
        "selectors": _selectors_document(demand.selectors),
        "fallbacks": [_selectors_document(fallback) for fallback in demand.fallbacks],
    }


def _selectors_document(selectors: tuple[LabelConstraint, ...]) -> list[dict[str, Any]]:
    return [{"key": one.key, "operator": one.operator, "values": list(one.values)} for one in selectors]


def from_document(document: Any) -> ClusterState:
    """`read_document` for readers that nobody asks what was left out."""
    return read_document(document)[0]


def read_document(document: Any) -> tuple[ClusterState, tuple[str, ...]]:
    """Read a `/state` document; the second value has a few words for each node or request that was left out.

    Raises `StateDocumentError` for another version, a damaged document, and one in which nothing can be read: it must
    not look like an empty cluster. A key that was added within version 1 may be missing: an older exporter does not
    write it.
    """
    try:
        if document["version"] != STATE_VERSION:
            raise StateDocumentError(f"/state is of version {document['version']!r}, wanted {STATE_VERSION}")
        problems: list[str] = []
        state, left_out = sound(_state(document, problems))
    except UNREADABLE as error:
        raise StateDocumentError(f"/state is not readable: {error!r}") from error
    return state, (*problems, *left_out)


def _state(document: dict[str, Any], problems: list[str]) -> ClusterState:
    return ClusterState(
        observed_at=_finite(document["observed_at"]),
        source=str(document["source"]),
        nodes=_each(document, "nodes", _node_or_its_id, problems),
        demands=_each(document, "demands", _demand, problems),
        gangs=_each(document, "gangs", _gang, problems),
        constraints=_each(document, "constraints", _demand, problems) if "constraints" in document else (),
        demand_known=bool(document["demand_known"]),
        pending_since=_finite_or_none(document.get("pending_since")),
        session=_text(document.get("session", "")),
    )


def _each(
    document: dict[str, Any], key: str, read: Callable[[dict[str, Any]], Item], problems: list[str]
) -> tuple[Item, ...]:
    """Those items of a list that can be read. Raises one of `UNREADABLE` if none of them can."""
    found, failed = list[Item](), list[Exception]()
    for item in document[key]:
        try:
            found.append(read(item))
        except UNREADABLE as error:  # noqa: PERF203  # each on its own is the point
            failed.append(error)
    if failed and not found:
        raise failed[0]
    problems += [f"{key}: {error!r}"[:LONGEST_PROBLEM] for error in failed]
    return tuple(found)


def _node_or_its_id(node: dict[str, Any]) -> Node:
    """A node; if only its ids can be read, one that is busy and has no room, so that its worker is left alone."""
    try:
        return _node(node)
    except UNREADABLE:
        ids = _text(node["node_id"]), _text(node["instance_id"])
        return Node(ids[0], NodeStatus.RUNNING, ids[1], is_head=bool(node["is_head"]), activity=("unreadable",))


def _node(node: dict[str, Any]) -> Node:
    total = _amounts(node["total"])
    return Node(
        node_id=_text(node["node_id"]),
        status=NodeStatus(node["status"]),
        instance_id=_text(node["instance_id"]),
        is_head=bool(node["is_head"]),
        total=total,
        available=_amounts(node["available"]),
        idle_seconds=float(node["idle_seconds"]),
        labels={key: _text(value) for key, value in node["labels"].items()},
        activity=tuple(map(_text, node["activity"])),
        groups=tuple(map(_text, node["groups"])) if "groups" in node else placement_groups(total),
        worker_type=_text(node.get("worker_type", "")),
        ip=_text(node.get("ip", "")),
        host_cpu_ratio=None if node.get("host_cpu_ratio") is None else float(node["host_cpu_ratio"]),
    )


def _gang(gang: dict[str, Any]) -> Gang:
    return Gang(
        tuple(_demand(one) for one in gang["bundles"]),
        Strategy(gang["strategy"]),
        group=_text(gang.get("group", "")),
        same_label=_text(gang.get("same_label", "")),
    )


def _demand(demand: dict[str, Any]) -> Demand:
    fallbacks = tuple(_selectors(fallback) for fallback in demand.get("fallbacks", ()))
    shape = bundle(_amounts(demand["shape"]))
    return Demand(shape, int(demand["count"]), _selectors(demand["selectors"]), fallbacks)


def _selectors(selectors: list[dict[str, Any]]) -> tuple[LabelConstraint, ...]:
    return tuple(_constraint(selector) for selector in selectors)


def _constraint(selector: dict[str, Any]) -> LabelConstraint:
    if selector["operator"] not in OPERATORS:
        raise ValueError(f"operator {selector['operator']!r}")
    return LabelConstraint(_text(selector["key"]), selector["operator"], tuple(map(_text, selector["values"])))


def _amounts(resources: dict[str, Any]) -> dict[str, float]:
    amounts = {name: float(amount) for name, amount in resources.items()}
    return {name: 0.0 if abs(amount) < SMALLEST_AMOUNT else amount for name, amount in amounts.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} where a text is wanted")
    return value


def _finite(number: Any) -> float:
    if not math.isfinite(value := float(number)):
        raise ValueError(f"{number} is not a finite number")
    return value


def _finite_or_none(number: Any) -> float | None:
    return None if number is None else _finite(number)
