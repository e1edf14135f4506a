"""The exporter's golden files and generated code, and what they are made from; `write` writes them all."""

from __future__ import annotations

import json
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from exporter.metrics.collector import ClusterCollector
from exporter.metrics.families import Thresholds
from exporter.snapshots import View
from exporter.sources.chain import Source
from exporter.web.pages import application
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
    to_document,
)

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
NOW = 1_800_000_000.0
THRESHOLDS = Thresholds(pending=0, cpu_ratio=0.8, idle_seconds=60)
GIB = float(2**30)

HEAD = Node(
    node_id="aa" * 28,
    status=NodeStatus.RUNNING,
    is_head=True,
    ip="10.0.0.1",
    total={"CPU": 2, "memory": 8 * GIB, "object_store_memory": GIB, "node:10.0.0.1": 1, HEAD_RESOURCE: 1},
    available={"memory": 8 * GIB, "object_store_memory": GIB, "node:10.0.0.1": 1, HEAD_RESOURCE: 1},
    labels={"ray.io/node-id": "aa" * 28},
    activity=("Resource: CPU currently in use.", "Busy workers on node."),
)
BUSY = Node(
    node_id="b0" * 28,
    status=NodeStatus.RUNNING,
    instance_id="worker-0-00000b",
    worker_type="default",
    ip="10.0.0.2",
    total={"CPU": 4, "memory": 4 * GIB, "object_store_memory": GIB, "node:10.0.0.2": 1},
    available={"CPU": 1, "memory": 4 * GIB, "object_store_memory": 0.75 * GIB, "node:10.0.0.2": 1},
    labels={"ray.io/node-id": "b0" * 28, "ray.io/node-group": "default", "zone": "a"},
    activity=("Resource: CPU currently in use.",),
)
IDLE = Node(
    node_id="b1" * 28,
    status=NodeStatus.IDLE,
    instance_id="worker-1-00001b",
    worker_type="default",
    ip="10.0.0.3",
    total={"CPU": 4, "GPU": 1, "memory": 4 * GIB, "object_store_memory": GIB, "node:10.0.0.3": 1},
    available={"CPU": 4, "GPU": 1, "memory": 4 * GIB, "object_store_memory": GIB, "node:10.0.0.3": 1},
    idle_seconds=75.5,
    labels={"ray.io/node-id": "b1" * 28, "ray.io/node-group": "default"},
)
DRAINING = Node(
    node_id="b2" * 28,
    status=NodeStatus.DRAINING,
    instance_id="worker-2-00002b",
    worker_type="default",
    ip="10.0.0.4",
    total={"CPU": 4, "memory": 4 * GIB, "object_store_memory": GIB, "node:10.0.0.4": 1},
    available={"CPU": 4, "memory": 4 * GIB, "object_store_memory": GIB, "node:10.0.0.4": 1},
    idle_seconds=130.0,
    labels={"ray.io/node-id": "b2" * 28, "ray.io/node-group": "default"},
)
DEAD = Node(
    node_id="b3" * 28,
    status=NodeStatus.DEAD,
    instance_id="worker-3-00003b",
    worker_type="default",
    ip="10.0.0.5",
)


def four_cpus(count: int) -> Demand:
    """A bundle of a gang."""
    return Demand(bundle({"CPU": 4}), count)


RICH = ClusterState(
    source=Source.GCS.value,
    observed_at=NOW - 0.25,
    nodes=(HEAD, BUSY, IDLE, DRAINING, DEAD),
    demands=(
        Demand(bundle({"CPU": 1}), 12),
        Demand(bundle({"CPU": 1, "GPU": 0.5}), 3),
        Demand(bundle({"CPU": 64}), 2),
        Demand(
            bundle({"CPU": 1}),
            1,
            (LabelConstraint("zone", "in", ("a", "b")), LabelConstraint("disk", "not_in", ("hdd",))),
        ),
    ),
    gangs=(
        Gang((four_cpus(2),)),
        Gang((four_cpus(2),), Strategy.STRICT_PACK),
        Gang((Demand(bundle({"CPU": 2}), 2), four_cpus(1)), Strategy.STRICT_SPREAD),
    ),
    constraints=(Demand(bundle({"CPU": 1}), 8), Demand(bundle({"CPU": 4, "GPU": 1}), 2)),
    pending_since=NOW - 3.5,
    session="session_2027-01-15_08-00-00_000000_1",
)
UP = View(
    state=RICH,
    age_seconds=0.25,
    durations={Source.GCS: 0.0004},
    collects={Source.GCS: 42, Source.DASHBOARD: 1, Source.CPU_HEURISTIC: 0},
    errors={Source.GCS: 1, Source.DASHBOARD: 0, Source.CPU_HEURISTIC: 0},
)
PROBLEMS = {
    "gcs": "GCS at localhost:6379: UNAVAILABLE connection refused",
    "dashboard": "dashboard: cluster status is 42 s old, wanted at most 15 s",
    "cpu_heuristic": "dashboard: no node told its CPU within 15 s; the last did 42 s ago",
}
DOWN = View(
    state=None,
    problems=PROBLEMS,
    durations={Source.GCS: 0.001, Source.DASHBOARD: 0.009, Source.CPU_HEURISTIC: 0.01},
    collects=dict.fromkeys(Source, 7),
    errors=dict.fromkeys(Source, 7),
)


def exposition(view: View) -> str:
    """What `/metrics` says about the cluster in `view`, on a host whose CPU is at one eighth."""
    registry = CollectorRegistry()
    registry.register(ClusterCollector(lambda: view, lambda: THRESHOLDS, lambda: 0.125))
    return generate_latest(registry).decode()


def page(view: View) -> str:
    """The landing page."""
    app = application(lambda: view, lambda: THRESHOLDS, lambda: 0.125, lambda: NOW)
    return app.test_client().get("/").get_data(as_text=True)


def golden_files() -> dict[Path, str]:
    """Every golden file of the exporter with what it should hold."""
    return {
        GOLDEN / "exporter.prom": exposition(UP),
        GOLDEN / "exporter_down.prom": exposition(DOWN),
        GOLDEN / "exporter_landing.html": page(UP),
        GOLDEN / "exporter_landing_down.html": page(DOWN),
        GOLDEN / "state.json": json.dumps(to_document(RICH, NOW), indent=2, sort_keys=True) + "\n",
    }
