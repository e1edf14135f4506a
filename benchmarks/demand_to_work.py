"""From `f.remote()` on a full cluster until it runs on a new worker: the product beside Ray's own autoscaler.

Ours is what `start-ray` and `start-watcher` bring up, by processes and by containers; Ray's is autoscaler v2 with its
in-process provider and a loop of one second; below Docker stands the floor, `docker run` at the moment of the demand.
A driver on each cluster submits a task of one CPU that says when its first line runs: one clock.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.command import run
from benchmarks.demand_report import DOCKER, FAST, FLOOR, OURS, PLAIN, RAY, WARM, Found, report
from benchmarks.demand_trials import await_rest, run_trial, say, stages
from benchmarks.docker_floor import docker_is_here, floor_trial
from benchmarks.product import product
from benchmarks.ray_autoscaler import ray_autoscaler
from scaler.settings import ScalerSettings
from watcher.images import default_tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.demand_trials import Cluster, Trial
    from benchmarks.product import Product
    from benchmarks.ray_autoscaler import RayAutoscaler
    from benchmarks.report import Report

IDLE_SECONDS = 2.0  # after which a worker goes, on both sides
JOINED_SECONDS = 15.0
WARM_FIELD, WARM_VARIABLE = "warm_workers", "WATCHER_WARM_WORKERS"
REFILL_SECONDS = 4.0  # for a standby to be warm again
FAST_HEAD = {"RAY_gcs_pull_resource_loads_period_milliseconds": "100"}  # Ray's default is 1000
WORK_SECONDS = 0.1


@dataclass(frozen=True)
class Sizes:
    """How many trials of each kind."""

    cold: int = 10
    peer_every: int = 2  # rounds, where it is one peer more
    warm: int = 10
    docker: int = 5
    bursts: int = 2
    workers: int = 8  # of a burst, and the most there may be
    tasks: int = 1_000


SMOKE = Sizes(cold=1, peer_every=1, warm=1, docker=1, bursts=1, workers=2, tasks=20)


@dataclass
class Bench:
    """What is measured so far."""

    sizes: Sizes
    found: Found = field(default_factory=Found)

    def cold(self, ours: Product, rays: RayAutoscaler, fast: RayAutoscaler) -> None:
        """One task on each in turn."""
        for number in range(self.sizes.cold):
            self._single(OURS, ours, number)
            self._keep(RAY, run_trial(rays), number)
            if number % self.sizes.peer_every == 0:
                self._keep(FAST, run_trial(fast), number)

    def bursts(self, ours: Product, rays: RayAutoscaler) -> None:
        """As many workers at once as there may be; then many tasks at once."""
        count = self.sizes.workers
        for number in range(self.sizes.bursts):
            self._keep(f"{OURS}, {count} at once", run_trial(ours, count), number)
            self._keep(f"{RAY}, {count} at once", run_trial(rays, count), number)
        for name, cluster in ((OURS, ours), (RAY, rays)):
            await_rest(cluster)
            before, began = len(rays.launches()), time.time()
            cluster.driver.tell(f"work {self.sizes.tasks} {WORK_SECONDS}")
            launches = ours.launches(began) if cluster is ours else rays.launches()[before:]
            say(f"{name}: {self.sizes.tasks} tasks at once, workers of each decision: {launches}")
            self.found.launches[name] = launches

    def warm(self, ours: Product) -> None:
        """With one standby, if the product has them."""
        if WARM_FIELD not in ScalerSettings.model_fields:
            self.found.notes.append(f"Warm standbys ({WARM_VARIABLE}) are not part of this version.")
            return
        await_rest(ours)
        ours.restart_watcher(**{WARM_VARIABLE: "1"})
        for number in range(self.sizes.warm):
            await_rest(ours)
            time.sleep(REFILL_SECONDS)
            self._single(WARM, ours, number)

    def docker(self) -> None:
        """The same in containers, beside the floor."""
        if not docker_is_here():
            self.found.notes.append("No Docker Engine answered, so there are no rows of it.")
            return
        image = default_tag()
        with product("docker", **variables(self.sizes), RAY_IMAGE=image) as ours:
            ours.driver.tell("block")
            run_trial(ours)  # likewise
            for number in range(self.sizes.docker):
                self._single(DOCKER, ours, number)
                self._keep(FLOOR, floor_trial(ours, image), number)
                if number % self.sizes.peer_every == 0:
                    self._keep(PLAIN, floor_trial(ours, image, plain=True), number)

    def _single(self, name: str, ours: Product, number: int) -> None:
        made = run_trial(ours)
        alerts, samples = ours.status()["alerts"], ours.pending_samples()  # while its alert is still there
        self.found.stages.setdefault(name, []).append(stages(made, samples, alerts, _launched(ours, made)))
        self._keep(name, made, number)

    def _keep(self, name: str, made: Trial, number: int) -> None:
        say(f"{name} {number + 1}: {made.seconds:.2f} s, {made.nodes} nodes")
        self.found.trials.setdefault(name, []).append(made)


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
    """All of it, on clusters that are up side by side."""
    sizes = SMOKE if smoke else Sizes()
    bench = Bench(sizes)
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(product("process", **variables(sizes)))
        rays = stack.enter_context(ray_autoscaler(sizes.workers, IDLE_SECONDS))
        fast = stack.enter_context(ray_autoscaler(sizes.workers, IDLE_SECONDS, FAST_HEAD))
        clusters: tuple[Cluster, ...] = (ours, rays, fast)
        for cluster in clusters:
            cluster.driver.tell("block")
            run_trial(cluster)  # the first time, code is read from disk and Prometheus finds its targets
        bench.cold(ours, rays, fast)
        bench.bursts(ours, rays)
        bench.warm(ours)
    bench.docker()
    return report(bench.found, sizes.workers, sizes.tasks)


def main() -> None:
    """The command."""
    run(measure, __doc__)


if __name__ == "__main__":
    main()
