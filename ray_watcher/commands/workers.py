"""add-worker, remove-worker: launch and remove a worker by hand."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from ray_watcher.commands import asking, completing
from ray_watcher.commands.options import (
    SIZES,
    chosen,
    provider_option,
    setting,
    type_option,
    url_option,
    worker_type_of,
)
from ray_watcher.errors import NotRunningError, WatcherError
from ray_watcher.fetch import UnreachableError, get_json
from ray_watcher.operations import inventory, removal, workers
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.settings import load
from scaler.config.policy_file import policy_from

if TYPE_CHECKING:
    from ray_watcher.host import Host

reason_option = click.option(
    "--reason",
    default="from the command line",
    show_default=True,
    metavar="TEXT",
    help="Reason, shown in the history (with --url).",
)


@click.command()
@setting("num_cpus", "CPUs of the worker")
@setting("num_gpus", "GPUs of the worker")
@setting("object_store_memory", "object store memory of the worker, for example 1GB")
@type_option
@provider_option
@reason_option
@url_option
@click.pass_obj
def add_worker(host: Host, /, type_name: str | None, reason: str, **given: Any) -> None:
    """Launch one worker and wait until it has joined.

    WATCHER_MAX_WORKERS and the cooldown do not apply. A running watcher counts the worker and removes it when it is
    idle.

    With --url the scaler launches a worker of its policy, within all limits but the cooldown.

    \b
    Example:  ray-watcher add-worker --num-cpus 2
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    if settings.url:
        _refuse_sizes(given)
        asked = {"worker_type": type_name, "reason": reason, "by": asking.who()}
        terminal.line(f"launching {asking.post(host, settings, 'add-worker', asked)['worker_id']}")
        return
    kind = worker_type_of(settings, type_name, given)
    cluster = host.running_cluster(settings)
    head = cluster.head()
    if head is None or not head.running:
        start = host.launcher(settings).start_ray
        raise NotRunningError(f"the Ray head is not running, so the worker cannot join; start it with: {start}")
    _tell_if_above_the_limit(host, settings, len(cluster.provider.list()) + 1)
    kind = worker_type_of(host.sized(settings, cluster), type_name, given)
    worker = workers.launch(cluster.provider, kind, 1)[0]
    try:
        terminal.note(f"starting {worker.worker_id} ({cluster.provider.name})")
        workers.await_joined(host, cluster, head, [worker], settings.join_timeout)
    except BaseException:
        cluster.provider.remove(worker.worker_id, removal.DRAINED_GRACE_SECONDS)
        raise
    terminal.line(f"{worker.worker_id} joined Ray with {kind.num_cpus:g} CPU and {kind.num_gpus:g} GPU")


def _tell_if_above_the_limit(host: Host, settings: OperatorSettings, number: int) -> None:
    """The watcher's limit does not hold for a person, who should know it beforehand."""
    most = policy_from(settings).max_workers
    with contextlib.suppress(UnreachableError, WatcherError, KeyError):
        most = get_json(f"{host.scaler_url(settings)}/api/v1/status")["limits"]["max_workers"]
    if number > most:
        terminal.warn(
            f"this is worker number {number}, max_workers is {most}: the watcher launches none until there are fewer, "
            "and removes this one when it is idle"
        )


@click.command()
@click.argument("worker", required=False, shell_complete=completing.worker)
@click.option("--force", is_flag=True, help="Stop a busy worker too, and show what is lost.")
@provider_option
@reason_option
@url_option
@click.pass_obj
def remove_worker(host: Host, /, worker: str | None, reason: str, *, force: bool, **given: Any) -> None:
    """Drain and remove one worker.

    WORKER is an id, worker-N or N. The default is the worker that has been idle the longest.

    Ray refuses to drain a worker that holds a task, an actor or a primary copy of an object. The worker then stays
    and the reason is shown. With --force, the worker has WATCHER_STOP_GRACE seconds to finish and is then killed.

    With --url the scaler does it, within min_workers and the disruption budget.

    \b
    Example:  ray-watcher remove-worker worker-2
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    if settings.url:
        name = asking.worker_id(host, settings, worker)
        asked = {"worker_id": name, "force": force, "reason": reason, "by": asking.who()}
        answer = asking.post(host, settings, "remove-worker", asked)
        terminal.line(f"{'draining' if answer['action'] == 'drain' else 'removing'} {answer['worker_id']}")
        return
    cluster = host.running_cluster(settings)
    seen = inventory.look(host, cluster, settings)
    leaving = seen.named(worker) if worker else removal.idlest(seen)
    if force:
        released = removal.force(cluster, seen, leaving, settings.stop_grace)
    else:
        released = removal.drain(host, cluster, seen, leaving)
    terminal.line(f"removed {released.worker_id}")
    if released.lost:
        terminal.warn(f"the worker was busy ({released.lost}); Ray retries lost tasks that have retries left")


def _refuse_sizes(given: dict[str, Any]) -> None:
    """Raise `click.UsageError` if the worker is to have a size of its own: the scaler's policy has the sizes."""
    for name in SIZES:
        if given.get(name) is not None and _is_an_option(name):
            raise click.UsageError(f"--{name.replace('_', '-')} cannot be used with --url: the policy has the sizes")


def _is_an_option(name: str) -> bool:
    """Whether the value was given on the command line, not by the environment."""
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE
