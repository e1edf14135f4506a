"""Moments of the documents of a recording. A document may be of another version: what it lacks has its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from ray_watcher_common.state import ClusterState, Node, ResourceBundle
from scaler.model.alerts import Permission
from scaler.model.circuit_breaker import LaunchHealth
from scaler.model.cluster import Direction, Host, Waiting, WorkerType
from scaler.model.decision import Observation, Plan
from scaler.model.errors import RecordingError
from scaler.model.no_room import NoRoom
from scaler.model.pause import Pause
from scaler.model.policy import Policy
from scaler.model.schedule import Schedule, TypeBounds
from scaler.model.workers import Joined, Worker
from scaler.recording.document import DIRECTIONS
from scaler.recording.moment import Moment

if TYPE_CHECKING:
    from scaler.recording.patch import Document

_KINDS = (
    ClusterState,
    Direction,
    Host,
    Joined,
    LaunchHealth,
    Node,
    NoRoom,
    Pause,
    Schedule,
    TypeBounds,
    Waiting,
    Worker,
    WorkerType,
)
_NAMES = {"Mapping": Mapping, "ResourceBundle": ResourceBundle, **{kind.__name__: kind for kind in _KINDS}}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    adapter.rebuild(force=True, _types_namespace=_NAMES)  # names that the model imports for type checkers only
    return adapter


_READERS = {kind: _adapter(kind) for kind in (ClusterState, Node, Observation, Permission, Plan, Policy, Worker)}


class Reader:
    """Reads documents in order. What two documents in a row share (nodes, workers, policy) is read once."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[Document, Any]] = {}  # by `id` of the part of the document
        self._last: dict[int, tuple[Document, Any]] = {}

    def moment(self, document: Document) -> Moment:
        """The moment of `document`. Raises `RecordingError` if it is not one."""
        self._last, self._read = self._read, {}
        try:
            return self._moment(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordingError(f"the recording has a damaged moment: {' '.join(str(error).split())}") from error

    def _moment(self, document: Document) -> Moment:
        at = float(document["at"])
        nodes = {key: self._node(plain, document["observed_at"]) for key, plain in document["nodes"].items()}
        workers = [self._worker(plain, nodes) for plain in document["workers"].values()]
        observation = replace(
            self._of(Observation, {**document["rest"], "snapshot": None, "up": {}, "down": {}}),
            snapshot=self._snapshot(document, tuple(nodes.values())) if "state" in document else None,
            workers=tuple(sorted(workers, key=lambda worker: (worker.index, worker.worker_id))),
            **{name: self._permission(document["rest"][name], at) for name in DIRECTIONS},
        )
        return Moment(at, observation, self._once(Policy, document["policy"]), self._once(Plan, document["plan"]))

    def _once(self, kind: Any, plain: Document) -> Any:
        known = self._last.get(id(plain))
        value = known[1] if known and known[0] is plain else self._of(kind, plain)
        self._read[id(plain)] = (plain, value)
        return value

    def _of(self, kind: Any, plain: Document) -> Any:
        return _READERS[kind].validate_python(plain)

    def _node(self, plain: Document, observed_at: float) -> Node:
        node: Node = self._once(Node, plain)
        since = plain.get("idle_since")
        return node if since is None else replace(node, idle_seconds=max(0.0, round(observed_at - since, 6)))

    def _worker(self, plain: Document, nodes: dict[str, Node]) -> Worker:
        worker: Worker = self._once(Worker, plain)
        return replace(worker, node=nodes[plain["node_key"]]) if "node_key" in plain else worker

    def _snapshot(self, document: Document, nodes: tuple[Node, ...]) -> ClusterState:
        state: ClusterState = self._of(ClusterState, {**document["state"], "observed_at": document["observed_at"]})
        return replace(state, nodes=nodes)

    def _permission(self, alerts: list[Document], at: float) -> Permission:
        permission: Permission = self._of(Permission, {"alerts": [{**one, "received_at": at} for one in alerts]})
        return permission
