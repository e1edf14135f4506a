"""The watcher's four programs as one value: exporter, Prometheus, Alertmanager and scaler.

A `Stack` consists of addresses, a directory and an environment, so that a second one (the demo's) can run at the
same time. `control` starts and stops it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from ray_watcher.errors import NotRunningError
from ray_watcher.settings import OperatorSettings, as_environment, variable
from ray_watcher.stack import monitoring, supervisord
from ray_watcher.stack.doors import Door, exporter_door, scaler_door
from ray_watcher.stack.supervisord import Program, ProgramState, SilentError
from ray_watcher_common import secret_files
from ray_watcher_common.host.detached import Detached

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TOKEN_FILE = "token"  # noqa: S105  # a file name, not a secret
MADE_TOKEN_FILE = "webhook-token"  # noqa: S105  # a file name; holds the token made on the first start if none is set


@dataclass(frozen=True)
class Stack:
    """Addresses, directory and settings of the four programs."""

    directory: Path
    addresses: monitoring.Addresses = field(default_factory=monitoring.Addresses)
    environment: Mapping[str, str] = field(default_factory=dict)
    configuration: Path = monitoring.SHIPPED_DIRECTORY  # prometheus.yml, alertmanager.yml and rules/

    @property
    def listens(self) -> dict[str, str]:
        """`HOST:PORT` by program, in starting order."""
        return {
            "exporter": self.addresses.exporter,
            "prometheus": self.addresses.prometheus,
            "alertmanager": self.addresses.alertmanager,
            "scaler": self.addresses.scaler,
        }

    @property
    def supervisor(self) -> Detached:
        """The supervisord that keeps the programs running."""
        return Detached(self.directory / supervisord.RUNS_IN)

    @property
    def token_file(self) -> Path:
        """The file from which Alertmanager reads a token of the environment; exists while the stack runs."""
        return self.directory / TOKEN_FILE

    def token(self) -> str | None:
        """The token that the scaler's API requires; None if none was written yet."""
        file = self.addresses.token_file
        return file.read_text(encoding="utf-8").strip() if file and file.exists() else None

    def log(self, program: str) -> Path:
        """The log file of a program."""
        return supervisord.log_path(self.directory, program)

    def url(self, program: str) -> str:
        """The base URL of a program."""
        own = {"exporter": self.addresses.exporter_door, "scaler": self.addresses.scaler_door}
        return own.get(program, Door()).url(self.listens[program])


def stack_of(settings: OperatorSettings, **environment: str) -> Stack:
    """The stack that the settings describe; `environment` is added to that of its programs.

    Raises `SettingsError` for a web configuration that the stack's programs could not work with.
    """
    exporter, scaler = exporter_door(settings), scaler_door(settings)
    directory = settings.state_dir.expanduser().resolve()
    watcher = directory / "watcher" / settings.cluster
    token_file = settings.token_file or watcher / (TOKEN_FILE if settings.token else MADE_TOKEN_FILE)
    passed = {
        variable("state_dir"): str(directory),
        variable("exporter_url"): exporter.url(f"{quote(exporter.user)}@{settings.exporter_listen}".lstrip("@")),
        variable("alertmanager_url"): settings.alertmanager_url or f"http://{settings.alertmanager_listen}",
        variable("ray_auth_token_path"): str(settings.ray_token_file),  # the exporter has no state directory
        variable("links"): settings.links or _links(settings),
    }
    return Stack(
        directory=watcher,
        addresses=monitoring.Addresses(
            exporter=settings.exporter_listen,
            scaler=settings.listen,
            prometheus=settings.prometheus_listen,
            alertmanager=settings.alertmanager_listen,
            ray_dashboard=settings.ray_dashboard_metric_api,
            cluster=settings.cluster,
            token_file=token_file,
            exporter_door=exporter,
            scaler_door=scaler,
            ray_token_file=None if settings.ray_auth_mode == "disabled" else settings.ray_token_file,
        ),
        configuration=settings.prometheus_dir or monitoring.SHIPPED_DIRECTORY,
        environment={**as_environment(settings), **passed, variable("token_file"): str(token_file), **environment},
    )


def _links(settings: OperatorSettings) -> str:
    """What the scaler's page links to: the other programs, and Ray's dashboard."""
    addresses = {
        "Exporter": f"http://{settings.exporter_listen}",
        "Prometheus": f"http://{settings.prometheus_listen}",
        "Alertmanager": f"http://{settings.alertmanager_listen}",
        "Ray dashboard": settings.ray_dashboard_metric_api.removesuffix("/api"),
    }
    return ",".join(f"{name}={url}" for name, url in addresses.items())


def programs_of(stack: Stack) -> tuple[Program, ...]:
    """The four programs, in starting order; writes the configuration of Prometheus and Alertmanager.

    Raises `MissingError` if one of them is not installed.
    """
    directory = stack.directory / "monitoring"
    monitoring.write_monitoring(directory, stack.addresses, stack.configuration)
    data = stack.directory / "data"
    commands = {
        "exporter": [sys.executable, "-m", "exporter"],
        "prometheus": monitoring.prometheus_command(directory, stack.addresses, data / "prometheus"),
        "alertmanager": monitoring.alertmanager_command(directory, stack.addresses, data / "alertmanager"),
        "scaler": [sys.executable, "-m", "scaler"],
    }
    return tuple(
        Program(name, tuple(command), ready_url=f"{stack.url(name)}/-/healthy") for name, command in commands.items()
    )


def write_token(stack: Stack) -> None:
    """Write the webhook's token to a private file, which scaler and Alertmanager read.

    It is the token of the environment; without one, a token made on the first start and kept.
    """
    if (token := stack.environment.get(variable("token"))) and stack.addresses.token_file == stack.token_file:
        secret_files.write(stack.token_file, token)
    elif stack.addresses.token_file == stack.directory / MADE_TOKEN_FILE:
        secret_files.ensure(stack.addresses.token_file)


def program_states(stack: Stack) -> tuple[ProgramState, ...]:
    """Every program's state. Raises `NotRunningError`."""
    try:
        return supervisord.states(stack.directory)
    except SilentError:
        raise NotRunningError("the watcher is not running") from None
