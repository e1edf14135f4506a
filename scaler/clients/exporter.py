"""Reads the cluster's state from the exporter's `/state`, and refuses what is stale."""

from __future__ import annotations

import math
from typing import Any

import requests

from scaler.model.cluster import Demand, Gang, LabelConstraint, Node, NodeStatus, Snapshot, Strategy, bundle
from scaler.model.errors import SnapshotUnavailableError

STATE_VERSION = 1
OPERATORS = ("in", "not_in")
LARGEST_COUNT = 10**9
LARGEST_AMOUNT = 1e18  # beyond it a sum says nothing
SMALLEST_AMOUNT = 5e-5  # below it there is nothing: Ray counts in ten-thousandths
TIMEOUT_SECONDS = (1.0, 3.0)  # connect, read: the exporter itself never waits longer than a second


class StateReader:
    """The exporter at `url`; a snapshot older than `stale_after` seconds is refused."""

    def __init__(self, url: str, stale_after: float) -> None:
        self._url = f"{url.rstrip('/')}/state"
        self._stale_after = stale_after
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment is not meant for our own exporter

    def read(self) -> Snapshot:
        """The present snapshot. Raises `SnapshotUnavailableError` where it is missing, stale or unreadable."""
        try:
            reply = self._session.get(self._url, timeout=TIMEOUT_SECONDS)
            document = reply.json()
        except requests.RequestException as error:
            raise SnapshotUnavailableError(f"the exporter at {self._url} does not answer: {_cause(error)}") from error
        except RecursionError:
            raise SnapshotUnavailableError(f"{self._url} is not readable: nested too deeply") from None
        if not reply.ok:
            problem = document.get("error", "") if isinstance(document, dict) else ""
            raise SnapshotUnavailableError(f"the exporter has no snapshot (HTTP {reply.status_code}) {problem}".strip())
        age = document.get("age_seconds") if isinstance(document, dict) else None
        if isinstance(age, (int, float)) and age > self._stale_after:
            raise SnapshotUnavailableError(f"the snapshot is {age:.0f} s old, more than {self._stale_after:g} s")
        return from_document(document)


def from_document(document: Any) -> Snapshot:
    """Read a `/state` document. Raises `SnapshotUnavailableError` for another version or a broken one."""
    try:
        if document["version"] != STATE_VERSION:
            raise SnapshotUnavailableError(f"/state is of version {document['version']!r}, wanted {STATE_VERSION}")
        return Snapshot(
            observed_at=_finite(document["observed_at"]),
            source=str(document["source"]),
            nodes=tuple(_node(node) for node in document["nodes"]),
            demands=tuple(_demand(demand) for demand in document["demands"]),
            gangs=tuple(
                Gang(tuple(_demand(b) for b in gang["bundles"]), Strategy(gang["strategy"]))
                for gang in document["gangs"]
            ),
            constraints=tuple(_demand(constraint) for constraint in document.get("constraints", ())),
            demand_known=bool(document["demand_known"]),
            pending_since=None if (since := document.get("pending_since")) is None else _finite(since),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SnapshotUnavailableError(f"/state is not readable: {error!r}") from error


def _node(node: dict[str, Any]) -> Node:
    return Node(
        node_id=_text(node["node_id"]),
        status=NodeStatus(node["status"]),
        instance_id=_text(node["instance_id"]),
        is_head=bool(node["is_head"]),
        total=_amounts(node["total"]),
        available=_amounts(node["available"]),
        idle_seconds=_finite(node["idle_seconds"]),
        labels={key: _text(value) for key, value in node["labels"].items()},
        activity=tuple(map(_text, node["activity"])),
    )


def _demand(demand: dict[str, Any]) -> Demand:
    count = int(demand["count"])
    if not 0 <= count <= LARGEST_COUNT:
        raise ValueError(f"a count of {count:.3g}")
    shape = _amounts(demand["shape"])
    if any(amount < 0 for amount in shape.values()):
        raise ValueError(f"a shape of {shape}")
    return Demand(bundle(shape), count, tuple(_constraint(selector) for selector in demand["selectors"]))


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


def _cause(error: Exception) -> str:
    """The innermost reason of a chain of connection errors, without the library's object names."""
    while (inner := error.__cause__ or error.__context__) and isinstance(inner, Exception):
        error = inner
    return str(error) or type(error).__name__
