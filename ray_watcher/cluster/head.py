"""Common to all Ray heads: arguments of `ray start`, free ports, and the wait until it answers."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ray_watcher.errors import PortTakenError, TimedOutError, WatcherError
from ray_watcher.fetch import answers
from ray_watcher.ports import holder as port_holder
from ray_watcher_common.host import processes
from ray_watcher_common.ray_auth import RayToken
from scaler.providers import ray_start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ray_watcher.cluster.base import HeadOptions

HOST = "127.0.0.1"
READY_TIMEOUT_SECONDS = 60.0  # a head needs 2.6 s on two idle cores
POLL_SECONDS = 0.1
GCS_DEADLINE_SECONDS = 2.0
ENVIRONMENT = {
    # By default a node drains for up to 30 s on SIGTERM; without a head the cluster ends, so there is nothing to drain.
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    # How often the head asks its nodes for pending requests; Ray's default of 1000 is most of the delay of an alert.
    "RAY_gcs_pull_resource_loads_period_milliseconds": "100",
}
PORT_OPTIONS = {  # the setting for each port
    "GCS": "RAY_GCS_ADDRESS",
    "dashboard": "RAY_DASHBOARD_METRIC_API",
    "client": "RAY_HEAD_ADDRESS",
    "Serve": "WATCHER_SERVE_PORT",
}


def arguments(options: HeadOptions) -> list[str]:
    """Arguments of `ray` for a head, without its ports."""
    amounts = ray_start.amounts(options.num_cpus, options.num_gpus, options.memory, options.object_store_memory)
    return ["start", "--head", *ray_start.JOIN_FLAGS, "--include-dashboard=true", *amounts]


def dashboard_url(port: int, host: str = HOST) -> str:
    """The dashboard as seen from this machine, without path."""
    return f"http://{host}:{port}"


def ports(options: HeadOptions) -> dict[str, int]:
    """The head's ports on this machine, by service."""
    answering = {"GCS": options.gcs_port, "dashboard": options.dashboard_port, "client": options.client_port}
    return answering | ({"Serve": options.serve_port} if options.serve_port else {})


def require_free_ports(options: HeadOptions) -> None:
    """Raises `PortTakenError` with the port, its holder and the setting to change."""
    for name, port in ports(options).items():
        if holder := port_holder(HOST, port):
            raise PortTakenError(
                f"Ray's {name} port {port} is held by {holder}; stop it, or set {PORT_OPTIONS[name]} to another port"
            )


def knows_head(gcs_address: str, token: str | None) -> bool:
    """Whether the head's own node has joined: workers that join earlier fail."""
    from exporter.sources.errors import SourceError
    from exporter.sources.gcs import GcsSource

    with contextlib.closing(GcsSource(gcs_address, GCS_DEADLINE_SECONDS, RayToken(token))) as source:
        try:
            return any(node.is_head for node in source.read(time.time()).alive)
        except SourceError:
            return False


@dataclass(frozen=True)
class Watched:
    """A starting head, as observed by its starter."""

    alive: Callable[[], bool]
    last_lines: Callable[[], Sequence[str]]
    knows_head: Callable[[str, str | None], bool] = knows_head
    token: str | None = field(default=None, repr=False)


def await_ready(options: HeadOptions, head: Watched, timeout_seconds: float) -> None:
    """Wait until GCS, dashboard and client port answer and the head's node has joined.

    Raises `WatcherError` as soon as the head has ended, `TimedOutError` after `timeout_seconds`; both with its last
    lines.
    """
    deadline = time.monotonic() + timeout_seconds
    while missing := _missing(options, head):
        if not head.alive():
            raise WatcherError("\n".join(["the Ray head ended during its start; last lines:", *head.last_lines()]))
        if time.monotonic() > deadline:
            message = f"the Ray head's {missing} did not answer within {timeout_seconds:g} s; last lines:"
            raise TimedOutError("\n".join([message, *head.last_lines()]))
        time.sleep(POLL_SECONDS)


def _missing(options: HeadOptions, head: Watched) -> str:
    if not processes.accepts(HOST, options.gcs_port):
        return "GCS"
    if not answers(f"{dashboard_url(options.dashboard_port)}/api/gcs_healthz"):
        return "dashboard"
    if not processes.accepts(HOST, options.client_port):
        return "client port"
    return "" if head.knows_head(f"{HOST}:{options.gcs_port}", head.token) else "own node"
