"""The watcher's programs with a second Alertmanager: a pair that gossips, and sends to the scaler through a proxy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from ray_watcher.stack import monitoring, supervisord
from ray_watcher.stack.stack import programs_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ray_watcher.stack.stack import Stack


def programs(
    stack: Stack, to_scaler: int, ports: tuple[int, int], gossip: tuple[int, int]
) -> list[supervisord.Program]:
    """The four programs, and a second Alertmanager that makes a pair with the first."""
    by_name = {program.name: program for program in programs_of(stack)}
    directory = stack.directory / "monitoring"
    _edit(directory / "alertmanager.yml", lambda config: _send_to(config, to_scaler))
    _edit(directory / "prometheus.yml", lambda config: _send_alerts_to(config, ports))
    for number, name in enumerate(("alertmanager", "alertmanager-b")):
        addresses = replace(stack.addresses, alertmanager=f"127.0.0.1:{ports[number]}")
        command = monitoring.alertmanager_command(directory, addresses, stack.directory / "data" / name)
        pair = [
            f"--cluster.listen-address=127.0.0.1:{gossip[number]}",
            f"--cluster.advertise-address=127.0.0.1:{gossip[number]}",
            f"--cluster.peer=127.0.0.1:{gossip[1 - number]}",
            "--cluster.peer-timeout=1s",
            "--cluster.settle-timeout=2s",
        ]
        command = [argument for argument in command if not argument.startswith("--cluster.")] + pair
        by_name[name] = supervisord.Program(name, tuple(command), f"http://127.0.0.1:{ports[number]}/-/healthy")
    return [by_name[name] for name in ("exporter", "prometheus", "alertmanager", "alertmanager-b", "scaler")]


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def _send_to(config: dict[str, Any], port: int) -> None:
    for receiver in config["receivers"]:
        for webhook in receiver.get("webhook_configs", ()):
            webhook["url"] = f"http://127.0.0.1:{port}/alerts"


def _send_alerts_to(config: dict[str, Any], ports: tuple[int, int]) -> None:
    targets = [f"127.0.0.1:{port}" for port in ports]
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": targets}]
