"""A view of the cluster as metric families. Pure.

`samples` gives the values, `families` puts them under the names of the catalog and accepts no other names. Without a
state there are no demand, resource or node series: absence is not zero.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from exporter.metrics import shapes
from exporter.metrics.catalog import CATALOG
from exporter.sources.chain import Source
from ray_watcher_common.shown import shown
from ray_watcher_common.state import NodeStatus, in_placement_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from exporter.metrics.catalog import Family
    from exporter.snapshots import View
    from ray_watcher_common.state import ClusterState, Node

HEAD_TYPE = "head"  # the worker_type of Ray's head node, which has none of its own
CPU = "CPU"


@dataclass(frozen=True)
class Thresholds:
    """What the alert rules compare with."""

    pending: int
    cpu_ratio: float
    idle_seconds: float


class Sample(NamedTuple):
    """One value of a family; `labels` in the order of its catalog entry."""

    family: str
    value: float
    labels: tuple[str, ...] = ()


def families(view: View, thresholds: Thresholds, host_cpu_ratio: float | None) -> Iterator[Metric]:
    """Every family of the catalog that has a sample, in the catalog's order."""
    by_family: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples(view, thresholds, host_cpu_ratio):
        by_family[sample.family].append(sample)
    for family in CATALOG:
        if found := by_family.pop(family.name, None):
            yield _metric(family, found)
    if by_family:
        raise LookupError(f"samples that CATALOG does not know: {sorted(by_family)}")


def _metric(family: Family, found: list[Sample]) -> Metric:
    kind = CounterMetricFamily if family.name.endswith("_total") else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    by_labels: dict[tuple[str, ...], float] = {}  # as shown, two may be the same, and a series has one value
    for sample in found:
        by_labels.setdefault(tuple(map(shown, sample.labels)), sample.value)
    for labels, value in by_labels.items():
        metric.add_metric(labels, value)
    return metric


def samples(view: View, thresholds: Thresholds, host_cpu_ratio: float | None) -> Iterator[Sample]:
    """All figures of one scrape."""
    yield from _about_reading(view)
    yield Sample("raycluster_pending_threshold", thresholds.pending)
    yield Sample("raycluster_cpu_utilization_threshold_ratio", thresholds.cpu_ratio)
    yield Sample("raycluster_worker_idle_threshold_seconds", thresholds.idle_seconds)
    reported = _mean_host_cpu(view.state) if view.state else None
    physical = host_cpu_ratio if reported is None else reported
    if physical is not None:
        yield Sample("raycluster_host_cpu_utilization_ratio", physical)
    if view.state:
        yield Sample("raycluster_snapshot_age_seconds", view.age_seconds)
        yield from _demand(view.state)
        yield from _resources(view.state)
        yield from _nodes(view.state)


def _about_reading(view: View) -> Iterator[Sample]:
    answering = view.state.source if view.state else ""
    yield Sample("raycluster_up", view.state is not None)
    yield Sample("raycluster_demand_known", view.state is not None and view.state.demand_known)
    for source in Source:
        label = (source.value,)
        yield Sample("raycluster_source", source.value == answering, label)
        yield Sample("raycluster_collects_total", view.collects[source], label)
        yield Sample("raycluster_collect_errors_total", view.errors[source], label)
    for source, seconds in view.durations.items():
        yield Sample("raycluster_collect_duration_seconds", seconds, (source.value,))


def _mean_host_cpu(state: ClusterState) -> float | None:
    ratios = [node.host_cpu_ratio for node in state.alive if node.host_cpu_ratio is not None]
    reported = state.source == Source.CPU_HEURISTIC.value and ratios
    return sum(ratios) / len(ratios) if reported else None


def _demand(state: ClusterState) -> Iterator[Sample]:
    if not state.demand_known:
        return
    yield Sample("raycluster_pending_tasks", state.pending)
    for (kind, shape), count in shapes.pending(state).items():
        yield Sample("raycluster_pending_demand", count, (kind, shape))
    for shape, count in shapes.infeasible(state).items():
        yield Sample("raycluster_infeasible_demand", count, (shape,))
    for name, amount in shapes.together(state.constraints):
        yield Sample("raycluster_requested_resources", amount, (name,))


def _resources(state: ClusterState) -> Iterator[Sample]:
    capacity, used = _sums(state)
    for name in sorted(capacity):
        yield Sample("raycluster_resource_capacity", capacity[name], (name,))
        yield Sample("raycluster_resource_used", used[name], (name,))
        if capacity[name]:
            yield Sample("raycluster_resource_utilization_ratio", used[name] / capacity[name], (name,))
    if capacity.get(CPU):
        yield Sample("raycluster_cpu_utilization_ratio", used[CPU] / capacity[CPU])


def _sums(state: ClusterState) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Capacity and use by resource; Ray's markers of a node's address and shares of placement groups are neither."""
    capacity: dict[str, float] = defaultdict(float)
    used: dict[str, float] = defaultdict(float)
    for node in state.alive:
        for name, amount in node.total.items():
            if not name.startswith("node:") and not in_placement_group(name):
                capacity[name] += amount
                used[name] += node.used(name)
    return capacity, used


def _nodes(state: ClusterState) -> Iterator[Sample]:
    counts = Counter((node.status, worker_type(node)) for node in state.nodes)
    for kind in sorted({kind for _, kind in counts}):
        for status in NodeStatus:
            yield Sample("raycluster_nodes", counts[status, kind], (status.value, kind))
    for node in state.alive:
        if node.total.get(CPU):
            ratio = node.used(CPU) / node.total[CPU]
            worker = "" if node.is_head else node.instance_id
            labels = (node.node_id, worker, worker_type(node))
            yield Sample("raycluster_node_cpu_utilization_ratio", ratio, labels)
    for (worker, kind), seconds in _idle(state).items():
        yield Sample("raycluster_worker_idle_seconds", seconds, (worker, kind))


def _idle(state: ClusterState) -> Mapping[tuple[str, str], float]:
    """Idle seconds by worker. If Ray still lists a worker's lost node next to its new one, the busier one counts."""
    idle: dict[tuple[str, str], float] = {}
    for node in state.alive:
        if node.instance_id and not node.is_head:
            key = node.instance_id, worker_type(node)
            idle[key] = min(node.idle_seconds if node.is_idle else 0.0, idle.get(key, float("inf")))
    return idle


def worker_type(node: Node) -> str:
    """Ray's node type; `head` for the head; "" for a node that was given none."""
    return HEAD_TYPE if node.is_head else node.worker_type
