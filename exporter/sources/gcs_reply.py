"""A reply of Ray's GCS as a `ClusterState`. Pure.

`gcs.proto` documents the use of every field of the reply.

The requests of `ray.autoscaler.sdk.request_resources` are in that reply if the head runs autoscaler v2, and otherwise
(a plain `ray start --head`) as JSON in Ray's key-value store.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from exporter.sources import gcs_pb2
from exporter.sources.chain import Source
from exporter.sources.errors import SourceBrokenError, SourceUnavailableError
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
    placement_groups,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GROUP_LABEL = "_PG_"  # and the group's id: Ray's label for nodes with a bundle of it, and in placement constraints
GROUP_DETAILS = re.compile(r"([0-9a-f]{36}):")  # `<id>:<strategy>|<state>`, written by GcsAutoscalerStateManager
STATUS = {
    gcs_pb2.RUNNING: NodeStatus.RUNNING,
    gcs_pb2.DEAD: NodeStatus.DEAD,
    gcs_pb2.IDLE: NodeStatus.IDLE,
    gcs_pb2.DRAINING: NodeStatus.DRAINING,
}
OPERATOR = {gcs_pb2.LABEL_OPERATOR_IN: "in", gcs_pb2.LABEL_OPERATOR_NOT_IN: "not_in"}


def parse(reply: bytes, observed_at: float, kept: bytes = b"") -> ClusterState:
    """Read a `GetClusterResourceStateReply`, and the `InternalKVGetReply` with what `request_resources` left.

    Raises `SourceBrokenError` for other bytes, and `SourceUnavailableError` if no node is known: a GCS that has
    just started knows none for a moment, which does not mean that the cluster is empty.
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
        gangs=tuple(_gang(gang) for gang in state.pending_gang_resource_requests),
        constraints=merged((*_constraints(state.cluster_resource_constraints), *_kept_constraints(kept))),
        session=state.cluster_session_name,
    )


def _node(node: gcs_pb2.NodeState) -> Node:
    labelled = (name.removeprefix(GROUP_LABEL) for name in node.dynamic_labels if name.startswith(GROUP_LABEL))
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
        groups=tuple(sorted({*labelled, *placement_groups(node.total_resources)})),
        worker_type=node.ray_node_type_name,
        ip=node.node_ip_address,
    )


def _demand(request: gcs_pb2.ResourceRequest, count: int) -> Demand:
    first, *fallbacks = [_selectors(one) for one in request.label_selectors] or [()]
    return Demand(bundle(request.resources_bundle), count, first, tuple(fallbacks))


def _selectors(selector: gcs_pb2.LabelSelector) -> tuple[LabelConstraint, ...]:
    """Sorted: Ray keeps them in sets, and their order differs from reply to reply."""
    return tuple(sorted(_constraint(one) for one in selector.label_constraints))


def _constraint(constraint: gcs_pb2.LabelSelectorConstraint) -> LabelConstraint:
    """By Ray's own rule no node meets an operator that the reader does not know, so none of its values remain."""
    if operator := OPERATOR.get(constraint.operator):
        return LabelConstraint(constraint.label_key, operator, tuple(sorted(constraint.label_values)))
    return LabelConstraint(constraint.label_key, "in", ())


def _constraints(constraints: Iterable[gcs_pb2.ClusterResourceConstraint]) -> Iterator[Demand]:
    for constraint in constraints:
        for by_count in constraint.resource_requests:
            yield _demand(by_count.request, by_count.count)


def _kept_constraints(reply: bytes) -> Iterator[Demand]:
    """A list of bundles, as autoscaler v1's `request_resources` writes it; each call replaces the one before."""
    try:
        bundles = json.loads(gcs_pb2.InternalKVGetReply.FromString(reply).value or b"[]")
    except (DecodeError, ValueError, RecursionError):
        bundles = None
    found = [one for resources in bundles if (one := _asked(resources))] if isinstance(bundles, list) else []
    if bundles != [] and not found:
        raise SourceBrokenError("GCS: what request_resources left in Ray's store is no list of bundles")
    yield from found


def _asked(resources: Any) -> Demand | None:
    """One bundle; None for something else, since anybody may write there."""
    try:
        return Demand(bundle(resources), 1)
    except (ValueError, TypeError, AttributeError):
        return None


def _gang(gang: gcs_pb2.GangResourceRequest) -> Gang:
    """Ray's scheduler reads the first of the `bundle_selectors`, and `requests` of a Ray without them."""
    alternative = gang.bundle_selectors[0] if gang.bundle_selectors else gcs_pb2.BundleSelector()
    requests = alternative.resource_requests or gang.requests
    locality = alternative.locality_requirement
    pinned = _selectors(locality.label_selector)  # set if bundles of the group are still placed: their value
    bundles = Counter(_also(_demand(request, 1), pinned) for request in requests)
    strategy, group = _placement(constraint for request in requests for constraint in request.placement_constraints)
    in_details = GROUP_DETAILS.match(gang.details)
    return Gang(
        tuple(replace(one, count=count) for one, count in bundles.items()),
        strategy,
        group=group or (in_details[1] if in_details else ""),
        same_label=locality.locality_constraint.label_name if _on_one_value(locality.locality_constraint) else "",
    )


def _also(demand: Demand, pinned: tuple[LabelConstraint, ...]) -> Demand:
    """`demand`, with `pinned` added to each set of selectors."""
    if not pinned:
        return demand
    first, *fallbacks = (tuple(sorted({*one, *pinned})) for one in (demand.selectors, *demand.fallbacks))
    return replace(demand, selectors=first, fallbacks=tuple(fallbacks))


def _placement(constraints: Iterable[gcs_pb2.PlacementConstraint]) -> tuple[Strategy, str]:
    """The strategy, and the group's id: Ray writes STRICT_PACK as affinity, STRICT_SPREAD as anti-affinity to it."""
    for constraint in constraints:
        if constraint.HasField("affinity"):
            return Strategy.STRICT_PACK, constraint.affinity.label_name.removeprefix(GROUP_LABEL)
        if constraint.HasField("anti_affinity"):
            return Strategy.STRICT_SPREAD, constraint.anti_affinity.label_name.removeprefix(GROUP_LABEL)
    return Strategy.ANY, ""


def _on_one_value(constraint: gcs_pb2.LocalityConstraint) -> bool:
    """Whether all nodes of the gang must share the label's value; Ray's PACK and SPREAD are wishes."""
    return constraint.placement_strategy == gcs_pb2.STRICT_PACK
