"""The second source: Ray's dashboard, over HTTP.

`/api/cluster_status` repeats what Ray's monitor process wrote last, with HTTP 200 even if that process has died, so
its `time` decides. The identity of the nodes (worker id, type, dead or alive) is in `/nodes?view=summary`; without it
no worker would count as joined, so this source needs both. It lags by about 6 s and does not report idle times: idle
seconds are 0, so that nothing is removed because of them.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from exporter.sources.camel import Names
from exporter.sources.chain import Source
from exporter.sources.dashboard_nodes import known_nodes
from exporter.sources.errors import SourceBrokenError, SourceStaleError, SourceUnavailableError
from ray_watcher_common.ray_auth import NO_TOKEN, RayToken
from ray_watcher_common.state import ClusterState, Demand, Gang, Strategy, bundle, merged, placement_groups
from ray_watcher_common.urls import shown_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

    from ray_watcher_common.state import Node

TIMEOUTS = (1.0, 2.0)  # a healthy dashboard needs 8 ms
ANSWER_SECONDS, LARGEST_ANSWER_BYTES = 3.0, 64 * 1024 * 1024  # for an answer that drips, or never ends
CHUNK_BYTES = 64 * 1024
STRATEGIES = {"STRICT_PACK": Strategy.STRICT_PACK, "STRICT_SPREAD": Strategy.STRICT_SPREAD}
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError)


class Dashboard:
    """Ray's dashboard; `api` is its API's base URL, such as `http://localhost:8265/api`."""

    def __init__(self, api: str, token: RayToken = NO_TOKEN) -> None:
        self._token = token
        self._api = api.rstrip("/")

    @cached_property
    def _session(self) -> requests.Session:
        """Made when the GCS fails for the first time: until then `requests` needs no memory."""
        from ray_watcher_common.web.client import session

        return session(TIMEOUTS)

    def cluster_status(self) -> dict[str, Any]:
        """The last status that Ray's monitor wrote. Raises `SourceError`s."""
        return self._data(f"{self._api}/cluster_status")

    def nodes(self) -> dict[str, Any]:
        """The nodes, past the dashboard's own cache. Raises `SourceError`s."""
        return self._data(f"{self._api.removesuffix('/api')}/nodes?view=summary&nocache=1")

    def _data(self, url: str) -> dict[str, Any]:
        import requests

        from ray_watcher_common.web.client import why

        at = shown_url(url)
        try:
            with self._session.get(url, stream=True, headers=self._token.headers()) as answer:
                answer.raise_for_status()
                data: dict[str, Any] = json.loads(_body(answer))["data"]
        except json.JSONDecodeError as error:
            raise SourceBrokenError(f"dashboard: {at}: not JSON") from error
        except requests.RequestException as error:
            raise SourceUnavailableError(f"dashboard: {at}: {why(error)}") from error
        except UNREADABLE as error:
            raise SourceBrokenError(f"dashboard: {at}: an answer without `data`") from error
        return data

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _body(answer: requests.Response) -> bytes:
    """All of it within a deadline: the library's own timeout counts between bytes only."""
    import requests

    deadline, body = time.monotonic() + ANSWER_SECONDS, bytearray()
    for chunk in answer.iter_content(CHUNK_BYTES):
        body += chunk
        if time.monotonic() > deadline or len(body) > LARGEST_ANSWER_BYTES:
            raise requests.Timeout(f"no end of the answer after {len(body)} bytes")
    return bytes(body)


class DashboardSource:
    """Demand and nodes from the dashboard; refused if older than `stale_after` seconds."""

    source = Source.DASHBOARD

    def __init__(self, dashboard: Dashboard, stale_after: float) -> None:
        self._dashboard = dashboard
        self._stale_after = stale_after

    def read(self, now: float) -> ClusterState:
        """The state that the dashboard reports. Raises `SourceError`s."""
        status = fresh_status(self._dashboard.cluster_status(), now, self._stale_after)
        return parse(status, self._dashboard.nodes())


def fresh_status(data: Mapping[str, Any], now: float, stale_after: float) -> Mapping[str, Any]:
    """`clusterStatus` of a reply, if Ray's monitor wrote it within `stale_after` seconds. Raises `SourceError`s."""
    try:
        status: Mapping[str, Any] | None = data["clusterStatus"]
        age = now - float(status["time"]) if status else None
    except UNREADABLE as error:
        raise SourceBrokenError(f"dashboard: /cluster_status is not as Ray writes it: {error!r}") from error
    if status is None or age is None:
        raise SourceUnavailableError("dashboard: no cluster status yet")
    if age > stale_after:
        raise SourceStaleError(f"dashboard: cluster status is {age:.0f} s old, wanted at most {stale_after:g} s")
    return status


def parse(status: Mapping[str, Any], nodes: Mapping[str, Any]) -> ClusterState:
    """`clusterStatus` and the data of `/nodes` as one state. Raises `SourceError`s."""
    try:
        report = status["loadMetricsReport"]
        names = Names(name for resources, _ in report["nodeTypes"] for name in resources)
        return ClusterState(
            source=Source.DASHBOARD.value,
            observed_at=float(status["time"]),
            nodes=tuple(_with_usage(node, report["usageByNode"], names) for node in known_nodes(nodes, names)),
            demands=merged(_demands(report["resourceDemand"])),
            gangs=tuple(_gangs(report["pgDemand"])),
            constraints=merged(_demands(report["requestDemand"])),
        )
    except UNREADABLE as error:
        raise SourceBrokenError(f"dashboard: cluster status is not as Ray writes it: {error!r}") from error


def _with_usage(node: Node, usage_by_node: Mapping[str, Any], names: Names) -> Node:
    """A node with its free resources; one that has just joined has no usage yet, and is all free."""
    usage = usage_by_node.get(node.node_id)
    if usage is None or not node.alive:
        return replace(node, available=node.total)
    total = {names.original(name): float(total) for name, (_, total) in usage.items()}
    return replace(
        node,
        total=total,
        groups=placement_groups(total),
        available={names.original(name): float(total) - float(used) for name, (used, total) in usage.items()},
    )


def _demands(pairs: list[Any]) -> Iterator[Demand]:
    for resources, count in pairs:
        yield Demand(bundle(resources), int(count))


def _gangs(pairs: list[Any]) -> Iterator[Gang]:
    for group, count in pairs:
        gang = Gang(tuple(_demands(group["bundles"])), STRATEGIES.get(group["strategy"], Strategy.ANY))
        yield from [gang] * int(count)
