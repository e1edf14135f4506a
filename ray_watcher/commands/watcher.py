"""start-watcher, watcher-status, stop-watcher: exporter, Prometheus, Alertmanager and scaler."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ray_watcher import ports
from ray_watcher.cluster import head as ray_head
from ray_watcher.commands import asking
from ray_watcher.commands.options import chosen, json_option, provider_option, setting, url_option
from ray_watcher.errors import AlreadyRunningError, NotRunningError, WatcherError
from ray_watcher.fetch import UnreachableError, get_json
from ray_watcher.invocation import typed
from ray_watcher.output import terminal
from ray_watcher.output.watcher_status import document, document_of_containers, document_of_scaler, show
from ray_watcher.settings import OperatorSettings, variable
from ray_watcher.stack import control, remembered
from ray_watcher.stack.stack import stack_of
from ray_watcher_common import secret_files
from ray_watcher_common.program.settings import load, split_host_port
from scaler.config.policy_file import policy_from
from scaler.config.settings import LOOPBACK_HOSTS
from scaler.config.sizes import overbooked, oversold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ray_watcher.cluster.base import HeadStatus, RayCluster
    from ray_watcher.host import Host
    from ray_watcher.stack.compose import ProgramContainer
    from ray_watcher.stack.stack import Stack

Command = TypeVar("Command", bound="Callable[..., Any]")
WATCH_SECONDS = 2.0
START_SETTINGS = (
    "check_interval",
    "pending_threshold",
    "max_workers",
    "min_workers",
    "warm_workers",
    "cooldown",
    "idle_timeout",
)


def start_options(command: Command) -> Command:
    """The options of a start."""
    for name in reversed(START_SETTINGS):
        command = setting(name)(command)
    forget = click.option("--defaults", "forget", is_flag=True, help="Forget the options of the last start.")
    return forget(provider_option(command))


@click.command()
@start_options
@click.pass_obj
def start_watcher(host: Host, /, *, forget: bool, **given: Any) -> None:
    """Start exporter, Prometheus, Alertmanager and scaler.

    supervisord keeps the four programs running. They listen on loopback only. If one does not become ready, all are
    stopped. WATCHER_NUM_CPUS, WATCHER_NUM_GPUS and WATCHER_OBJECT_STORE_MEMORY set the size of new workers.

    Options are kept: the next start uses them again unless an option or a variable says otherwise. --defaults
    forgets them.

    \b
    Example:  ray-watcher start-watcher --check-interval 60 --pending-threshold 3 --max-workers 8 --cooldown 120
    """  # noqa: D301  # \b is click's
    settings, options = remembered.loaded(chosen(given), forget=forget)
    _require_sound(settings)
    if host.runs(settings):
        raise AlreadyRunningError(f"the watcher is already running; stop it with: {host.launcher(settings).stop}")
    _start(host, settings, options)


@click.command()
@start_options
@click.pass_obj
def restart_watcher(host: Host, /, *, forget: bool, **given: Any) -> None:
    """Stop the watcher and start it again.

    Reads rules, policy and configuration again. Options of the last start are kept; those that are given change them.
    Ray and its workers keep running. Containers of Docker Compose are restarted with their own settings.

    \b
    Example:  ray-watcher restart-watcher --max-workers 10
    """  # noqa: D301  # \b is click's
    settings, options = remembered.loaded(chosen(given), forget=forget)
    _require_sound(settings)
    running = [program for program in host.program_containers(settings.cluster) if program.running]
    if running:
        _restart_containers(host, settings, running, chosen(given))
        return
    if not _stop(host, settings):
        terminal.note(f"the watcher of cluster '{settings.cluster}' was not running")
    _start(host, settings, options)


def _show_log(host: Host, settings: OperatorSettings, stack: Stack) -> None:
    try:
        host.show_log(settings.cluster, stack.environment[variable("image")], stack.log("scaler"))
    except WatcherError as error:
        terminal.warn(f"`docker logs` will not show the watcher's log: {error}")


def _require_sound(settings: OperatorSettings) -> None:
    """Raises `SettingsError` for a mistake that would otherwise be in the scaler's log only."""
    settings.bearer_token()
    policy_from(settings)


def _restart_containers(
    host: Host, settings: OperatorSettings, running: Sequence[ProgramContainer], given: dict[str, Any]
) -> None:
    if given:
        raise click.UsageError(
            f"options do not apply to the watcher's containers; {host.launcher(settings).settings or 'recreate them'}"
        )
    for program in running:
        terminal.note(f"restarting {program.container.name}")
        program.restart()
    terminal.line(f"restarted the watcher of cluster '{settings.cluster}'")


def _start(host: Host, settings: OperatorSettings, options: dict[str, Any]) -> None:
    policy = policy_from(settings)
    stack = stack_for(host, settings)
    in_docker = stack.environment[variable("provider")] == "docker"
    if in_docker:
        host.require_log_name(settings.cluster)
    terminal.note("starting exporter, Prometheus, Alertmanager and scaler")
    control.start(stack, host.programs(stack))
    remembered.write(settings, options)
    if in_docker:
        _show_log(host, settings, stack)
    terminal.facts(
        [
            ("watcher", f"running, cluster '{settings.cluster}', {policy.fewest} to {policy.max_workers} workers"),
            *([("options", f"{remembered.shown(options)} (kept for the next start)")] if options else []),
            *((name, stack.url(name)) for name in stack.listens),
            ("next", f"{typed('load')}; {typed('watcher-status')}"),
        ]
    )


@click.command()
@click.option(
    "--tail", type=click.IntRange(min=0), default=0, show_default=True, help="Number of log lines per program."
)
@click.option("--watch", is_flag=True, help="Repeat every 2 seconds until Ctrl-C.")
@url_option
@json_option
@click.pass_obj
def watcher_status(host: Host, /, tail: int, *, watch: bool, as_json: bool, **given: Any) -> None:
    """Show programs, alerts, workers and decisions.

    Each decision has its reason. With --tail N, the last lines of each program's log follow. With --url, the state of
    that scaler alone is shown, with the alerts that it knows.

    \b
    Example:  ray-watcher watcher-status --watch
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    if settings.url and tail:
        raise click.UsageError("--tail cannot be used with --url: the logs are on the other host")
    while True:
        status = _status(host, settings, tail)
        if watch:
            terminal.clear()
        if as_json:
            terminal.document(status)
        else:
            show(status, time.time())
        if not watch:
            return
        time.sleep(WATCH_SECONDS)


@click.command()
@click.pass_obj
def stop_watcher(host: Host) -> None:
    """Stop the watcher and leave Ray running.

    Containers of Docker Compose are stopped, not removed; `docker compose up -d` starts them again.

    \b
    Example:  ray-watcher stop-watcher
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings)
    if _stop(host, settings):
        terminal.line(f"stopped the watcher of cluster '{settings.cluster}'; Ray and its workers keep running")
    else:
        terminal.line(f"the watcher of cluster '{settings.cluster}' is not running")


def stop_if_running(host: Host, settings: OperatorSettings) -> bool:
    """Stop the watcher of these settings, if it is running; whether it was."""
    stopped = _stop(host, settings)
    if stopped:
        terminal.line(f"stopped the watcher of cluster '{settings.cluster}'")
    return stopped


def _stop(host: Host, settings: OperatorSettings) -> bool:
    """Stop its processes and containers; whether there were any."""
    running = [program for program in host.program_containers(settings.cluster) if program.running]
    host.hide_log(settings.cluster)
    for program in reversed(running):  # senders before receivers
        program.stop()
    try:
        control.stop(stack_of(settings))
    except NotRunningError:
        return bool(running)
    return True


def _status(host: Host, settings: OperatorSettings, tail: int) -> dict[str, Any]:
    if settings.url:
        return _status_elsewhere(host, settings)
    try:
        found_options = {"options": remembered.read(settings)}
        return {**document(stack_of(settings), tail), **found_options}
    except NotRunningError:
        if not (found := host.program_containers(settings.cluster)):
            start = host.launcher(settings).start
            raise NotRunningError(
                f"the watcher of cluster '{settings.cluster}' is not running; start it with: {start}"
            ) from None
        return document_of_containers(stack_of(settings), found, tail)


def _status_elsewhere(host: Host, settings: OperatorSettings) -> dict[str, Any]:
    """The state of a scaler on another host. Raises `NotRunningError`."""
    try:
        return document_of_scaler(get_json(f"{host.scaler_url(settings)}/api/v1/status"))
    except UnreachableError as error:
        raise asking.not_running(host, settings, error) from None


def stack_for(host: Host, settings: OperatorSettings, *, inside: bool = False) -> Stack:
    """The stack for the running cluster; without one, for the cluster that the settings describe.

    `inside`: the programs run in the cluster's network, so the addresses of the settings hold, not those of the host.
    """
    try:
        cluster = host.running_cluster(settings)
    except NotRunningError:
        terminal.warn(f"no Ray cluster is running; start one with: {host.launcher(settings).start_ray}")
        _tell_of_another_cluster(settings)
        to_start = host.cluster_to_start(settings)
        settings = _sized(host, settings, to_start)
        return stack_of(settings, **_where(host, settings, to_start))
    settings = _sized(host, settings, cluster)
    _tell_who_goes(settings, len(cluster.provider.list()))
    where = _where(host, settings, cluster)
    if head := cluster.head():
        if not inside:
            where[variable("ray_gcs_address")] = head.gcs_address
            where[variable("ray_dashboard_metric_api")] = f"{head.dashboard_url}/api"
        where |= _token(settings, head)
        if head.compose_project and not settings.compose_project:
            where[variable("compose_project")] = head.compose_project
    else:
        terminal.warn(f"the cluster has no head; start one with: {host.launcher(settings).start_ray}")
    return stack_of(settings, **where)


def _tell_of_another_cluster(settings: OperatorSettings) -> None:
    """What answers where our cluster is not running is another's, which the exporter would read."""
    address, (name, port) = settings.gcs_address, split_host_port(settings.gcs_address)
    if name in LOOPBACK_HOSTS and (holder := ports.holder(ray_head.HOST, port)):
        terminal.warn(
            f"{address} (RAY_GCS_ADDRESS) is held by {holder}, which is not cluster '{settings.cluster}'; if it is a "
            "Ray cluster, name it by WATCHER_CLUSTER, or set RAY_GCS_ADDRESS and RAY_AUTH_TOKEN_PATH for it"
        )


def _sized(host: Host, settings: OperatorSettings, cluster: RayCluster) -> OperatorSettings:
    """The settings with the memory of new workers; says what the host cannot keep."""
    sized, found = host.sized(settings, cluster), host.capacity(cluster.provider.name)
    if found:
        policy = policy_from(sized)
        for problem in filter(None, (overbooked(policy, settings.num_cpus, found[0]), oversold(policy, found[1]))):
            terminal.warn(problem)
    return sized


def _tell_who_goes(settings: OperatorSettings, running: int) -> None:
    """Workers of start-ray are the watcher's from now on: those above the minimum go when they are idle."""
    policy = policy_from(settings)
    if running > policy.fewest:
        idle = min(kind.idle_timeout for kind in policy.worker_types)
        terminal.note(
            f"{terminal.count(running, 'worker')} running: those that are idle for {idle:g} s are removed, down to "
            f"{policy.fewest} (--min-workers keeps more)"
        )


def _token(settings: OperatorSettings, head: HeadStatus) -> dict[str, str]:
    """The file with the head's token; a copy of the token if another command, or Compose, started the head."""
    if head.token in {None, settings.ray_token.read()}:
        return {}
    copy = settings.state_dir / "watcher" / settings.cluster / "ray-token"
    secret_files.write(copy, str(head.token))
    return {variable("ray_auth_token_path"): str(copy)}


def _where(host: Host, settings: OperatorSettings, cluster: RayCluster) -> dict[str, str]:
    """Provider and image of new workers."""
    name = cluster.provider.name
    return {variable("provider"): name} | ({variable("image"): host.image(settings)} if name == "docker" else {})
