"""The best source: two small gRPC calls to Ray's GCS. No Ray import, no driver, no job.

`GetClusterResourceState` is what Ray's own autoscaler reads: exact by shape, 0.4 ms a call whatever waits. Each call
has a deadline, so a GCS that is dead or frozen costs that much and no more, and the channel finds a new one by itself.

What `ray.autoscaler.sdk.request_resources` asks for comes by one of two ways, of which Ray's client chooses one: in
that reply where the head runs autoscaler v2, and else (a plain `ray start --head`) as JSON in Ray's key-value store.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import grpc
from google.protobuf.message import DecodeError

from exporter import gcs_pb2
from exporter.errors import SourceBrokenError, SourceUnavailableError
from exporter.sources import Source
from ray_watcher_common.ray_auth import NO_TOKEN, RayToken
from ray_watcher_common.state import (
    HEAD_RESOURCE,
    ClusterState,
    Demand,
    Gang,
    LabelConstraint,
    Node,
    NodeStatus,
    Strategy,
    bundle,
    merged,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

METHOD = "/ray.rpc.autoscaler.AutoscalerStateService/GetClusterResourceState"
REQUEST = gcs_pb2.GetClusterResourceStateRequest().SerializeToString()
KV_METHOD = "/ray.rpc.InternalKVGcsService/InternalKVGet"
KV_REQUEST = gcs_pb2.InternalKVGetRequest(key=b"autoscaler_resource_request").SerializeToString()
CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),  # also how long one attempt to connect may take; the default is 20 s
    ("grpc.max_reconnect_backoff_ms", 1000),  # a restarted GCS is found within a second; the default is 2 min
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # 1,000 nodes are below 2 MB
    ("grpc.enable_http_proxy", 0),  # the GCS is near; a proxy for the web is not on the way
)
STATUS = {
    gcs_pb2.RUNNING: NodeStatus.RUNNING,
    gcs_pb2.DEAD: NodeStatus.DEAD,
    gcs_pb2.IDLE: NodeStatus.IDLE,
    gcs_pb2.DRAINING: NodeStatus.DRAINING,
}
OPERATOR = {gcs_pb2.LABEL_OPERATOR_IN: "in", gcs_pb2.LABEL_OPERATOR_NOT_IN: "not_in"}


class GcsSource:
    """Asks the GCS at `address` (`HOST:PORT`); an answer may take `deadline` seconds."""

    source = Source.GCS

    def __init__(self, address: str, deadline: float, token: RayToken = NO_TOKEN) -> None:
        self._address = address
        self._deadline = deadline
        self._token = token
        self._channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._ask_state = self._channel.unary_unary(METHOD)  # bytes in, bytes out: `parse` reads them
        self._ask_kv = self._channel.unary_unary(KV_METHOD)

    def read(self, now: float) -> ClusterState:
        """The state as of `now`. Raises `SourceUnavailableError`, `SourceBrokenError`."""
        try:
            token = self._token.metadata()
            reply = self._ask_state(REQUEST, timeout=self._deadline, metadata=token)
            kept = self._ask_kv(KV_REQUEST, timeout=self._deadline, metadata=token)
        except grpc.RpcError as error:
            why = (error.details() or "").rpartition("last error: ")[2]
            raise SourceUnavailableError(f"GCS at {self._address}: {error.code().name} {why}".rstrip()) from error
        return parse(reply, now, kept)

    def close(self) -> None:
        """Let go of the connection."""
        self._channel.close()


def parse(reply: bytes, observed_at: float, kept: bytes = b"") -> ClusterState:
    """Read a `GetClusterResourceStateReply`, and the `InternalKVGetReply` with what `request_resources` left.

    Raises `SourceBrokenError` for other bytes, and `SourceUnavailableError` where no node is known: a GCS that has
    just started says so for a moment, and it must not be taken for an empty cluster.
    """
    try:
        state = gcs_pb2.GetClusterResourceStateReply.FromString(reply).cluster_resource_state
    except DecodeError as error:
        raise SourceBrokenError(f"GCS: {len(reply)} bytes that are no GetClusterResourceStateReply") from error
    if not state.node_states:
        raise SourceUnavailableError("GCS: knows no node yet")
    return ClusterState(
        source=Source.GCS.value,
        observed_at=observed_at,
        nodes=tuple(_node(node) for node in state.node_states),
        demands=merged(_demand(by_count.request, by_count.count) for by_count in state.pending_resource_requests),
        gangs=tuple(_gang(gang.requests) for gang in state.pending_gang_resource_requests),
        constraints=merged((*_constraints(state.cluster_resource_constraints), *_kept_constraints(kept))),
        session=state.cluster_session_name,
    )


def _node(node: gcs_pb2.NodeState) -> Node:
    return Node(
        node_id=node.node_id.hex(),
        status=STATUS.get(node.status, NodeStatus.RUNNING),  # a state we do not know is no reason to remove a node
        instance_id=node.instance_id,
        is_head=HEAD_RESOURCE in node.total_resources,
        total=dict(node.total_resources),
        available=dict(node.available_resources),
        idle_seconds=node.idle_duration_ms / 1000,
        labels=dict(node.labels),
        activity=tuple(node.node_activity),
        worker_type=node.ray_node_type_name,
        ip=node.node_ip_address,
    )


def _demand(request: gcs_pb2.ResourceRequest, count: int) -> Demand:
    """Further label selectors are fallbacks for the first, so the first is what to launch for."""
    first = request.label_selectors[0].label_constraints if request.label_selectors else ()
    selectors = sorted(  # Ray keeps them in sets: the order differs from reply to reply
        (c.label_key, OPERATOR[c.operator], tuple(sorted(c.label_values))) for c in first if c.operator in OPERATOR
    )
    return Demand(bundle(request.resources_bundle), count, tuple(LabelConstraint(*s) for s in selectors))


def _constraints(constraints: Iterable[gcs_pb2.ClusterResourceConstraint]) -> Iterator[Demand]:
    for constraint in constraints:
        for by_count in constraint.resource_requests:
            yield _demand(by_count.request, by_count.count)


def _kept_constraints(reply: bytes) -> Iterator[Demand]:
    """A list of bundles, as autoscaler v1's `request_resources` writes it; each call replaces the one before."""
    try:
        value = gcs_pb2.InternalKVGetReply.FromString(reply).value
        for resources in json.loads(value or b"[]"):
            yield Demand(bundle(resources), 1)
    except (DecodeError, ValueError, TypeError, AttributeError) as error:
        raise SourceBrokenError("GCS: what request_resources left in Ray's store is no list of bundles") from error


def _gang(requests: Iterable[gcs_pb2.ResourceRequest]) -> Gang:
    bundles = Counter(_demand(request, 1) for request in requests)
    return Gang(
        tuple(Demand(one.shape, count, one.selectors) for one, count in bundles.items()),
        _strategy(constraint for request in requests for constraint in request.placement_constraints),
    )


def _strategy(constraints: Iterable[gcs_pb2.PlacementConstraint]) -> Strategy:
    """Ray writes STRICT_PACK as affinity and STRICT_SPREAD as anti-affinity of the group's bundles to each other."""
    for constraint in constraints:
        if constraint.HasField("affinity"):
            return Strategy.STRICT_PACK
        if constraint.HasField("anti_affinity"):
            return Strategy.STRICT_SPREAD
    return Strategy.ANY
