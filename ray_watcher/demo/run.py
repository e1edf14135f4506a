"""The demo from start to end: cluster, watcher, burst, timeline. In every case it stops what it started."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING

from ray_watcher.demo.timeline import Record, rows, stages
from ray_watcher.demo.watch import Watch, await_first_scrape
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
LOG_LINES = 1000  # of head and each worker, saved if the demo fails
LOOP_SECONDS = {"process": 100.0, "docker": 180.0}  # upper bound; on 2 idle cores it takes 35 s and 45 s


def run(environment: Environment, host: Host, view: View, *, keep: bool) -> list[list[str]]:
    """Run the whole loop and return its timeline. On an error everything is stopped before it is raised."""
    with contextlib.ExitStack() as swept:
        cluster = host.cluster(environment.settings.provider, environment.settings)
        swept.callback(_require_nothing_left, environment, cluster, view)
        try:
            timeline = table(_loop(environment, host, cluster, view, swept))
        finally:
            _no_more_interrupts()  # stopping is bounded, and must not be interrupted
        if keep:
            swept.pop_all()
        else:
            view.step("stopping the demo")
    return timeline


def table(record: Record) -> list[list[str]]:
    """The timeline's rows. Raises `WatcherError` if the burst did not pass through the whole loop."""
    done, found = record.event("done"), stages(record)
    if not done or done[0]["finished"] != done[0]["tasks"]:
        raise WatcherError(f"not all tasks finished: {done[0] if done else 'the driver printed no result'}")
    if unseen := [stage.name for stage in found if stage.at is None]:
        raise WatcherError(f"steps of the loop were not observed: {', '.join(unseen)}")
    return rows(found)


def _loop(environment: Environment, host: Host, cluster: RayCluster, view: View, swept: contextlib.ExitStack) -> Record:
    """Start everything, submit the burst and watch it; `swept` gets what must be stopped."""
    settings, stack = environment.settings, stack_of(environment.settings)
    swept.callback(stop_everything, cluster)
    swept.push(lambda _type, error, _traceback: _save_logs(environment, cluster) if error else None)
    view.step(f"starting Ray head with {settings.num_cpus:g} CPU ({settings.provider})")
    cluster.start_head(head_options(settings))
    swept.callback(_stop, stack)
    view.step("starting exporter, Prometheus, Alertmanager and scaler")
    control.start(stack, host.programs(stack))
    view.step("waiting for the first scrape of Prometheus")
    await_first_scrape(stack)
    view.step(f"submitting {BURST.tasks} tasks: {BURST.num_cpus:g} CPU, {BURST.seconds:g} s each")
    job = submit(settings.ray_dashboard_metric_api, BURST, settings.ray_token)
    swept.callback(_end, job)
    deadline = time.monotonic() + LOOP_SECONDS[settings.provider]
    return Watch(stack, job, BURST.tasks).until_quiet(view, deadline)


def _save_logs(environment: Environment, cluster: RayCluster) -> None:
    """Save the output of head and workers, which would be removed with them, to diagnose a failure."""
    directory = environment.directory / "logs"
    directory.mkdir(exist_ok=True)
    with contextlib.suppress(WatcherError, ScalerError, OSError):  # the first error is the one to report
        outputs = {"head": cluster.head_logs(tail=LOG_LINES, follow=False)} if cluster.head() else {}
        for worker in cluster.provider.list():
            outputs[worker.worker_id] = cluster.provider.logs(worker.worker_id, tail=LOG_LINES, follow=False)
        for name, lines in outputs.items():
            (directory / f"{name}.log").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _end(job: Job) -> None:
    """Stop the job: a head with a running driver takes half a minute to stop."""
    with contextlib.suppress(WatcherError):
        job.stop()


def _stop(stack: Stack) -> None:
    with contextlib.suppress(NotRunningError):  # it was not started
        control.stop(stack)


def _no_more_interrupts() -> None:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)


def _require_nothing_left(environment: Environment, cluster: RayCluster, view: View) -> None:
    """Check the marker of all processes of a demo, and the provider's list."""
    left = [*environment.remains(), *(worker.worker_id for worker in cluster.provider.list())]
    left += ["the head"] if cluster.head() else []
    if left:
        raise WatcherError(f"still running after the demo: {', '.join(left)}")
    view.step("stopped the demo, nothing is left running")
