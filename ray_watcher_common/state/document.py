"""The JSON document of `/state`: written by the exporter, read by the scaler and the command line.

Writer and reader may be of different versions, so `from_document` checks everything: version, types, ranges.
"""

from __future__ import annotations

import math
from typing import Any

from ray_watcher_common.state.resources import bundle, placement_groups
from ray_watcher_common.state.values import ClusterState, Demand, Gang, LabelConstraint, Node, NodeStatus, Strategy

STATE_VERSION = 1
OPERATORS = ("in", "not_in")
LARGEST_COUNT = 10**9
LARGEST_AMOUNT = 1e18  # sums of larger amounts lose all precision
SMALLEST_AMOUNT = 5e-5  # Ray counts in ten-thousandths; less counts as nothing


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
    """Read a `/state` document. Raises `StateDocumentError` for another version or a damaged document.

    A key that was added within version 1 may be missing: an older exporter does not write it.
    """
    try:
        if document["version"] != STATE_VERSION:
            raise StateDocumentError(f"/state is of version {document['version']!r}, wanted {STATE_VERSION}")
        return _state(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise StateDocumentError(f"/state is not readable: {error!r}") from error


def _state(document: dict[str, Any]) -> ClusterState:
    return ClusterState(
        observed_at=_finite(document["observed_at"]),
        source=str(document["source"]),
        nodes=tuple(_node(node) for node in document["nodes"]),
        demands=tuple(_demand(demand) for demand in document["demands"]),
        gangs=tuple(_gang(gang) for gang in document["gangs"]),
        constraints=tuple(_demand(constraint) for constraint in document.get("constraints", ())),
        demand_known=bool(document["demand_known"]),
        pending_since=_finite_or_none(document.get("pending_since")),
        session=_text(document.get("session", "")),
    )


def _node(node: dict[str, Any]) -> Node:
    total = _amounts(node["total"])
    return Node(
        node_id=_text(node["node_id"]),
        status=NodeStatus(node["status"]),
        instance_id=_text(node["instance_id"]),
        is_head=bool(node["is_head"]),
        total=total,
        available=_amounts(node["available"]),
        idle_seconds=_finite(node["idle_seconds"]),
        labels={key: _text(value) for key, value in node["labels"].items()},
        activity=tuple(map(_text, node["activity"])),
        groups=tuple(map(_text, node["groups"])) if "groups" in node else placement_groups(total),
        worker_type=_text(node.get("worker_type", "")),
        ip=_text(node.get("ip", "")),
        host_cpu_ratio=_finite_or_none(node.get("host_cpu_ratio")),
    )


def _gang(gang: dict[str, Any]) -> Gang:
    return Gang(
        tuple(_demand(one) for one in gang["bundles"]),
        Strategy(gang["strategy"]),
        group=_text(gang.get("group", "")),
        same_label=_text(gang.get("same_label", "")),
    )


def _demand(demand: dict[str, Any]) -> Demand:
    count = int(demand["count"])
    if not 0 <= count <= LARGEST_COUNT:
        raise ValueError(f"a count of {count:.3g}")
    shape = _amounts(demand["shape"])
    if any(amount < 0 for amount in shape.values()):
        raise ValueError(f"a shape of {shape}")
    fallbacks = tuple(_selectors(fallback) for fallback in demand.get("fallbacks", ()))
    return Demand(bundle(shape), count, _selectors(demand["selectors"]), fallbacks)


def _selectors(selectors: list[dict[str, Any]]) -> tuple[LabelConstraint, ...]:
    return tuple(_constraint(selector) for selector in selectors)


def _constraint(selector: dict[str, Any]) -> LabelConstraint:
    if selector["operator"] not in OPERATORS:
        raise ValueError(f"operator {selector['operator']!r}")
    return LabelConstraint(_text(selector["key"]), selector["operator"], tuple(map(_text, selector["values"])))


def _amounts(resources: dict[str, Any]) -> dict[str, float]:
    amounts = {name: _finite(amount) for name, amount in resources.items()}
    if any(abs(amount) > LARGEST_AMOUNT for amount in amounts.values()):
        raise ValueError(f"resources of {amounts}")
    return {name: amount if abs(amount) >= SMALLEST_AMOUNT else 0.0 for name, amount in amounts.items()}


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
