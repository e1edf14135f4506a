"""From `f.remote()` on a full cluster until it runs on a new worker: the product and Ray's own autoscaler.

Ours is what `start-ray` and `start-watcher` bring up, by processes and by containers; Ray's is autoscaler v2 with its
in-process provider and a loop of one second; below Docker stands the floor, `docker run` at the moment of the demand.
A driver on each cluster submits a task of one CPU that reports when its first line runs: one clock.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.command import run
from benchmarks.demand_report import DOCKER, FAST, FLOOR, OURS, PLAIN, RAY, WARM, Burst, Found, report
from benchmarks.demand_trials import await_rest, progress, run_trial, stages
from benchmarks.docker_floor import docker_is_here, floor_trial, paused
from benchmarks.product import WARM_VARIABLE, product
from benchmarks.ray_autoscaler import ray_autoscaler
from ray_watcher.images.build import default_tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.demand_trials import Cluster, Trial
    from benchmarks.product import Product
    from benchmarks.ray_autoscaler import RayAutoscaler
    from benchmarks.report import Report

IDLE_SECONDS = 1.0  # after which a worker goes, on both sides
JOINED_SECONDS = 15.0
WARM_SECONDS = 3.0  # until a new warm worker has loaded everything
FAST_HEAD = {"RAY_gcs_pull_resource_loads_period_milliseconds": "100"}  # Ray's default is 1000
WORK_SECONDS = 0.1


@dataclass(frozen=True)
class Sizes:
    """How many trials of each kind."""

    cold: int = 10
    peer_every: int = 2  # rounds, for one peer more
    warm: int = 10
    docker: int = 5
    bursts: int = 2
    workers: int = 8  # of a burst, and the most there may be
    tasks: int = 1_000
    rehearse: bool = True


SMOKE = Sizes(cold=1, peer_every=1, warm=1, docker=0, bursts=1, workers=2, tasks=20, rehearse=False)


@dataclass
class Bench:
    """What is measured so far, and the clusters that have to be at rest before each trial."""

    sizes: Sizes
    clusters: list[Cluster]
    found: Found = field(default_factory=Found)

    def cold(self, ours: Product, rays: RayAutoscaler, fast: RayAutoscaler) -> None:
        """One task on each in turn."""
        for number in range(self.sizes.cold):
            self._ours(OURS, ours)
            self._keep(RAY, self._trial(rays))
            if number % self.sizes.peer_every == 0:
                self._keep(FAST, self._trial(fast))

    def bursts(self, ours: Product, rays: RayAutoscaler) -> None:
        """As many workers at once as there may be; then many tasks at once."""
        count = self.sizes.workers
        for _ in range(self.sizes.bursts):
            for name, cluster in ((OURS, ours), (RAY, rays)):
                with self._burst(name, count, cluster):
                    self._keep(f"{name}, {count} at once", run_trial(cluster, count))
        for name, cluster in ((OURS, ours), (RAY, rays)):
            with self._burst(name, self.sizes.tasks, cluster):
                cluster.driver.ask(f"work {self.sizes.tasks} {WORK_SECONDS}")

    @contextlib.contextmanager
    def _burst(self, name: str, tasks: int, cluster: Product | RayAutoscaler) -> Iterator[None]:
        """Keep what was decided for it."""
        await_rest(self.clusters)
        before = len(cluster.launches())
        yield
        burst = Burst(name, tasks, tuple(cluster.launches()[before:]))
        self.found.bursts.append(burst)
        progress(f"{name}: {tasks} tasks at once, workers of each decision: {burst.shown}")

    def warm(self, ours: Product) -> None:
        """With a warm worker."""
        ours.restart_watcher(**{WARM_VARIABLE: "1"})
        for _ in range(self.sizes.warm):
            await_rest(self.clusters)
            time.sleep(WARM_SECONDS)
            self._ours(WARM, ours)

    def docker(self, ours: Product, image: str) -> None:
        """The same in containers, with the floor."""
        for number in range(self.sizes.docker):
            self._ours(DOCKER, ours)
            with paused(ours):
                self._keep(FLOOR, floor_trial(ours, image))
                if number % self.sizes.peer_every == 0:
                    self._keep(PLAIN, floor_trial(ours, image, plain=True))

    def make_ready(self) -> None:
        """Fill the heads; the first time, code is read from disk, and Prometheus finds its targets."""
        for cluster in self.clusters:
            cluster.driver.ask("block")
            if self.sizes.rehearse:
                self._trial(cluster)

    def _trial(self, cluster: Cluster, tasks: int = 1) -> Trial:
        await_rest(self.clusters)
        return run_trial(cluster, tasks)

    def _ours(self, name: str, ours: Product) -> None:
        made = self._trial(ours)
        alerts, samples = ours.status()["alerts"], ours.pending_samples()  # while its alert is still there
        self.found.stages.setdefault(name, []).append(stages(made, samples, alerts, _launched(ours, made)))
        self._keep(name, made)

    def _keep(self, name: str, made: Trial) -> None:
        kept = self.found.trials.setdefault(name, [])
        kept.append(made)
        progress(f"{name} {len(kept)}: {made.seconds:.2f} s, {made.nodes} nodes")


def _launched(ours: Product, made: Trial) -> list[Mapping[str, Any]]:
    """What the scaler wrote down of the trial's launch, once it has seen that the worker joined."""
    deadline = time.monotonic() + JOINED_SECONDS
    while True:
        actions = [one for one in ours.status()["actions"] if one["action"] == "launch"]
        launched = [one for one in actions if one["started_at"] >= made.submitted]
        if all(one["joined_at"] for one in launched):
            return launched
        if time.monotonic() > deadline:
            raise TimeoutError(f"the scaler did not see a worker that ran a task join within {JOINED_SECONDS:g} s")
        time.sleep(0.1)


def variables(sizes: Sizes) -> dict[str, str]:
    """What differs from the shipped settings, so that trials can follow each other."""
    return {
        "WATCHER_COOLDOWN": "0",
        "WATCHER_SCALE_DOWN_COOLDOWN": "0",
        "WATCHER_IDLE_TIMEOUT": f"{IDLE_SECONDS:g}",
        "WATCHER_MAX_WORKERS": str(sizes.workers),
    }


def measure(smoke: bool) -> Report:  # noqa: FBT001  # the benchmarks' one signature
    """Processes first, all clusters side by side; then containers."""
    sizes, found = SMOKE if smoke else Sizes(), Found()
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(product("process", **variables(sizes)))
        rays = stack.enter_context(ray_autoscaler(sizes.workers, IDLE_SECONDS))
        fast = stack.enter_context(ray_autoscaler(sizes.workers, IDLE_SECONDS, FAST_HEAD))
        bench = Bench(sizes, [ours, rays, fast], found)
        bench.make_ready()
        bench.cold(ours, rays, fast)
        bench.bursts(ours, rays)
        bench.warm(ours)
    if not sizes.docker:
        found.notes.append("Nothing was tried in Docker.")
    elif docker_is_here():
        image = default_tag()
        with product("docker", **variables(sizes), RAY_IMAGE=image) as ours:
            bench = Bench(sizes, [ours], found)
            bench.make_ready()
            bench.docker(ours, image)
    else:
        found.notes.append("No Docker Engine answered, so there are no rows of it.")
    return report(found, sizes.workers)


def main() -> None:
    """The command."""
    run(measure, __doc__)


if __name__ == "__main__":
    main()
