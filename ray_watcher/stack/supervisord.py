"""supervisord from outside: its configuration as text, and calls of its XML-RPC interface over a unix socket.

supervisord expands `%` in the names of log files twice, and cuts lines at ` ;` and ` #`, so its configuration names
files relative to the directory that it runs in: the user's directory may have any name. Facts are from the
documentation and the code (`options.py`, `xmlrpc.py`) of supervisor 4.3.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shlex
import shutil
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_SOCKET_PATH = 90  # Linux takes 107 bytes, and supervisord binds to PATH.<pid> before it renames
SOCKET = "supervisor.sock"
RPC_TIMEOUT_SECONDS = 5.0
RUNS_IN = "supervisord"  # its own directory, within that of the stack
COMMENT = re.compile(r"(?<=\s)(?=[;#])")  # where its configuration parser sees a comment begin
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
    """A program as supervisord sees it; `state` is one of supervisord's own."""

    name: str
    state: str
    pid: int | None
    started_at: float  # unix seconds, 0 if it has never run
    detail: str


def socket_path(directory: Path) -> Path:
    """Where supervisord listens for this directory: inside it, or under /tmp if that path is too long."""
    inside = directory / SOCKET
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    return Path("/tmp") / f"ray-watcher-{os.getuid()}-{digest}" / SOCKET  # noqa: S108  # see `prepare_socket`


def prepare_socket(directory: Path) -> None:
    """Make the socket's directory; under /tmp no one else may use it.

    Raises `PermissionError` if someone else has made it.
    """
    parent = socket_path(directory).parent
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if parent.stat().st_uid != os.getuid():
        raise PermissionError(f"{parent} belongs to another user")


def remove_socket(directory: Path) -> None:
    """Remove the socket, and its directory if that was made for it alone."""
    socket_path(directory).unlink(missing_ok=True)
    if socket_path(directory).parent != directory:
        shutil.rmtree(socket_path(directory).parent, ignore_errors=True)


def log_path(directory: Path, program: str) -> Path:
    """The log of one program, or of supervisord itself."""
    return directory / f"{program}.log"


def render(programs: Sequence[Program], directory: Path) -> str:
    """The text of supervisord.conf, for a supervisord that runs in `RUNS_IN` of `directory`.

    One group: its programs start in this order, and stop all at once.
    """
    return "\n".join(
        [
            *_section("unix_http_server", file=_as_seen(socket_path(directory), directory), chmod="0700"),
            *_section(
                "supervisord",
                logfile=_as_seen(log_path(directory, "supervisord"), directory),
                logfile_maxbytes=LOG_BYTES,
                logfile_backups=1,
                pidfile=_as_seen(directory / "supervisord.pid", directory),
                identifier="ray-watcher",
                **({"user": 0} if os.getuid() == 0 else {}),  # or it warns that it runs as root
            ),
            *_section(
                "rpcinterface:supervisor",
                **{"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
            ),
            *_section("group:watcher", programs=",".join(program.name for program in programs)),
            *(line for place, program in enumerate(programs) for line in _program(program, directory, place)),
        ]
    )


def _as_seen(file: Path, directory: Path) -> str:
    """`file` as a path for supervisord; absolute only outside `directory`."""
    return f"../{file.relative_to(directory)}" if file.is_relative_to(directory) else str(file)


def _program(program: Program, directory: Path, place: int) -> list[str]:
    return _section(
        f"program:{program.name}",
        command=COMMENT.sub("''", shlex.join(program.command)),  # an empty string within quotes changes nothing
        priority=place + 1,
        autostart="true",
        autorestart="true",
        startsecs=1,
        startretries=1000,  # a second longer each time: after an hour of failures it is still tried
        stopsignal="TERM",
        stopwaitsecs=program.stop_seconds,
        redirect_stderr="true",
        stdout_logfile=_as_seen(log_path(directory, program.name), directory),
        stdout_logfile_maxbytes=LOG_BYTES,
        stdout_logfile_backups=LOG_BACKUPS,
    )


def _section(title: str, **entries: object) -> list[str]:
    return [f"[{title}]", *(f"{key}={str(value).replace('%', '%%')}" for key, value in entries.items()), ""]


def _transport(path: Path) -> Any:
    """Supervisor's own transport with a bound on each wait: a frozen supervisord does not answer."""
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(serverurl=f"unix://{path}")
    connection = transport._get_connection  # noqa: SLF001  # it has no way to set a timeout

    def bounded() -> http.client.HTTPConnection:
        made: http.client.HTTPConnection = connection()
        try:
            made.connect()
        except OSError:
            made.close()
            raise
        made.sock.settimeout(RPC_TIMEOUT_SECONDS)
        return made

    transport._get_connection = bounded  # noqa: SLF001
    return transport


class SilentError(Exception):
    """supervisord does not answer."""


def call(directory: Path, method: str) -> Any:
    """One XML-RPC call. Raises `SilentError`."""
    proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_transport(socket_path(directory)))
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
