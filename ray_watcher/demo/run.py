"""The demo from start to end: cluster, watcher, burst, timeline; and whatever happens, nothing is left running."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING

from ray_watcher.demo.timeline import Record, rows, stages
from ray_watcher.demo.watch import Watch, await_sight
from ray_watcher.errors import NotRunningError, WatcherError
from ray_watcher.operations.workers import stop_everything
from ray_watcher.settings import head_options
from ray_watcher.stack import control
from ray_watcher.stack.stack import stack_of
from ray_watcher.workload.job import Load, submit
from scaler.model.errors import ScalerError

if TYPE_CHECKING:
    from ray_watcher.cluster.base import RayCluster
    from ray_watcher.demo.environment import Environment
    from ray_watcher.demo.views import View
    from ray_watcher.host import Host
    from ray_watcher.stack.stack import Stack
    from ray_watcher.workload.job import Job

BURST = Load(tasks=12, num_cpus=1, num_gpus=0, seconds=6)
LOG_LINES = 1000  # of head and each worker, saved where the demo fails
LOOP_SECONDS = {"process": 100.0, "docker": 180.0}  # the bound; on two idle cores it takes 35 s and 45 s


def run(environment: Environment, host: Host, view: View, *, keep: bool) -> list[list[str]]:
    """One whole loop, as its timeline. Raises what went wrong; by then everything is stopped again."""
    with contextlib.ExitStack() as swept:
        cluster = host.cluster(environment.settings.provider, environment.settings)
        swept.callback(_require_nothing_left, environment, cluster, view)
        try:
            told = table(_loop(environment, host, cluster, view, swept))
        finally:
            _no_more_interrupts()  # the stopping is bounded, and half of it would be worse
        if keep:
            swept.pop_all()
        else:
            view.step("the demo stops what it started")
    return told


def table(record: Record) -> list[list[str]]:
    """The timeline's rows. Raises `WatcherError` where the burst did not go through the whole loop."""
    done, found = record.event("done"), stages(record)
    if not done or done[0]["finished"] != done[0]["tasks"]:
        raise WatcherError(f"not all tasks finished: {done[0] if done else 'the driver did not say'}")
    if unseen := [stage.name for stage in found if stage.at is None]:
        raise WatcherError(f"the loop was not seen whole; missing: {', '.join(unseen)}")
    return rows(found)


def _loop(environment: Environment, host: Host, cluster: RayCluster, view: View, swept: contextlib.ExitStack) -> Record:
    """Start, burst, watch; what has to be stopped goes into `swept`."""
    settings, stack = environment.settings, stack_of(environment.settings)
    swept.callback(stop_everything, cluster)
    swept.push(lambda _type, error, _traceback: _save_logs(environment, cluster) if error else None)
    view.step(f"a Ray head with {settings.num_cpus:g} CPU starts ({settings.provider})")
    cluster.start_head(head_options(settings))
    swept.callback(_stop, stack)
    view.step("exporter, Prometheus, Alertmanager and scaler start")
    control.start(stack, host.programs(stack))
    view.step("Prometheus and scaler look at the cluster for the first time")
    await_sight(stack)
    view.step(f"a burst of {BURST.tasks} tasks is submitted: {BURST.num_cpus:g} CPU for {BURST.seconds:g} s each")
    job = submit(settings.ray_dashboard_metric_api, BURST, settings.ray_token)
    swept.callback(_end, job)
    deadline = time.monotonic() + LOOP_SECONDS[settings.provider]
    return Watch(stack, job, BURST.tasks).until_quiet(view, deadline)


def _save_logs(environment: Environment, cluster: RayCluster) -> None:
    """What head and workers wrote, which would go with them: for whoever looks why the demo failed."""
    directory = environment.directory / "logs"
    directory.mkdir(exist_ok=True)
    with contextlib.suppress(WatcherError, ScalerError, OSError):  # the failure itself is what has to be told
        outputs = {"head": cluster.head_logs(tail=LOG_LINES, follow=False)} if cluster.head() else {}
        for worker in cluster.provider.list():
            outputs[worker.worker_id] = cluster.provider.logs(worker.worker_id, tail=LOG_LINES, follow=False)
        for name, lines in outputs.items():
            (directory / f"{name}.log").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _end(job: Job) -> None:
    """A head with a driver on it would take half a minute to stop."""
    with contextlib.suppress(WatcherError):
        job.stop()


def _stop(stack: Stack) -> None:
    with contextlib.suppress(NotRunningError):  # it did not come that far
        control.stop(stack)


def _no_more_interrupts() -> None:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)


def _require_nothing_left(environment: Environment, cluster: RayCluster, view: View) -> None:
    """By the marker that all processes of a demo carry, and by what the engine lists."""
    left = [*environment.remains(), *(worker.worker_id for worker in cluster.provider.list())]
    left += ["the head"] if cluster.head() else []
    if left:
        raise WatcherError(f"still running after the demo: {', '.join(left)}")
    view.step("everything is stopped; nothing of the demo is left")
