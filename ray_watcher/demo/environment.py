"""The environment of a demo: its own name, directory, ports and settings, so that it never touches a user's cluster."""

from __future__ import annotations

import secrets
import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ray_watcher.settings import OperatorSettings, as_environment
from ray_watcher_common.host.detached import MARKER
from ray_watcher_common.host.processes import free_ports, marked_below
from ray_watcher_common.program.settings import load

if TYPE_CHECKING:
    from collections.abc import MutableMapping

KEPT_VARIABLES = frozenset({"RAY_IMAGE"})
WORKER_CPUS, MAX_WORKERS = 1, 4
OBJECT_STORE_BYTES = 100_000_000
IDLE_SECONDS, COOLDOWN_SECONDS, CHECK_SECONDS = 5, 1, 2
GONE_SECONDS = 5.0  # a killed process may take a moment to leave the table


@dataclass(frozen=True)
class Environment:
    """Name, directory and settings of one demo."""

    name: str
    directory: Path
    settings: OperatorSettings

    def remains(self) -> list[str]:
        """Running processes of this demo, for people; waits up to `GONE_SECONDS` for those that are ending."""
        deadline = time.monotonic() + GONE_SECONDS
        while (found := _marked(str(self.directory))) and time.monotonic() < deadline:
            time.sleep(0.2)
        return found

    def exports(self) -> str:
        """Shell lines that point every verb of `ray-watcher` at this demo's cluster."""
        variables = sorted(as_environment(self.settings).items())
        return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables)

    def with_image(self, image: str) -> Environment:
        """The same environment with another image for head and workers."""
        return replace(self, settings=self.settings.model_copy(update={"image": image}))

    def clear(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)


def forget_settings(environ: MutableMapping[str, str]) -> None:
    """Remove the user's settings for a cluster of their own: a demo always has the same settings."""
    for name in list(environ):
        if name.startswith(("WATCHER_", "RAY_", "ALERTMANAGER_")) and name not in KEPT_VARIABLES:
            del environ[name]


def make_environment(provider: str) -> Environment:
    """A new environment on free ports."""
    name = f"demo-{secrets.token_hex(3)}"
    directory = Path(tempfile.mkdtemp(prefix=f"ray-watcher-{name}-")).resolve()
    gcs, dashboard, client, exporter, scaler, prometheus, alertmanager = free_ports(7)
    settings = load(
        OperatorSettings,
        provider=provider,
        cluster=name,
        network=name,
        state_dir=directory,
        ray_head_address=f"127.0.0.1:{client}",
        ray_gcs_address=f"127.0.0.1:{gcs}",
        ray_dashboard_metric_api=f"http://127.0.0.1:{dashboard}/api",
        exporter_listen=f"127.0.0.1:{exporter}",
        exporter_url=f"http://127.0.0.1:{exporter}",
        listen=f"127.0.0.1:{scaler}",
        prometheus_listen=f"127.0.0.1:{prometheus}",
        alertmanager_listen=f"127.0.0.1:{alertmanager}",
        num_cpus=WORKER_CPUS,
        object_store_memory=OBJECT_STORE_BYTES,
        max_workers=MAX_WORKERS,
        check_interval=CHECK_SECONDS,
        cooldown=COOLDOWN_SECONDS,
        scale_down_cooldown=COOLDOWN_SECONDS,
        idle_timeout=IDLE_SECONDS,
    )
    return Environment(name, directory, settings)


def _marked(directory: str) -> list[str]:
    return [f"{process.pid} {_name(process)}" for process in marked_below(MARKER, directory)]


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return "ended"
