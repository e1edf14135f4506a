"""A moment as a JSON document; `reading` makes moments of documents again. docs/recording.md lists the keys.

What changes with every look and decides nothing is left out, so that equal moments are equal documents: a node has the
time at which it became idle, not how long ago that was, and an alert has no time at which it was last received.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray_watcher_common.state import ClusterState, Node
    from scaler.model.alerts import Alert
    from scaler.model.decision import Observation, Plan
    from scaler.model.workers import Worker
    from scaler.recording.moment import Moment
    from scaler.recording.patch import Document

DIRECTIONS = ("up", "down")
PAUSES = ("paused_up", "paused_down")
IDLE_JITTER_SECONDS = 0.5  # Ray's measure of idle time varies by some milliseconds from look to look
CLOCKS = frozenset({"at", "observed_at"})  # keys that alone are no change


def document_of(moment: Moment, previous: Document | None = None) -> Document:
    """The document of `moment`; what differs from `previous` by measurement alone is as it was there."""
    snapshot = moment.observation.snapshot
    before: Document = {} if previous is None or moment.plan.actions else previous  # actions rest on exact values
    keys = _node_keys(snapshot.nodes) if snapshot else {}
    document: Document = {
        "at": moment.at,
        "nodes": dict(_nodes(snapshot, keys, before.get("nodes", {}))) if snapshot else {},
        "workers": {one.worker_id: _worker(one, keys) for one in moment.observation.workers},
        "rest": _rest(moment.observation),
        "plan": _plan(moment.plan, before.get("plan")),
        "policy": _plain(moment.policy),
    }
    if snapshot:
        document["observed_at"] = snapshot.observed_at
        document["state"] = _plain(snapshot, "nodes", "observed_at", "alive")
    return document


def has_changed(patch: Document) -> bool:
    """Whether a patch changes more than the time."""
    return not CLOCKS.issuperset(patch)


def signature(plan: Document) -> Any:
    """What a plan decides, without the figures in its sentences."""
    held = {(one["cause"], one["worker_id"], one["worker_type"], one["shape"]) for one in plan["held"]}
    return plan["actions"], held, [(one["shape"], one["count"]) for one in plan["infeasible"]], plan["demand_met"]


def _plain(value: Any, *left_out: str) -> Document:
    """A value's fields as JSON, without those that are None."""
    fields = {name: inner for name, inner in vars(value).items() if inner is not None and name not in left_out}
    plain: Document = msgspec.to_builtins(fields, enc_hook=int)  # a subclass of int, for example a size in bytes
    return plain


def _node_keys(nodes: tuple[Node, ...]) -> dict[int, str]:
    """A short unique key for each node, by `id`: its worker's id if no other living node has it."""
    keys: dict[int, str] = {}
    taken = set[str]()
    for node in sorted(nodes, key=lambda node: not node.alive):
        key = node.instance_id if node.instance_id and node.instance_id not in taken else node.node_id
        taken.add(key)
        keys[id(node)] = key
    return keys


def _nodes(snapshot: ClusterState, keys: dict[int, str], before: Document) -> Iterator[tuple[str, Document]]:
    for node in snapshot.nodes:
        plain, key = _plain(node), keys[id(node)]
        if idle := plain.pop("idle_seconds"):
            since, known = snapshot.observed_at - idle, before.get(key, {}).get("idle_since")
            plain["idle_since"] = known if known and abs(known - since) < IDLE_JITTER_SECONDS else since
        yield key, plain


def _worker(worker: Worker, keys: dict[int, str]) -> Document:
    """A worker; its node by key, or as a whole if the snapshot does not have it."""
    if worker.node is None:
        return _plain(worker)
    if key := keys.get(id(worker.node)):
        return {**_plain(worker, "node"), "node_key": key}
    return _plain(worker)


def _rest(observation: Observation) -> Document:
    """What an observation has besides snapshot and workers."""
    rest = _plain(observation, "snapshot", "workers", *DIRECTIONS, *PAUSES)
    for direction in DIRECTIONS:
        alerts = getattr(observation, direction).alerts
        rest[direction] = [msgspec.to_builtins(_without_receipt(alert)) for alert in alerts]
    pauses = {name: getattr(observation, name) for name in PAUSES}
    return rest | {name: _plain(pause) for name, pause in pauses.items() if pause is not None}


def _without_receipt(alert: Alert) -> dict[str, Any]:
    return {name: value for name, value in alert._asdict().items() if name != "received_at"}


def _plan(plan: Plan, before: Document | None) -> Document:
    """The plan; if only figures in its sentences differ from `before`, that one."""
    plain = _plain(plan)
    return before if before is not None and signature(before) == signature(plain) else plain
