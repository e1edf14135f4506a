"""How a worker's `ray start` says what it brings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scaler.model.cluster import LaunchRequest, WorkerType
from scaler.providers import ray_start
from scaler.providers.container import Container, ContainerSpec, from_listing
from scaler.providers.docker import DockerProvider
from scaler.providers.engine import Engine
from scaler.providers.local_node import LocalNode
from scaler.providers.process import ray_command
from scaler.providers.ray_start import PORT_FLAGS
from scaler.providers.worker_container import RAY_ITSELF, SHM_MARGIN, container_name, memory_limit, shm_bytes
from support.check_config_golden import default_settings

if TYPE_CHECKING:
    from collections.abc import Iterable


def request(worker_type: WorkerType) -> LaunchRequest:
    return LaunchRequest("worker-1-abc123", 1, worker_type)


@pytest.mark.parametrize(
    ("worker_type", "flags"),
    [
        pytest.param(WorkerType("t"), ["--num-cpus=1", "--num-gpus=0"], id="what nobody set is Ray's choice"),
        pytest.param(WorkerType("t", num_cpus=0), ["--num-cpus=0", "--num-gpus=0"], id="no CPU is said, not left out"),
        pytest.param(
            WorkerType("t", num_cpus=4, num_gpus=2, memory=5, object_store_memory=7),
            ["--num-cpus=4", "--num-gpus=2", "--memory=5", "--object-store-memory=7"],
            id="everything",
        ),
        pytest.param(
            WorkerType("t", custom_resources=(("slots", 2.0), ("tpu", 4.0))),
            ["--num-cpus=1", "--num-gpus=0", '--resources={"slots": 2, "tpu": 4}'],
            id="custom resources, in whole amounts",
        ),
        pytest.param(
            WorkerType("t", labels=(("example.com/disk", "ssd"), ("empty", ""), ("zone", "a"))),
            ["--num-cpus=1", "--num-gpus=0", "--labels=example.com/disk=ssd,empty=,zone=a"],
            id="labels",
        ),
    ],
)
def test_a_worker_brings_what_its_type_says(worker_type: WorkerType, flags: list[str]) -> None:
    expected = ["start", "--address=head:6379", "--block", "--disable-usage-stats", *flags]
    assert ray_start.arguments(request(worker_type), "head:6379") == expected


def test_ray_reads_custom_resources_and_labels_as_they_were_meant() -> None:
    """By Ray's own readers of these two flags (ray.scripts.scripts.start calls them)."""
    label_utils = pytest.importorskip("ray._private.label_utils")
    kind = WorkerType("t", custom_resources=(("tpu", 4.0),), labels=(("example.com/disk", "ssd"), ("empty", "")))
    flags = dict(flag.split("=", 1) for flag in ray_start.arguments(request(kind), "h:1") if "=" in flag)

    assert json.loads(flags["--resources"]) == {"tpu": 4}
    assert label_utils.parse_node_labels_string(flags["--labels"]) == dict(kind.labels)


def test_a_worker_is_known_to_ray_by_id_and_type() -> None:
    said = ray_start.environment(request(WorkerType("big")))
    assert said == {"RAY_CLOUD_INSTANCE_ID": "worker-1-abc123", "RAY_NODE_TYPE_NAME": "big"}


def test_a_local_node_inherits_neither_our_settings_nor_a_drivers() -> None:
    environ = {"PATH": "/bin", "RAY_AUTH_MODE": "token", "WATCHER_TOKEN": "secret", "RAY_ADDRESS": "elsewhere:6379"}
    assert set(ray_start.inherited({**environ, "RAY_AUTH_TOKEN_PATH": "/gone"})) == {"PATH", "RAY_AUTH_MODE"}


def test_a_local_node_finds_the_cluster_s_python_first() -> None:
    assert ray_start.inherited({"PATH": "/bin"})["PATH"] == f"{Path(sys.executable).parent}:/bin"


@pytest.mark.parametrize(("address", "local"), [("127.0.0.1:6379", True), ("10.0.0.7:6379", False)])
def test_a_local_worker_says_loopback_only_where_the_head_is_there(address: str, *, local: bool) -> None:
    node = LocalNode((1, 2, 3, 4), "/tmp/ray-x")  # noqa: S108  # nothing is written
    command = ray_command(address)(request(WorkerType("t")), node)
    assert ("--node-ip-address=127.0.0.1" in command) is local
    assert [f"{flag}={port}" for flag, port in zip(PORT_FLAGS, node.ports, strict=True)] == [
        argument for argument in command if argument.startswith(PORT_FLAGS)
    ]


class RecordingEngine(Engine):
    """Keeps what it was to run, and lists it as running."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[ContainerSpec] = []

    capacity = (4, 8_000_000_000)  # the host's, without asking an engine

    def containers(self, labels: Iterable[str]) -> list[Container]:
        del labels
        return [Container("id", spec.name, spec.image, spec.labels, "running", "Up", 0.0, None) for spec in self.ran]

    def run(self, spec: ContainerSpec) -> None:
        self.ran.append(spec)


@pytest.mark.parametrize(("image", "used"), [(None, "ray:1"), ("my/ray:2", "my/ray:2")], ids=["everyone's", "its own"])
def test_a_container_has_its_types_image_resources_and_labels(image: str | None, used: str, tmp_path: Path) -> None:
    engine = RecordingEngine()
    settings = default_settings(image="ray:1", provider="docker", state_dir=tmp_path)
    kind = WorkerType("t", custom_resources=(("tpu", 4.0),), labels=(("zone", "a"),), image=image)

    DockerProvider.from_settings(settings, engine).launch(request(kind))

    [spec] = engine.ran
    assert spec.image == used
    assert {'--resources={"tpu": 4}', "--labels=zone=a"} <= set(spec.command)


def test_a_process_has_its_types_resources_and_labels() -> None:
    kind = WorkerType("t", custom_resources=(("tpu", 4.0),), labels=(("zone", "a"),))
    command = ray_command("127.0.0.1:6379")(request(kind), LocalNode((1, 2, 3, 4), "/tmp/ray-x"))  # noqa: S108  # nothing is written
    assert {'--resources={"tpu": 4}', "--labels=zone=a"} <= set(command)


@pytest.mark.parametrize(
    ("cluster", "role", "name"),
    [("default", "worker-3", "ray-worker-3"), ("default", "head", "ray-head"), ("blue", "head", "ray-blue-head")],
)
def test_only_other_clusters_than_the_default_have_their_name_in_containers(cluster: str, role: str, name: str) -> None:
    assert container_name(cluster, role) == name


def test_shared_memory_is_larger_than_the_object_store() -> None:
    assert shm_bytes(1_000_000_000, host_memory=8_000_000_000) == 1_000_000_000 + SHM_MARGIN


def test_shared_memory_follows_the_host_where_ray_decides() -> None:
    assert shm_bytes(None, host_memory=1_000) == 350


def test_memory_is_limited_only_where_it_is_set_and_leaves_room_for_objects_and_ray() -> None:
    assert memory_limit(WorkerType("t"), shm_size=10) is None
    assert memory_limit(WorkerType("t", memory=100), shm_size=10) == 110 + RAY_ITSELF


@pytest.mark.parametrize(
    ("state", "status", "age", "running", "exit_code"),
    [
        pytest.param("running", "Up 3 seconds", 3, True, None, id="up"),
        pytest.param("paused", "Up 3 seconds (Paused)", 3, True, None, id="paused is not gone"),
        pytest.param("created", "Created", 1, True, None, id="just created: on its way up"),
        pytest.param("created", "Created", 60, False, None, id="created long ago: whoever did died"),
        pytest.param("exited", "Exited (137) 4 seconds ago", 9, False, 137, id="ended"),
        pytest.param("removing", "Removal In Progress", 9, False, None, id="on its way out"),
    ],
)
def test_a_listed_container_is_up_or_not(  # one row, one container
    state: str, status: str, age: float, *, running: bool, exit_code: int | None
) -> None:
    entry = {"Id": "f" * 64, "Names": ["/ray-worker-1"], "Image": "i", "Labels": None, "State": state}
    container = from_listing({**entry, "Status": status, "Created": 1_000})
    assert (container.name, container.labels, container.exit_code) == ("ray-worker-1", {}, exit_code)
    assert container.running(now=1_000 + age) is running
