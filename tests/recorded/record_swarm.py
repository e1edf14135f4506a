"""Record what a real Swarm answers: `PYTHONPATH=tests:. python tests/recorded/record_swarm.py` (two minutes, Linux).

Two hosts, which are engines in containers, run scripts as workers in every state that a worker can be in. The replies
are kept as they are, without certificates and lists of plugins. Recorded with Docker Engine 20.10.24.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaler.model.cluster import LaunchRequest, WorkerType
from scaler.providers.engine import Engine
from scaler.providers.swarm import SwarmProvider
from scaler.providers.worker_container import CLUSTER_LABEL
from support.images import TINY_IMAGE
from support.nested_swarm import NestedSwarm, engine_at, swarm
from support.provider_worlds import EXITS, MISSING_IMAGE, NO_PROGRAM, SLEEPS, STUBBORN
from support.waiting import eventually

if TYPE_CHECKING:
    from scaler.model.cluster import Instance

TARGET = Path(__file__).with_name("swarm.json")
CLUSTER, SMALL_NETWORK = "recorded", "small"
TYPE = WorkerType("default", num_cpus=0, object_store_memory=80_000_000)


class Recorder:
    """Workers of one cluster on a manager, and its replies by the name of the scene."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.scenes = engine, dict[str, dict[str, Any]]()

    def provider(self, script: str = SLEEPS, *, image: str = TINY_IMAGE, network: str | None = None) -> SwarmProvider:
        """The provider with this script instead of Ray."""
        return SwarmProvider(
            self.engine,
            cluster=CLUSTER,
            image=image,
            network=network,
            command=lambda _request: ["/bin/sh", "-c", script],
            stop_grace=4,
            user_id=0,
        )

    def create(self, number: int, provider: SwarmProvider, kind: WorkerType = TYPE) -> None:
        """A worker, whatever becomes of it: `launch` would remove what fails."""
        request = LaunchRequest(f"worker-{number}-00000{number}", number, kind)
        self.engine.create_service(provider._spec(request))  # noqa: SLF001  # see above

    def workers(self) -> dict[int, Instance]:
        """The current workers by their number."""
        return {worker.index: worker for worker in self.provider().list()}

    def record(self, scene: str) -> None:
        """Keep what the manager answers now."""
        labels = [f"{CLUSTER_LABEL}={CLUSTER}"]
        services, tasks = self.engine.services(labels), self.engine.tasks(labels)
        nodes = [_bare(node) for node in self.engine.nodes()]
        self.scenes[scene] = {"now": time.time(), "services": services, "tasks": tasks, "nodes": nodes}

    def clear(self) -> None:
        """Remove all workers."""
        for worker in self.provider().list():
            self.provider().remove(worker.worker_id, 0)


def _bare(node: dict[str, Any]) -> dict[str, Any]:
    description = {key: value for key, value in node["Description"].items() if key not in {"TLSInfo", "Engine"}}
    return {**node, "Description": description}


def ended(recorder: Recorder) -> None:
    """Workers that run, that end, and that never start."""
    recorder.create(1, recorder.provider())
    recorder.create(2, recorder.provider(EXITS))
    recorder.create(3, recorder.provider(NO_PROGRAM))
    recorder.create(4, recorder.provider(image=MISSING_IMAGE))
    recorder.create(5, recorder.provider(), replace(TYPE, num_cpus=500))
    time.sleep(5)
    recorder.record("one of each")


def removed(recorder: Recorder) -> None:
    """A worker whose service is gone while it still stops."""
    recorder.create(6, recorder.provider(STUBBORN))
    eventually(lambda: "running" in str(recorder.workers().get(6)), "it runs")
    time.sleep(1)
    service = recorder.engine.service_named(f"ray-{CLUSTER}-worker-6")
    recorder.engine.remove_service(str(service and service["ID"]))
    time.sleep(1)
    recorder.record("removed, and still stopping")
    recorder.clear()


def crowded(recorder: Recorder) -> None:
    """More workers than their network has addresses."""
    api = recorder.engine._api  # noqa: SLF001  # what no provider does
    api.create_network(SMALL_NETWORK, driver="overlay", ipam={"Config": [{"Subnet": "10.77.0.0/29"}]})
    for number in range(1, 7):
        recorder.create(number, recorder.provider(network=SMALL_NETWORK))
    time.sleep(8)
    recorder.record("more workers than addresses")
    recorder.clear()
    api.remove_network(SMALL_NETWORK)


def lost(recorder: Recorder, hosts: NestedSwarm) -> None:
    """A host that goes away with its worker, and its worker after it was removed."""
    recorder.create(1, recorder.provider())
    recorder.create(2, recorder.provider())
    eventually(lambda: len({worker.host for worker in recorder.workers().values()} - {None}) == 2, "both run")
    time.sleep(1)
    hosts.pause(hosts.hosts[1])
    eventually(lambda: "lost" in str(recorder.workers()), "its host is down")
    recorder.record("a host is down")
    gone = next(worker for worker in recorder.workers().values() if worker.host == hosts.hosts[1])
    recorder.provider().remove(gone.worker_id, 0)
    recorder.record("a lost worker was removed")
    hosts.resume(hosts.hosts[1])


def main() -> None:
    """Record all scenes."""
    with (
        contextlib.closing(Engine()) as outer,
        swarm(outer, hosts=2, name="host") as hosts,
        engine_at(hosts.manager) as manager,
    ):
        recorder = Recorder(manager)
        ended(recorder)
        removed(recorder)
        crowded(recorder)
        lost(recorder, hosts)
    TARGET.write_text(json.dumps(recorder.scenes, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
