"""Looks at the workers beside the programs under test: the host's processes or the engine's containers, and Ray."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from exporter.sources.errors import SourceError
from exporter.sources.gcs import GcsSource
from faults.places import ProcessPlace
from faults.record import Sample
from ray_watcher_common.state import NodeStatus
from scaler.providers.engine import Engine
from scaler.providers.worker_container import CLUSTER_LABEL, WORKER_ID_LABEL

if TYPE_CHECKING:
    from faults.environment import Environment

LOOK_SECONDS = 0.4
GCS_SECONDS = 0.5


class Watch:
    """Samples until stopped."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._stop = threading.Event()
        self._samples: list[Sample] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def since(self, at: float) -> tuple[Sample, ...]:
        """What was seen from `at` on."""
        return tuple(sample for sample in list(self._samples) if sample.at >= at)

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        address = self._environment.settings.gcs_address
        with contextlib.closing(GcsSource(address, GCS_SECONDS, self._environment.settings.ray_token)) as gcs:
            while not self._stop.wait(LOOK_SECONDS):
                with contextlib.suppress(Exception):  # a look that fails is none
                    self._samples.append(self._look(gcs))

    def _look(self, gcs: GcsSource) -> Sample:
        busy = in_ray = None
        try:
            nodes = [node for node in gcs.read(time.time()).nodes if node.instance_id]
            busy = frozenset(node.instance_id for node in nodes if node.status is NodeStatus.RUNNING)
            in_ray = frozenset(node.instance_id for node in nodes if node.status is not NodeStatus.DEAD)
        except SourceError:
            pass
        return Sample(time.time(), living(self._environment), busy, in_ray)


def living(environment: Environment) -> frozenset[str]:
    """Workers that run, by the host's or the engine's own account."""
    return containers(environment) if environment.docker else frozenset(ProcessPlace(environment.state_dir).living())


def containers(environment: Environment) -> frozenset[str]:
    """Worker ids of the containers that run."""
    with contextlib.closing(Engine()) as engine:
        found = engine.containers([f"{CLUSTER_LABEL}={environment.settings.cluster}", WORKER_ID_LABEL])
    return frozenset(one.labels[WORKER_ID_LABEL] for one in found if one.state == "running")
