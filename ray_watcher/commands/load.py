"""load: submit real Ray tasks, to see the watcher scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher.workload import job as loads
from ray_watcher_common.program.settings import load as load_settings

if TYPE_CHECKING:
    from ray_watcher.host import Host
    from ray_watcher.workload.job import Event


@click.command()
@click.option(
    "--num-tasks", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="Number of tasks."
)
@click.option("--num-cpus", type=click.FloatRange(min=0), default=1, show_default=True, help="CPUs per task.")
@click.option("--num-gpus", type=click.FloatRange(min=0), default=0, show_default=True, help="GPUs per task.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=10,
    show_default=True,
    help="Duration of each task in seconds.",
)
@click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait and show progress until all tasks are finished."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=1800,
    show_default=True,
    help="Maximum seconds to wait; the tasks continue afterwards.",
)
@click.pass_obj
def load(
    host: Host, /, num_tasks: int, num_cpus: float, num_gpus: float, seconds: float, timeout: float, *, wait: bool
) -> None:
    """Submit real Ray tasks.

    The tasks run as a Ray job, submitted through RAY_DASHBOARD_METRIC_API. In a pipe, the output is the driver's
    JSON lines. Ctrl-C stops the tasks. Exit code 1 if a task failed.

    \b
    Example:  ray-watcher load --num-tasks 20 --num-cpus 1 --seconds 30
    """  # noqa: D301  # \b is click's
    settings = load_settings(OperatorSettings)
    api = settings.ray_dashboard_metric_api
    terminal.note(
        f"submitting {terminal.count(num_tasks, 'task')}: {num_cpus:g} CPU, {num_gpus:g} GPU, {seconds:g} s each"
    )
    job = loads.submit(api, loads.Load(num_tasks, num_cpus, num_gpus, seconds), host.token(settings))
    if not wait:
        terminal.line(job.submission_id)
        return
    try:
        for event in loads.follow(job, timeout):
            if terminal.on_terminal():
                terminal.line(sentence(event))
            else:
                terminal.one_line(event)
    except KeyboardInterrupt:
        job.stop()
        terminal.note(f"stopped job {job.submission_id}")
        raise


def sentence(event: Event) -> str:
    """An event of the driver, for people."""
    return _SENTENCES[event["event"]].format(**event, where=event.get("instance_id") or "the head")


_SENTENCES = {
    "submitted": "{tasks} tasks submitted",
    "progress": "{finished} of {tasks} finished, {failed} failed",
    "node": "{tasks} ran on {where}",
    "done": "done: {finished} of {tasks} finished, {failed} failed",
}
