"""What a test starts is its own: the cluster's name, network, project, state directory and ports."""

from __future__ import annotations

import fcntl
import itertools
import os
import secrets
import socket
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from support import leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESSES = {
    "RAY_GCS_ADDRESS": "127.0.0.1:{}",
    "RAY_HEAD_ADDRESS": "127.0.0.1:{}",
    "RAY_DASHBOARD_METRIC_API": "http://127.0.0.1:{}/api",
    "WATCHER_EXPORTER_LISTEN": "127.0.0.1:{}",
    "WATCHER_LISTEN": "127.0.0.1:{}",
    "WATCHER_PROMETHEUS_LISTEN": "127.0.0.1:{}",
    "WATCHER_ALERTMANAGER_LISTEN": "127.0.0.1:{}",
}
_LOCK = threading.Lock()
LOWEST_PORT, BLOCK, BLOCKS = 32_000, 48, 16  # above those that the programs choose themselves, below outgoing ones


def own_ports(count: int) -> list[int]:
    """`count` distinct ports that are free, and that no other process which runs tests is given.

    Raises `OSError` if this process has not so many.
    """
    with _LOCK:
        free = [port for port in itertools.islice(_own_ports(), BLOCK) if _is_free(port)][:count]
        if len(free) < count:
            raise OSError(f"wanted {count} free ports of this process, found {len(free)}")
        for _ in itertools.takewhile(lambda port: port != free[-1], _own_ports()):
            pass  # the next call continues behind the last one
        return free


def own_name(beginning: str) -> str:
    """A name that no other test has, nor this one at another time; what bears it does not outlive the run."""
    name = f"{beginning}-{secrets.token_hex(3)}"
    leftovers.record(name)
    return name


def own_environment(cluster: str, directory: Path, provider: str = "process", **more: str) -> dict[str, str]:
    """The variables of a cluster, with `more` of them; nothing listens at its addresses yet."""
    ports = own_ports(len(ADDRESSES))
    return {
        **{variable: text.format(port) for (variable, text), port in zip(ADDRESSES.items(), ports, strict=True)},
        "WATCHER_STATE_DIR": str(directory),
        "WATCHER_PROVIDER": provider,
        "WATCHER_CLUSTER": cluster,
        "WATCHER_NETWORK": cluster,
        **more,
    }


@cache
def _own_ports() -> Iterator[int]:
    """The ports of this process, over and over."""
    first = LOWEST_PORT + _own_block() * BLOCK
    return itertools.cycle(range(first, first + BLOCK))


def _own_block() -> int:
    """The first block of ports that no other process holds; ours until this process ends."""
    for number in range(BLOCKS):
        path = Path(tempfile.gettempdir()) / f"ray-watcher-tests-{os.getuid()}-{number}.lock"
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return number  # the descriptor stays open, and with it the lock
    raise OSError(f"{BLOCKS} processes run tests on this machine already")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
