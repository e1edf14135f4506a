"""The best source: two small gRPC calls to Ray's GCS. No Ray import, no driver, no job.

`GetClusterResourceState` is what Ray's own autoscaler reads: exact by shape, 0.4 ms a call for any amount of demand.
Each call has a deadline, so a GCS that is dead or frozen costs that much and no more, and the channel finds a new one
by itself. The second call reads what `request_resources` has left in Ray's key-value store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

from exporter.sources import gcs_pb2
from exporter.sources.chain import Source
from exporter.sources.errors import SourceUnavailableError
from exporter.sources.gcs_reply import parse
from ray_watcher_common.ray_auth import NO_TOKEN, RayToken

if TYPE_CHECKING:
    from ray_watcher_common.state import ClusterState

METHOD = "/ray.rpc.autoscaler.AutoscalerStateService/GetClusterResourceState"
REQUEST = gcs_pb2.GetClusterResourceStateRequest().SerializeToString()
KV_METHOD = "/ray.rpc.InternalKVGcsService/InternalKVGet"
KV_REQUEST = gcs_pb2.InternalKVGetRequest(key=b"autoscaler_resource_request").SerializeToString()
CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),  # also how long one attempt to connect may take; the default is 20 s
    ("grpc.max_reconnect_backoff_ms", 1000),  # a restarted GCS is found within a second; the default is 2 min
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # 1,000 nodes are below 2 MB
    ("grpc.enable_http_proxy", 0),  # the GCS is never behind a proxy
)
TO_DO = {
    grpc.StatusCode.UNAVAILABLE: "start the head, or set RAY_GCS_ADDRESS to where it is",
    grpc.StatusCode.UNAUTHENTICATED: "set RAY_AUTH_TOKEN_PATH to the file with this cluster's token",
    grpc.StatusCode.DEADLINE_EXCEEDED: "the head is overloaded or frozen",
}


class GcsSource:
    """The GCS at `address` (`HOST:PORT`); an answer may take `deadline` seconds."""

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
            raise SourceUnavailableError(f"GCS at {self._address}: {_why(error)}") from error
        return parse(reply, now, kept)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def _why(error: grpc.RpcError) -> str:
    """The code, what the server or the connection said, and what to do."""
    details = (error.details() or "").rpartition("last error: ")[2]
    to_do = TO_DO.get(error.code())
    return f"{error.code().name} {details}".rstrip() + (f" ({to_do})" if to_do else "")
