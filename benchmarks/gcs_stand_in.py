"""A GCS of any size that serves Ray's real protocol: `python -m benchmarks.gcs_stand_in NODES SHAPES`.

It answers the two calls that the exporter makes with what Ray would for that many nodes and waiting shapes, as fast as
gRPC can send bytes; prints its port, and serves until its standard input ends.
"""

from __future__ import annotations

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from exporter.sources import gcs_pb2
from exporter.sources.gcs import KV_METHOD, METHOD

COUNT_OF_EACH = 100  # requests of every shape


def reply(nodes: int, shapes: int) -> bytes:
    """A `GetClusterResourceStateReply`: a head, workers of three types with work on most, `shapes` that wait."""
    rnd = random.Random(nodes * 1000 + shapes)  # noqa: S311  # sizes, not secrets
    answer = gcs_pb2.GetClusterResourceStateReply()
    state = answer.cluster_resource_state
    state.cluster_session_name = "session_stand_in"
    for index in range(nodes):
        _fill(state.node_states.add(), index, rnd)
    for index in range(shapes):
        waiting = state.pending_resource_requests.add(count=COUNT_OF_EACH)
        waiting.request.resources_bundle["CPU"] = 1.0 + index
        if index % 3 == 0:
            waiting.request.resources_bundle["memory"] = 1e9
    return answer.SerializeToString()


def _fill(node: gcs_pb2.NodeState, index: int, rnd: random.Random) -> None:
    node.node_id = rnd.randbytes(28)
    node.node_ip_address = f"10.0.{index // 250}.{index % 250 + 1}"
    total = {"CPU": 16.0, "memory": 64e9, "object_store_memory": 16e9, f"node:{node.node_ip_address}": 1.0}
    if index:
        node.instance_id = f"worker-{index}-{index:06x}"
        node.ray_node_type_name = ("cpu", "gpu", "large")[index % 3]
        total |= {"GPU": 4.0} if index % 3 == 1 else {}
    else:
        total["node:__internal_head__"] = 1.0
    used = rnd.choice((0.0, 4.0, 15.0))
    node.status = gcs_pb2.RUNNING if used else gcs_pb2.IDLE
    node.idle_duration_ms = 0 if used else rnd.randint(1, 60_000)
    node.total_resources.update(total)
    node.available_resources.update(total | {"CPU": total["CPU"] - used})
    node.node_activity.append("Busy workers on node." if used else "")
    node.labels.update({"ray.io/node-id": node.node_id.hex(), "zone": "ab"[index % 2]})


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc comes without types
    def __init__(self, state: bytes) -> None:
        self._replies = {METHOD: state, KV_METHOD: gcs_pb2.InternalKVGetReply().SerializeToString()}

    def service(self, call: Any) -> Any:
        """The methods that the exporter calls."""
        answer = self._replies.get(call.method)
        return None if answer is None else grpc.unary_unary_rpc_method_handler(lambda _request, _context: answer)


def main(nodes: int, shapes: int) -> None:
    """Serve until standard input ends."""
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, handlers=(_Methods(reply(nodes, shapes)),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        sys.stdin.read()
        server.stop(grace=None).wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
