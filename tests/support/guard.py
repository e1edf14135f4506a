"""Holds tests to what is their own: a program or a connection that could reach a user's cluster is refused.

Who runs the tests may have a watcher of cluster `default` at the default ports. So every program of ours that a test
starts must be given a cluster, a state directory and addresses of its own, and no test may use a default port itself.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray_watcher.demo.environment import forget_settings
from scaler.config.settings import default_state_dir
from support.guide_script import LIVE
from support.own import ADDRESSES

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

DEFAULT_PORTS = frozenset({6379, 8265, 10001, 9811, 9812, 9090, 9093})
DEFAULT_CLUSTER = "default"
DEFAULT_STATE_DIR = str(default_state_dir())
NAMES = ("WATCHER_CLUSTER", "WATCHER_STATE_DIR")
NEEDED = {  # by program: what its environment has to name
    "ray-watcher": (*NAMES, *ADDRESSES),
    "scaler": (*NAMES, "WATCHER_LISTEN", "WATCHER_EXPORTER_URL", "RAY_GCS_ADDRESS", "RAY_HEAD_ADDRESS"),
    "exporter": ("WATCHER_EXPORTER_LISTEN", "RAY_GCS_ADDRESS", "RAY_DASHBOARD_METRIC_API"),
}
WITHOUT_A_CLUSTER = {
    "--help",
    "--version",
    "build-image",
    "check-config",
    "completion",
    "copy-config",
    "demo",
    "help",
    "mixin",
}
_VERB = re.compile(r"(?<!=)(?:ray-watcher|(?:infra|ray_watcher)\.py|-m ray_watcher)\s+([a-z-]+)")
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.MULTILINE)
_MODULE = re.compile(r"-m (scaler|exporter)(?:\s(?!--help)|$)")


class NotOurOwnError(RuntimeError):
    """A test reaches for what it has not made."""


refused: list[str] = []  # also where the code under test survives the error


def problem(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What is missing of `environment` for the programs that `command` starts; empty if it is their own."""
    missing = sorted(name for name in _needed(" ".join(command)) if not _is_own(name, environment.get(name, "")))
    return f"{command} needs its own {', '.join(missing)}" if missing else ""


def _needed(line: str) -> set[str]:
    line = _COMMENT.sub("", line)
    programs = {"ray-watcher"} if set(_VERB.findall(line)) - WITHOUT_A_CLUSTER else set()
    return {name for program in programs | set(_MODULE.findall(line)) for name in NEEDED[program]}


def _is_own(name: str, value: str) -> bool:
    if name == "WATCHER_CLUSTER":
        return value not in {"", DEFAULT_CLUSTER}
    if name == "WATCHER_STATE_DIR":
        return bool(value) and not Path(DEFAULT_STATE_DIR).is_relative_to(value)
    return bool(value) and not {int(port) for port in re.findall(r":(\d+)", value)} & DEFAULT_PORTS


def hear(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook. Raises `NotOurOwnError`, and notes it in `refused`."""
    if event == "subprocess.Popen":
        _, command, _, environment = arguments
        words = [command] if isinstance(command, str | bytes) else list(command)
        _refuse(problem([os.fsdecode(word) for word in words], os.environ if environment is None else environment))
    elif event in {"socket.bind", "socket.connect"}:
        address = arguments[1]
        if isinstance(address, tuple) and address[1] in DEFAULT_PORTS:
            _refuse(f"{event} {address}: a default port")
    elif event in {"open", "os.mkdir"} and str(arguments[0]).startswith(DEFAULT_STATE_DIR):
        _refuse(f"{event} {arguments[0]}: the default state directory")


def _refuse(reason: str) -> None:
    if reason:
        refused.append(reason)
        raise NotOurOwnError(reason)


def install(environ: MutableMapping[str, str]) -> None:
    """Drop a user's own settings and begin to hear, unless a person has asked for a test of their running cluster."""
    if LIVE not in environ:
        forget_settings(environ)
        sys.addaudithook(hear)
