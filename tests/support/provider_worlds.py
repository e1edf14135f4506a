"""Where the contract suite runs: for each kind of provider, how to make one whose workers are shell scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ray_watcher_common.host import processes
from ray_watcher_common.host.detached import MARKER
from scaler.model.cluster import LaunchRequest, WorkerType
from scaler.model.errors import LaunchFailedError
from scaler.providers.docker import DockerProvider
from scaler.providers.engine import wait_until
from scaler.providers.process import ProcessProvider
from scaler.providers.swarm import SwarmProvider
from scaler.providers.worker_container import CLUSTER_LABEL, WORKER_ID_LABEL
from support.fake_provider import FakeEngine, FakeProvider
from support.own import own_name

if TYPE_CHECKING:
    from pathlib import Path

    from scaler.model.ports import WorkerProvider
    from scaler.providers.container import Container
    from scaler.providers.engine import Engine
    from support.nested_swarm import NestedSwarm

SLEEPS = "echo one; echo two; exec sleep 300"
EXITS = "echo last words; exit 3"
STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.2; done"
FORGETS_SECONDS = 10.0
WAITS = 'echo waiting; until [ -e "$RAY_WATCHER_JOIN_FILE" ]; do sleep 0.05; done; echo told; exec sleep 300'
MISSING_IMAGE = "ray-watcher/missing:test"
NO_PROGRAM = "/no/such/program"
TYPE = WorkerType("default", num_cpus=1, object_store_memory=80_000_000)


def request(index: int = 1, suffix: str = "abc123") -> LaunchRequest:
    """A worker of the default type."""
    return LaunchRequest(f"worker-{index}-{suffix}", index, TYPE)


class World(Protocol):
    """A place for workers. Two clusters of one world share its host."""

    def provider(self, script: str = SLEEPS, cluster: str = "one") -> WorkerProvider:
        """A provider whose workers run `script`; each call makes a new one, as after a restart."""

    def leftovers(self, worker_id: str) -> list[str]:
        """What is still there of a worker, by the host's own account."""


class FakeWorld:
    """In memory."""

    def __init__(self) -> None:
        self.engine = FakeEngine()

    def provider(self, script: str = SLEEPS, cluster: str = "one") -> FakeProvider:
        """The fake, set up to show what the script would do."""
        fake = FakeProvider(cluster=cluster, engine=self.engine, output=("one", "two"))
        if script == EXITS:
            fake.output, fake.exit_code = ("last words",), 3
        if script == NO_PROGRAM:
            fake.launch_error = LaunchFailedError("no such program")
        return fake

    def leftovers(self, worker_id: str) -> list[str]:
        """Workers of any cluster with this id."""
        return [found for _, found in self.engine.workers if found == worker_id]


class ProcessWorld:
    """Local processes below `state_dir`."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir

    def provider(self, script: str = SLEEPS, cluster: str = "one") -> ProcessProvider:
        """The process provider with a script instead of Ray."""
        command = [script] if script == NO_PROGRAM else ["/bin/sh", "-c", script]
        return ProcessProvider(state_dir=self.state_dir, cluster=cluster, command=lambda _request, _node: command)

    def leftovers(self, worker_id: str) -> list[str]:
        """Its directory, and processes with its marker."""
        directory = self.state_dir.resolve() / "workers" / worker_id
        left = [str(process.pid) for process in processes.marked(MARKER, str(directory))]
        return left + [str(path) for path in (directory,) if path.exists()]

    def close(self) -> None:
        """Stop what a failed test left."""
        for record in (self.state_dir / "workers").glob("*/record.json"):
            for cluster in ("one", "two"):
                self.provider(cluster=cluster).remove(record.parent.name, 0)


class DockerWorld:
    """Containers of a tiny image; cluster names are made unique, since all tests share one engine."""

    def __init__(self, engine: Engine, image: str, network: str) -> None:
        self.engine, self.image, self.network = engine, image, network
        self._own = {name: own_name(name) for name in ("one", "two")}

    def cluster(self, name: str) -> str:
        """The name on the engine."""
        return self._own[name]

    def provider(self, script: str = SLEEPS, cluster: str = "one") -> DockerProvider:
        """The Docker provider with a script instead of Ray.

        A missing program is a container that ends with exit code 127, since `--init` starts it; what fails
        to launch is a missing image.
        """
        return DockerProvider(
            self.engine,
            cluster=self.cluster(cluster),
            image=MISSING_IMAGE if script == NO_PROGRAM else self.image,
            network=self.network,
            command=lambda _request: ["/bin/sh", "-c", script],
            stop_grace=1,
        )

    def leftovers(self, worker_id: str) -> list[str]:
        """Containers of this world with the id."""
        return [found.name for found in self._all() if worker_id in found.labels.values()]

    def close(self) -> None:
        """Remove what a failed test left."""
        for container in self._all():
            self.engine.remove(container.id, 0)

    def _all(self) -> list[Container]:
        return [found for name in self._own.values() for found in self.engine.containers([f"{CLUSTER_LABEL}={name}"])]


class SwarmWorld:
    """Services of a tiny image on the hosts of a Swarm; without a network of their own they stop two seconds sooner."""

    def __init__(self, engine: Engine, hosts: NestedSwarm, image: str) -> None:
        self.engine, self.hosts, self.image = engine, hosts, image
        self._own = {name: own_name(name) for name in ("one", "two")}

    def cluster(self, name: str) -> str:
        """The name on the Swarm."""
        return self._own[name]

    def provider(self, script: str = SLEEPS, cluster: str = "one") -> SwarmProvider:
        """The Swarm provider with a script instead of Ray; what fails to launch is a missing image."""
        return SwarmProvider(
            self.engine,
            cluster=self.cluster(cluster),
            image=MISSING_IMAGE if script == NO_PROGRAM else self.image,
            network=None,
            command=lambda _request: ["/bin/sh", "-c", script],
            stop_grace=1,
            user_id=0,
        )

    def leftovers(self, worker_id: str) -> list[str]:
        """Services of this world with the id, and tasks, which a Swarm forgets a moment after they have ended."""
        labels = [f"{WORKER_ID_LABEL}={worker_id}"]
        services = [found["Spec"]["Name"] for found in self.engine.services(labels)]
        wait_until(lambda: not self.engine.tasks(labels), FORGETS_SECONDS)
        return services + [found["ID"] for found in self.engine.tasks(labels)]

    def close(self) -> None:
        """Remove what a failed test left."""
        for cluster in self._own:
            for worker in self.provider(cluster=cluster).list():
                self.provider(cluster=cluster).remove(worker.worker_id, 0)
