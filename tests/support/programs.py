"""Programs of others, such as Prometheus, that a test runs for a while."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

from ray_watcher.stack.monitoring import alertmanager_command, prometheus_command, write_monitoring

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ray_watcher.stack.monitoring import Addresses


@contextlib.contextmanager
def running(
    command: list[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The program until the block ends, with its output in `log`; then it is killed: no test keeps its data."""
    with log.open("w") as output, subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def monitoring(directory: Path, addresses: Addresses) -> Iterator[None]:
    """Prometheus and Alertmanager with the shipped configuration, which is written to `directory`."""
    write_monitoring(directory, addresses)
    alertmanager = alertmanager_command(directory, addresses, directory / "alertmanager")
    prometheus = prometheus_command(directory, addresses, directory / "data")
    with (
        running(alertmanager, directory / "alertmanager.log"),
        running(prometheus, directory / "prometheus.log"),
    ):
        yield
