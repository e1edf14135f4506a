"""supervisord, seen from outside: its configuration as text, and its XML-RPC over a unix socket.

Facts are from the documentation of supervisor 4.3 (configuration file, XML-RPC API) and its `http.py`.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shlex
import shutil
import socket
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_SOCKET_PATH = 90  # Linux takes 107 bytes, and supervisord binds to PATH.<pid> before it renames
SOCKET = "supervisor.sock"
RPC_TIMEOUT_SECONDS = 5.0
LOG_BYTES, LOG_BACKUPS = 10_000_000, 3  # for each program


@dataclass(frozen=True)
class Program:
    """A program to keep running."""

    name: str
    command: tuple[str, ...]
    ready_url: str  # answers 200 when the program is up
    stop_seconds: int = 10  # from SIGTERM to SIGKILL


@dataclass(frozen=True)
class ProgramState:
    """A program as supervisord sees it; `state` is one of supervisord's own words."""

    name: str
    state: str
    pid: int | None
    started_at: float  # unix seconds, 0 where it never ran
    detail: str


def socket_path(directory: Path) -> Path:
    """Where supervisord listens for this directory: inside it, or under /tmp where that path is too long."""
    inside = directory / SOCKET
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    return Path("/tmp") / f"ray-watcher-{os.getuid()}-{digest}" / SOCKET  # noqa: S108  # see `prepare_socket`


def prepare_socket(directory: Path) -> None:
    """Make the socket's directory; beside other people's files it is ours alone.

    Raises `PermissionError` where someone else has made it.
    """
    parent = socket_path(directory).parent
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if parent.stat().st_uid != os.getuid():
        raise PermissionError(f"{parent} belongs to another user")


def remove_socket(directory: Path) -> None:
    """Remove the socket, and its directory where that was made for it alone."""
    socket_path(directory).unlink(missing_ok=True)
    if socket_path(directory).parent != directory:
        shutil.rmtree(socket_path(directory).parent, ignore_errors=True)


def log_path(directory: Path, program: str) -> Path:
    """The log of one program, or of supervisord itself."""
    return directory / f"{program}.log"


def render(programs: Sequence[Program], directory: Path) -> str:
    """The text of supervisord.conf. One group: its programs start in this order, and are told to stop all at once."""
    return "\n".join(
        [
            *_section("unix_http_server", file=socket_path(directory), chmod="0700"),
            *_section(
                "supervisord",
                logfile=log_path(directory, "supervisord"),
                logfile_maxbytes=LOG_BYTES,
                logfile_backups=1,
                pidfile=directory / "supervisord.pid",
                directory=directory,
                identifier="ray-watcher",
                **({"user": 0} if os.getuid() == 0 else {}),  # said aloud, or it warns that it runs as root
            ),
            *_section(
                "rpcinterface:supervisor",
                **{"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
            ),
            *_section("group:watcher", programs=",".join(program.name for program in programs)),
            *(line for place, program in enumerate(programs) for line in _program(program, directory, place)),
        ]
    )


def _program(program: Program, directory: Path, place: int) -> list[str]:
    return _section(
        f"program:{program.name}",
        command=shlex.join(program.command),
        priority=place + 1,
        autostart="true",
        autorestart="true",
        startsecs=1,
        startretries=1000,  # a second longer each time: what fails for an hour is still tried
        stopsignal="TERM",
        stopwaitsecs=program.stop_seconds,
        redirect_stderr="true",
        stdout_logfile=log_path(directory, program.name),
        stdout_logfile_maxbytes=LOG_BYTES,
        stdout_logfile_backups=LOG_BACKUPS,
    )


def _section(title: str, **entries: object) -> list[str]:
    return [f"[{title}]", *(f"{key}={str(value).replace('%', '%%')}" for key, value in entries.items()), ""]


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket; every wait is bounded."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=RPC_TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _Connection(self._path)
        self._connection = host, connection  # the base class closes what stands here
        return connection


class SilentError(Exception):
    """supervisord does not answer."""


def call(directory: Path, method: str) -> Any:
    """One XML-RPC call. Raises `SilentError`."""
    proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(socket_path(directory)))
    try:
        with proxy:
            return getattr(proxy, f"supervisor.{method}")()
    except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
        raise SilentError(f"supervisord does not answer at {socket_path(directory)}: {error}") from error


def states(directory: Path) -> tuple[ProgramState, ...]:
    """Every program's state. Raises `SilentError`."""
    return tuple(
        ProgramState(
            name=info["name"],
            state=info["statename"],
            pid=info["pid"] or None,
            started_at=float(info["start"]),
            detail=info["description"] or info["spawnerr"],
        )
        for info in call(directory, "getAllProcessInfo")
    )
