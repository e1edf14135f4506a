"""The Ray cluster as tables for people and as a document for scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ray_watcher.output import terminal
from ray_watcher_common.state import shape_text

if TYPE_CHECKING:
    from ray_watcher.cluster.base import HeadStatus
    from ray_watcher.operations.inventory import Inventory
    from ray_watcher_common.state import ClusterState, Node
    from scaler.model.workers import Worker

STATUS_VERSION = 1


def totals(state: ClusterState) -> dict[str, dict[str, float]]:
    """Used and total amount of each resource on living nodes, without Ray's markers (`node:...`)."""
    names = {name for node in state.alive for name in node.total if not name.startswith("node:")}
    return {
        name: {
            "used": sum(node.used(name) for node in state.alive),
            "total": sum(node.total.get(name, 0.0) for node in state.alive),
        }
        for name in sorted(names)
    }


def demand(state: ClusterState) -> list[dict[str, Any]]:
    """Pending requests by kind and shape."""
    tasks = [{"kind": "task", "shape": shape_text(d.shape), "count": d.count} for d in state.demands]
    gangs = [
        {"kind": "gang", "shape": shape_text(b.shape), "count": b.count} for gang in state.gangs for b in gang.bundles
    ]
    return tasks + gangs


def cluster_document(cluster: str, seen: Inventory) -> dict[str, Any]:
    """What `status-ray --json` prints."""
    state = seen.state
    return {
        "version": STATUS_VERSION,
        "cluster": cluster,
        "provider": seen.provider,
        "head": _head_document(seen.head) if seen.head else None,
        "problem": seen.problem or None,
        "workers": [_worker_document(seen, worker) for worker in seen.workers],
        "resources": totals(state) if state else None,
        "pending": state.pending if state else None,
        "demand": demand(state) if state else None,
    }


def _head_document(head: HeadStatus) -> dict[str, Any]:
    return {name: value for name, value in asdict(head).items() if name != "token"}


def show_cluster(cluster: str, seen: Inventory, now: float) -> None:
    """Print it for people at `now` (unix seconds)."""
    head = seen.head
    terminal.facts(
        [
            ("cluster", f"{cluster} ({seen.provider})"),
            (
                "head",
                f"{'running' if head.running else 'down'} ({head.detail}) at {head.gcs_address}" if head else "none",
            ),
            ("dashboard", head.dashboard_url if head else "none"),
            ("workers", str(len(seen.workers))),
        ]
    )
    if seen.problem:
        terminal.warn(seen.problem)
    if seen.workers:
        terminal.heading("Workers")
        terminal.table(
            ["worker", "state", "CPU", "GPU", "idle", "up", "detail"], [_row(seen, w, now) for w in seen.workers]
        )
    if seen.state:
        _show_resources(seen.state)
        _show_demand(seen.state)


def _show_resources(state: ClusterState) -> None:
    terminal.heading("Resources")
    rows = [
        [name, terminal.amount(amounts["used"], name), terminal.amount(amounts["total"], name)]
        for name, amounts in totals(state).items()
    ]
    terminal.table(["resource", "used", "total"], rows)


def _show_demand(state: ClusterState) -> None:
    if pending := demand(state):
        terminal.heading(f"Pending requests: {state.pending}")
        terminal.table(["kind", "shape", "count"], [[d["kind"], d["shape"], str(d["count"])] for d in pending])
    else:
        terminal.heading("No pending requests")


def _row(seen: Inventory, worker: Worker, now: float) -> list[str]:
    node = seen.node(worker)
    return [
        worker.worker_id,
        worker.state.value,
        _used(node, "CPU"),
        _used(node, "GPU"),
        terminal.duration(node.idle_seconds) if node and node.idle_seconds else "-",
        terminal.duration(max(0.0, now - worker.created_at)),
        worker.detail,
    ]


def _used(node: Node | None, resource: str) -> str:
    return f"{node.used(resource):g}/{node.total.get(resource, 0.0):g}" if node else "-"


def _worker_document(seen: Inventory, worker: Worker) -> dict[str, Any]:
    node = seen.node(worker)
    return {
        "worker_id": worker.worker_id,
        "index": worker.index,
        "worker_type": worker.worker_type,
        "state": worker.state.value,
        "created_at": worker.created_at,
        "detail": worker.detail,
        "node_id": node.node_id if node else None,
        "idle_seconds": node.idle_seconds if node else None,
        "total": dict(node.total) if node else None,
        "available": dict(node.available) if node else None,
    }
