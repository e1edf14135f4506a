"""Processes of this host, found by a marker in their environment; and the ports they hold.

A marker outlives pids: it identifies a process even after a restart of its starter. Some of Ray's
processes write their title over their own environment (`ray::DashboardAgent`, `ray-dashboard-*`), so the
session that the marked process leads speaks for them too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import socket
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Collection

    Processes = Collection[psutil.Process]

POLL_SECONDS = 0.02
KILL_SECONDS = 10.0  # a killed process ends at once, unless the host is overloaded
LOWEST_PORT, HIGHEST_PORT = 20_000, 32_000  # below what Linux hands out to outgoing connections


def has_marker(process: psutil.Process, name: str, value: str) -> bool:
    """Whether `process` lives and has `name=value` in its environment, as far as we may read it."""
    return _marker(process, name) == value


def marked_below(name: str, prefix: str) -> list[psutil.Process]:
    """Every living process whose marker begins with `prefix`: all that was started for one directory."""
    return [process for process in psutil.process_iter() if _marker(process, name).startswith(prefix)]


def _marker(process: psutil.Process, name: str) -> str:
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else process.environ().get(name, "")
    except (psutil.Error, OSError):
        return ""  # gone meanwhile, or another user's


def marked(name: str, value: str, session: int | None = None) -> list[psutil.Process]:
    """Every living process with the marker, and those of `session` unless another process took its number."""
    living = list(psutil.process_iter())
    leader = next((process for process in living if process.pid == session), None)
    if leader is not None and not has_marker(leader, name, value):
        session = None
    return [process for process in living if has_marker(process, name, value) or _is_in(process, session)]


def _is_in(process: psutil.Process, session: int | None) -> bool:
    try:
        return os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def terminate(processes: Processes) -> None:
    """Ask each to end (SIGTERM); those that are gone are fine."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()


def wait_gone(processes: Processes, timeout_seconds: float) -> list[psutil.Process]:
    """Those that still live after `timeout_seconds`.

    Not `psutil.wait_procs`: it also waits until the parent has reaped the process, and some init processes do
    that rarely.
    """
    deadline = time.monotonic() + timeout_seconds
    while (alive := [process for process in processes if not _has_ended(process)]) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return alive


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def kill(processes: Processes) -> list[psutil.Process]:
    """Kill each (SIGKILL) and wait; the survivors, normally none."""
    targets = list(processes)
    for process in targets:
        with contextlib.suppress(psutil.Error):
            process.kill()
    return wait_gone(targets, KILL_SECONDS)


def free_ports(count: int, avoid: Collection[int] = ()) -> list[int]:
    """`count` distinct ports that nothing listens on now and that are not in `avoid`.

    Two callers that know of each other pass each other's ports in `avoid`; the random order, which no seed repeats,
    keeps those apart that do not. Raises `OSError` if the host does not have enough of them.
    """
    candidates = list(range(LOWEST_PORT, HIGHEST_PORT))
    random.SystemRandom().shuffle(candidates)
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            return found
        if port not in avoid and _can_bind("", port):
            found.append(port)
    raise OSError(f"wanted {count} free ports between {LOWEST_PORT} and {HIGHEST_PORT}, found {len(found)}")


def _can_bind(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
        try:
            probe.bind((host, port))
        except OSError as error:  # other faults of the address are reported by its program
            return error.errno != errno.EADDRINUSE
        return True


def port_taken(host: str, port: int) -> str | None:
    """The process that holds `host:port`, for people; None if it can be bound."""
    if _can_bind(host, port):
        return None
    with contextlib.suppress(psutil.Error, OSError):  # some hosts do not let every user ask
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and local and local.port == port and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another process"


def accepts(host: str, port: int, timeout_seconds: float = 1.0) -> bool:
    """Whether something accepts TCP connections on `host:port`."""
    try:
        with socket.create_connection((host, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False
