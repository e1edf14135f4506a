"""Ray's own autoscaler v2 on a head of its own: what `ray.cluster_utils.AutoscalingCluster` starts.

That class cannot be used as it is: Ray's wheel lacks the example file that it reads, and its `start` and `shutdown`
call `ray stop --force`, which ends every Ray of the machine. Here is the same `ray start` with the same environment,
provider and settings, but in a session, a directory and on ports of its own. The provider starts each worker as a
raylet from within the autoscaler's process.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.ray_environment import driver, foreign
from ray_watcher.cluster.head import knows_head
from ray_watcher.cluster.process import ray_program
from ray_watcher_common.host.detached import Detached
from ray_watcher_common.host.processes import free_ports
from scaler.providers.local_node import LocalNode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.ray_environment import Driver

WORKER, HEAD = "ray.worker.cpu", "ray.head.default"
PROVIDER = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
LOOP_SECONDS = 1
OBJECT_STORE_BYTES = 100_000_000
READY_SECONDS = 60.0
EMPTY_LISTS = (
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
    "cluster_synced_files",
    "rsync_exclude",
    "rsync_filter",
)
LAUNCHED = re.compile(r"Adding (\d+) node\(s\) of type")


@dataclass(frozen=True)
class AutoscalingHead:
    """A running head with autoscaler."""

    process: Detached
    directory: Path
    gcs_address: str

    @property
    def processes(self) -> list[psutil.Process]:
        """The head's and all workers'."""
        return self.process.members()


@dataclass(frozen=True)
class RayAutoscaler:
    """The same with a driver on it."""

    head: AutoscalingHead
    driver: Driver

    def at_rest(self) -> bool:
        """Whether there is the head alone, in Ray and as processes."""
        return sum(map(_is_raylet, self.head.processes)) == 1 and self.driver.ask("nodes") == "1"

    def launches(self) -> list[int]:
        """How many workers each launch so far asked for."""
        logs = sorted(self.head.directory.glob("session_latest/logs/monitor.log*"))
        return launches("".join(log.read_text(encoding="utf-8", errors="replace") for log in logs))


def _is_raylet(process: psutil.Process) -> bool:
    try:
        return process.name() == "raylet"
    except psutil.NoSuchProcess:
        return False


def launches(log: str) -> list[int]:
    """How many workers each launch in the autoscaler's log asked for."""
    return [int(count) for count in LAUNCHED.findall(log)]


def configuration(gcs_address: str, max_workers: int, idle_seconds: float) -> dict[str, Any]:
    """For workers of one CPU; what it omits is Ray's default."""
    from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID

    return {
        "cluster_name": "fake_multinode",
        "max_workers": max_workers,
        "provider": {
            "type": "external",  # by its name, "fake_multinode", the example file would be wanted
            "module": PROVIDER,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "launch_multiple": True,
            "head_node_id": FAKE_HEAD_NODE_ID,
            "gcs_address": gcs_address,
        },
        "available_node_types": {
            HEAD: {"resources": {"CPU": 1}, "node_config": {}, "max_workers": 0},
            WORKER: {
                "resources": {"CPU": 1, "object_store_memory": OBJECT_STORE_BYTES},
                "node_config": {},
                "min_workers": 0,
                "max_workers": max_workers,
            },
        },
        "head_node_type": HEAD,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": idle_seconds / 60,
        **{name: {} for name in ("auth", "docker", "file_mounts")},
        **{name: [] for name in EMPTY_LISTS},
        "file_mounts_sync_continuously": False,
    }


def environment() -> dict[str, str]:
    """As `AutoscalingCluster` has it for version 2, and a port for its metrics that no other Ray has."""
    from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID

    return {
        **foreign(os.environ),
        "AUTOSCALER_UPDATE_INTERVAL_S": str(LOOP_SECONDS),
        "AUTOSCALER_METRIC_PORT": str(free_ports(1)[0]),
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
    }


@contextlib.contextmanager
def ray_autoscaler(
    max_workers: int, idle_seconds: float, variables: Mapping[str, str] | None = None
) -> Iterator[RayAutoscaler]:
    """A head with one CPU, its autoscaler and a driver; `variables` are in the head's environment."""
    with autoscaling_head(max_workers, idle_seconds, variables) as head, driver(head.gcs_address) as connected:
        yield RayAutoscaler(head, connected)


@contextlib.contextmanager
def autoscaling_head(
    max_workers: int, idle_seconds: float, variables: Mapping[str, str] | None = None
) -> Iterator[AutoscalingHead]:
    """The head alone; it is ended with all that it started."""
    from ray.util import get_node_ip_address

    gcs, dashboard, client = free_ports(3)
    node = LocalNode.allot(avoid=(gcs, dashboard, client))
    address = f"{get_node_ip_address()}:{gcs}"  # the provider joins its workers there
    with tempfile.TemporaryDirectory(prefix="rayscaler") as directory:
        config = Path(directory) / "config.json"
        config.write_text(json.dumps(configuration(address, max_workers, idle_seconds)), encoding="utf-8")
        command = [
            *(ray_program(), "start", "--head", "--block", "--disable-usage-stats", "--num-cpus=1"),
            *(f"--autoscaling-config={config}", f"--object-store-memory={OBJECT_STORE_BYTES}", f"--port={gcs}"),
            *(f"--dashboard-port={dashboard}", f"--ray-client-server-port={client}", *node.flags()),
        ]
        process = Detached(Path(directory) / "head")
        try:
            node.prepare()
            process.start(command, environment() | dict(variables or {}))
            _await_head(process, address)
            yield AutoscalingHead(process, Path(node.temp_dir), address)
        finally:
            process.stop(grace_seconds=0)
            node.release()


def _await_head(process: Detached, address: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not knows_head(address, None):
        if not process.state().running or time.monotonic() > deadline:
            lines = process.lines(tail=15)
            raise OSError("\n".join(["Ray's head with autoscaler did not start; its last lines:", *lines]))
        time.sleep(0.2)
