"""`python -m ray_watcher.commands.contained`: the watcher as the main program of a container in the cluster's network.

scripts/in_container.py prepares the container. Head and workers are containers of the engine behind the mounted
socket, which reach each other by name.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ray_watcher.cluster.docker import HEAD_LABEL
from ray_watcher.commands.watcher import stack_for
from ray_watcher.errors import AlreadyRunningError, NotRunningError, WatcherError
from ray_watcher.host import Host
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings, variable
from ray_watcher.stack import control
from ray_watcher.tail import tail_file
from ray_watcher_common import secret_files
from ray_watcher_common.program.settings import SettingsError, load, split_host_port
from scaler.config.settings import LOOPBACK_HOSTS
from scaler.model.errors import ProviderError, ScalerError
from scaler.providers.engine import Engine
from scaler.providers.worker_container import CLUSTER_LABEL, GCS_PORT, container_name

if TYPE_CHECKING:
    from ray_watcher.stack.stack import Stack

DASHBOARD_PORT = 8265  # of the head, in its container
LOOK_SECONDS = 5.0  # between looks for the head's token, and for the end of supervisord


def inside(settings: OperatorSettings) -> OperatorSettings:
    """The settings as seen from the cluster's network, where loopback is this container's own."""
    if split_host_port(settings.gcs_address)[0] not in LOOPBACK_HOSTS:
        return settings
    head = container_name(settings.cluster, "head")
    seen = {
        "provider": "docker",
        "ray_gcs_address": f"{head}:{GCS_PORT}",
        "ray_head_address": f"{head}:10001",
        "ray_dashboard_metric_api": f"http://{head}:{DASHBOARD_PORT}/api",
    }
    return settings.model_copy(update=seen)


def _image_of_head(settings: OperatorSettings) -> OperatorSettings:
    """Workers have the image of the head, unless RAY_IMAGE names another."""
    if "image" in settings.model_fields_set:
        return settings
    with contextlib.suppress(ProviderError):
        for found in Engine().containers([f"{CLUSTER_LABEL}={settings.cluster}", HEAD_LABEL]):
            return settings.model_copy(update={"image": found.image})
    return settings


def _keep_token(host: Host, settings: OperatorSettings, stack: Stack) -> None:
    """Write down the token of the head that is running now: it may come, and change, after us."""
    path = Path(stack.environment[variable("ray_auth_token_path")])
    with contextlib.suppress(WatcherError, ScalerError):
        head = host.running_cluster(settings).head()
        if head and head.token and head.token != settings.ray_token.read():
            secret_files.write(path, head.token)


def run(host: Host, settings: OperatorSettings, stopped: threading.Event) -> int:
    """Start, print the scaler's log, and stop when told to; the exit code."""
    settings = _image_of_head(inside(settings))
    if host.runs(settings):
        raise AlreadyRunningError(f"a watcher of cluster '{settings.cluster}' is running already")
    stack = stack_for(host, settings, inside=True)
    _keep_token(host, settings, stack)
    control.start(stack, host.programs(stack))
    terminal.note(
        f"watcher of cluster '{settings.cluster}' running; its commands: docker exec CONTAINER python "
        "scripts/infra.py watcher-status"
    )
    threading.Thread(target=_print_log, args=(stack,), daemon=True).start()
    while not stopped.wait(LOOK_SECONDS) and stack.supervisor.state().running:
        _keep_token(host, settings, stack)
    with contextlib.suppress(NotRunningError):
        control.stop(stack)
    return 0 if stopped.is_set() else 1


def _print_log(stack: Stack) -> None:
    for line in tail_file(stack.log("scaler"), 1000, follow=True):
        terminal.log_line(line)
        sys.stdout.flush()


@click.command()
def main() -> None:
    """Run the watcher in the foreground; environment variables configure it."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        sys.exit(run(Host(), load(OperatorSettings), stopped))
    except (WatcherError, SettingsError, ScalerError) as error:
        terminal.error(str(error))
        sys.exit(getattr(error, "exit_code", 2))


if __name__ == "__main__":
    main()
