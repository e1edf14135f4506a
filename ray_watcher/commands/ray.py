"""start-ray, status-ray, stop-ray: the Ray cluster."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from ray_watcher.commands.options import chosen, json_option, provider_option, setting, type_option, worker_type_of
from ray_watcher.commands.watcher import stop_if_running
from ray_watcher.errors import AlreadyRunningError, NotRunningError
from ray_watcher.invocation import typed
from ray_watcher.operations import inventory
from ray_watcher.operations.workers import await_joined, launch, remove_ended, stop_everything
from ray_watcher.output import cluster_status, terminal
from ray_watcher.settings import OperatorSettings, head_options, variable
from ray_watcher_common.program.settings import SettingsError, load, split_host_port
from scaler.config.settings import LOOPBACK_HOSTS
from scaler.model.cluster import InstanceStatus

if TYPE_CHECKING:
    from ray_watcher.cluster.base import RayCluster
    from ray_watcher.host import Host


@click.command()
@click.option(
    "--num-workers",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Number of workers to start with; the watcher adds and removes workers as needed.",
)
@setting("num_cpus", "CPUs per Ray node, including the head")
@setting("num_gpus", "GPUs per Ray node, including the head")
@setting("object_store_memory", "object store memory per Ray node, for example 1GB")
@type_option
@setting("serve_port")
@provider_option
@click.pass_obj
def start_ray(host: Host, /, num_workers: int, type_name: str | None, **given: Any) -> None:
    """Start a Ray head and N workers.

    The head listens on the ports of RAY_HEAD_ADDRESS, RAY_GCS_ADDRESS and RAY_DASHBOARD_METRIC_API. Containers
    publish their ports on loopback only. Processes of Ray also listen on the other addresses of this machine. If
    the start fails, everything that was started is stopped.

    \b
    Example:  ray-watcher start-ray --num-workers 2 --num-cpus 1
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    worker_type_of(settings, type_name, given)  # report a mistake before anything is started
    _require_loopback(settings)
    cluster = _with_image(host, settings, _cluster_to_start(host, settings))
    settings = host.sized(settings, cluster, num_workers)
    kind = worker_type_of(settings, type_name, given)
    terminal.note(f"starting Ray head and {terminal.count(num_workers, 'worker')} ({cluster.provider.name})")
    head = cluster.start_head(head_options(settings))  # if it fails, an existing head belongs to another command
    try:
        remove_ended(cluster.provider)
        workers = launch(cluster.provider, kind, num_workers)
        await_joined(host, cluster, head, workers, settings.join_timeout)
    except BaseException:
        stop_everything(cluster)
        raise
    terminal.facts(
        [
            (
                "cluster",
                f"{settings.cluster} ({cluster.provider.name}): head and {terminal.count(num_workers, 'worker')}",
            ),
            ("dashboard", head.dashboard_url),
            ("GCS", head.gcs_address),
            ("Ray client", f"ray://{settings.ray_head_address}"),
        ]
    )
    token = f"export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH={shlex.quote(str(settings.ray_token_file))}"
    terminal.commands([*([("clients", token)] if head.token else []), ("next", typed("start-watcher"))])


@click.command()
@provider_option
@json_option
@click.pass_obj
def status_ray(host: Host, /, *, as_json: bool, **given: Any) -> None:
    """Show head, workers, resources and demand.

    \b
    Example:  ray-watcher status-ray --json
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    seen = inventory.look(host, host.running_cluster(settings), settings)
    if as_json:
        terminal.document(cluster_status.cluster_document(settings.cluster, seen))
    else:
        cluster_status.show_cluster(settings.cluster, seen, time.time())


@click.command()
@provider_option
@click.pass_obj
def stop_ray(host: Host, /, **given: Any) -> None:
    """Stop the cluster and its watcher.

    Stops the watcher, all workers and the head, and removes what they leave behind.

    \b
    Example:  ray-watcher stop-ray
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    try:
        cluster = host.running_cluster(settings)
    except NotRunningError:
        _require_nowhere(host, settings)
        stop_if_running(host, settings)
        terminal.line(f"no Ray cluster '{settings.cluster}' is running")
        return
    stop_if_running(host, settings)
    terminal.note("stopping workers and Ray head; a busy one can take 30 s")
    workers = stop_everything(cluster)
    terminal.line(
        f"stopped cluster '{settings.cluster}' ({cluster.provider.name}): "
        f"Ray head and {terminal.count(workers, 'worker')}"
    )


def _require_loopback(settings: OperatorSettings) -> None:
    """start-ray starts a head on loopback, so an address elsewhere is a mistake."""
    hosts = {
        "ray_head_address": split_host_port(settings.ray_head_address)[0],
        "ray_gcs_address": split_host_port(settings.gcs_address)[0],
        "ray_dashboard_metric_api": urlsplit(settings.ray_dashboard_metric_api).hostname or "",
    }
    for name, host in hosts.items():
        if host not in LOOPBACK_HOSTS:
            raise SettingsError(
                f"{variable(name)}: got the host {host!r}, wanted localhost, because start-ray starts the head on this "
                "machine; unset the variable"
            )


def _cluster_to_start(host: Host, settings: OperatorSettings) -> RayCluster:
    """Where to start the cluster. One whose head has died is cleaned up and started on the same provider.

    Raises `AlreadyRunningError` if its head is running, or workers of an unknown head are.
    """
    try:
        cluster = host.running_cluster(settings)
    except NotRunningError:
        return host.cluster_to_start(settings)
    head = cluster.head()
    living = sum(worker.status is InstanceStatus.RUNNING for worker in cluster.provider.list())
    if head and not head.running:
        if living:
            terminal.note(f"the head is dead, stopping {terminal.count(living, 'worker')} of it")
        stop_everything(cluster)  # a new head is a new cluster that they could never join
        return cluster
    if not living and not head:
        return cluster
    where = f"at {head.gcs_address}" if head else "with workers but no head"
    raise AlreadyRunningError(
        f"cluster '{settings.cluster}' is already running {where} ({cluster.provider.name}); "
        f"stop it with: {typed('stop-ray')}"
    )


def _with_image(host: Host, settings: OperatorSettings, cluster: RayCluster) -> RayCluster:
    """The cluster with an available image, if it runs in containers."""
    if cluster.provider.name != "docker":
        return cluster
    image = host.provide_image(settings, terminal.note)
    return host.cluster("docker", settings.model_copy(update={"image": image}))


def _require_nowhere(host: Host, settings: OperatorSettings) -> None:
    """Raises `NotRunningError` if the cluster runs on another provider than the chosen one; its watcher then stays."""
    if settings.provider == "auto":
        return  # all providers were asked already
    try:
        found = host.running_cluster(settings.model_copy(update={"provider": "auto"}))
    except NotRunningError:
        return
    raise NotRunningError(
        f"cluster '{settings.cluster}' is not running on {settings.provider}, but on {found.provider.name}; "
        "leave --provider away"
    )
