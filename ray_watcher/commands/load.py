"""load: real Ray tasks that wait for room, to see the watcher at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher.workload import job as loads
from ray_watcher_common.settings import load as load_settings

if TYPE_CHECKING:
    from ray_watcher.host import Host
    from ray_watcher.workload.job import Event


@click.command()
@click.option("--num-tasks", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="Tasks.")
@click.option("--num-cpus", type=click.FloatRange(min=0), default=1, show_default=True, help="CPUs of each task.")
@click.option("--num-gpus", type=click.FloatRange(min=0), default=0, show_default=True, help="GPUs of each task.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=10,
    show_default=True,
    help="How long each task holds them, in seconds.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Show progress until all tasks are done.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=1800,
    show_default=True,
    help="How long to wait at most, in seconds; the tasks then go on.",
)
@click.pass_obj
def load(
    host: Host, /, num_tasks: int, num_cpus: float, num_gpus: float, seconds: float, timeout: float, *, wait: bool
) -> None:
    """Submit real Ray tasks.

    They run as a Ray job, submitted over RAY_DASHBOARD_METRIC_API. In a pipe it prints the driver's JSON lines.
    Ctrl-C while it waits stops the tasks. Exit code 1 if tasks failed.

    \b
    Example:  ray-watcher load --num-tasks 20 --num-cpus 1 --seconds 30
    """  # noqa: D301  # \b is click's
    settings = load_settings(OperatorSettings)
    api = settings.ray_dashboard_metric_api
    terminal.note(
        f"submitting {terminal.count(num_tasks, 'task')} of {num_cpus:g} CPU, {num_gpus:g} GPU and {seconds:g} s ..."
    )
    job = loads.submit(api, loads.Load(num_tasks, num_cpus, num_gpus, seconds), host.token(settings))
    if not wait:
        terminal.say(job.submission_id)
        return
    try:
        for event in loads.follow(job, timeout):
            if terminal.on_terminal():
                terminal.say(sentence(event))
            else:
                terminal.one_line(event)
    except KeyboardInterrupt:
        job.stop()
        terminal.note(f"stopped the tasks of job {job.submission_id}")
        raise


def sentence(event: Event) -> str:
    """An event of the driver, for people."""
    return _SENTENCES[event["event"]].format(**event, where=event.get("instance_id") or "the head")


_SENTENCES = {
    "submitted": "{tasks} tasks submitted",
    "progress": "{finished} of {tasks} done, {failed} failed",
    "node": "{tasks} ran on {where}",
    "done": "done: {finished} of {tasks}, {failed} failed",
}
