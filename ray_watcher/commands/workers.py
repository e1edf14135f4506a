"""add-worker, remove-worker: what the scaler does by itself, by hand."""

from __future__ import annotations

from typing import Any

import click

from ray_watcher.commands.options import chosen, provider_option, setting, type_option, worker_type_of
from ray_watcher.errors import NotRunningError
from ray_watcher.host import START_IT, Host
from ray_watcher.operations import inventory, removal, workers
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.settings import load


@click.command()
@setting("num_cpus", "CPUs of the worker")
@setting("num_gpus", "GPUs of the worker")
@setting("object_store_memory", "object store memory of the worker, for example 1GB")
@type_option
@provider_option
@click.pass_obj
def add_worker(host: Host, /, type_name: str | None, **given: Any) -> None:
    """Add one worker.

    Returns when Ray has it.
    It is your decision, so WATCHER_MAX_WORKERS and the cooldown do not hold it. A running watcher counts it, and
    removes it again once it is idle.

    \b
    Example:  ray-watcher add-worker --num-cpus 2
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    kind = worker_type_of(settings, type_name, given)
    cluster = host.running_cluster(settings)
    head = cluster.head()
    if head is None or not head.running:
        raise NotRunningError(f"the Ray head is not running, so a worker has nothing to join; {START_IT}")
    worker = workers.launch(cluster.provider, kind, 1)[0]
    try:
        terminal.note(f"{worker.worker_id} is starting ({cluster.provider.name}) ...")
        workers.await_joined(host, cluster, head, [worker], settings.join_timeout)
    except BaseException:
        cluster.provider.remove(worker.worker_id, removal.DRAINED_GRACE_SECONDS)
        raise
    terminal.say(f"{worker.worker_id} joined Ray with {kind.num_cpus:g} CPU and {kind.num_gpus:g} GPU")


@click.command()
@click.argument("worker", required=False)
@click.option("--force", is_flag=True, help="Stop it even while it works, and say what is lost.")
@provider_option
@click.pass_obj
def remove_worker(host: Host, /, worker: str | None, *, force: bool, **given: Any) -> None:
    """Drain one worker and remove it.

    WORKER is an id, worker-N or N; without it, the worker that has been idle for longest goes.

    Ray refuses while a task, an actor or a primary copy of an object is there; then nothing happens and the
    reason is shown. With --force the worker has WATCHER_STOP_GRACE seconds to finish, then it is killed.

    \b
    Example:  ray-watcher remove-worker worker-2
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    cluster = host.running_cluster(settings)
    seen = inventory.look(host, cluster, settings)
    leaving = seen.named(worker) if worker else removal.idlest(seen)
    if force:
        released = removal.force(cluster, seen, leaving, settings.stop_grace)
    else:
        released = removal.drain(host, cluster, seen, leaving)
    terminal.say(f"{released.worker_id} is removed")
    if released.lost:
        terminal.warn(f"it was busy ({released.lost}); Ray runs lost tasks again where they have retries left")
