"""Asks Ray's GCS to let a node go, over plain gRPC: no Ray import, no driver, every call bounded."""

from __future__ import annotations

import grpc

from ray_watcher_common.ray_auth import NO_TOKEN, RayToken
from scaler.clients.drain_pb2 import (
    DRAIN_NODE_REASON_IDLE_TERMINATION,
    DrainNodeReply,
    DrainNodeRequest,
)
from scaler.model.cluster import DrainReply
from scaler.model.errors import DrainFailedError

DRAIN_NODE = "/ray.rpc.autoscaler.AutoscalerStateService/DrainNode"
DEADLINE_SECONDS = 3.0
CHANNEL_OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 1000))


class GcsDrainer:
    """The GCS at `address` (`HOST:PORT`)."""

    def __init__(self, address: str, token: RayToken = NO_TOKEN) -> None:
        self._address = address
        self._token = token
        self._channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._call = self._channel.unary_unary(
            DRAIN_NODE,
            request_serializer=DrainNodeRequest.SerializeToString,
            response_deserializer=DrainNodeReply.FromString,
        )

    def drain_idle(self, node_id: str, reason: str) -> DrainReply:
        """Drain the node (hex id) if Ray finds it idle: no task, no actor, no primary copy of an object.

        An accepted drain is confirmed by the node's DEAD in a later snapshot, not by this reply: Ray also
        "accepts" to drain a node it does not know. Raises `DrainFailedError` if the GCS does not respond.
        """
        request = DrainNodeRequest(
            node_id=bytes.fromhex(node_id),
            reason=DRAIN_NODE_REASON_IDLE_TERMINATION,
            reason_message=reason,
        )
        try:
            reply = self._call(request, timeout=DEADLINE_SECONDS, metadata=self._token.metadata())
        except grpc.RpcError as error:
            raise DrainFailedError(f"Ray's GCS not responding at {self._address}: {error.details()}") from error
        return DrainReply(reply.is_accepted, reply.rejection_reason_message)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()
