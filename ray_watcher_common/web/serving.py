"""What programs that serve HTTP have in common: an address of their own, and a clean end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from ray_watcher_common.program.settings import split_host_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class AddressInUseError(OSError):
    """The address cannot be listened on: something else has it, or it is not this host's."""


@contextlib.contextmanager
def until_signalled() -> Iterator[None]:
    """Run the body until SIGTERM or SIGINT."""

    def stop(_signum: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop)
    with contextlib.suppress(SystemExit):
        yield


def bind(listen: str) -> socket.socket:
    """A socket that holds the address `listen` (`HOST:PORT`): take it before doing what only one may do.

    Raises `AddressInUseError` if the address is not available.
    """
    host, port = split_host_port(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except socket.gaierror as error:
        raise AddressInUseError(f"cannot listen on {listen}: {error.strerror}") from error
    except OSError as error:
        raise AddressInUseError(f"cannot listen on {listen}: {os.strerror(error.errno or 0)}") from error


def fail(message: str) -> None:
    """End the program for a user's mistake: the message on standard error, exit code 2."""
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(2)
