"""The connection to the Docker Engine. Every call is bounded in time."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import time
from typing import TYPE_CHECKING

import docker
from docker.constants import DEFAULT_DOCKER_API_VERSION

from ray_watcher_common.program.settings import SettingsError
from ray_watcher_common.urls import shown_url
from scaler.model.errors import ProviderUnavailableError
from scaler.providers.engine.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_SOCKET = "/var/run/docker.sock"
SCHEMES = ("unix", "http+unix", "tcp", "http", "https")  # of DOCKER_HOST; ssh would need another library
CALL_TIMEOUT_SECONDS = 20  # the slowest ordinary call, a start, takes 0.3 s on an idle host
PROBE_TIMEOUT_SECONDS = 3
POOL_SIZE = 80  # calls at the same time; docker-py's default of 10 would throw connections away
LOOK_SECONDS = 0.05  # between two checks in `wait_until`


class Connection:
    """The engine that DOCKER_HOST (or Docker's current context) names; connects with the first call."""

    def __init__(self, timeout_seconds: int = CALL_TIMEOUT_SECONDS) -> None:
        self._timeout = timeout_seconds

    @functools.cached_property
    def _api(self) -> docker.APIClient:
        return _connect(self._timeout)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        if api := self.__dict__.pop("_api", None):
            api.close()

    def ping(self) -> None:
        """Raises `ProviderUnavailableError` if the engine does not respond."""
        with translated("reach the Docker Engine"):
            self._api.ping()

    @functools.cached_property
    def capacity(self) -> tuple[int, int]:
        """CPUs and bytes of memory of the engine's host."""
        with translated("ask the Docker Engine for its host"):
            info = self._api.info()
            return int(info["NCPU"]), int(info["MemTotal"])


def docker_answers() -> bool:
    """Whether a Docker Engine answers here, in at most some seconds. Raises `SettingsError` for DOCKER_HOST."""
    try:
        with contextlib.closing(Connection(PROBE_TIMEOUT_SECONDS)) as engine:
            engine.ping()
    except ProviderUnavailableError:
        return False
    return True


def _connect(timeout_seconds: int) -> docker.APIClient:
    """Agree on the API version in a first call, and only then use it.

    With `trust_env` requests would let REQUESTS_CA_BUNDLE override the CA that DOCKER_CERT_PATH names;
    docker-py's own negotiation runs before it could be switched off.
    """
    with translated("reach the Docker Engine"):
        _require_socket()
        probe = docker.from_env(version=DEFAULT_DOCKER_API_VERSION, timeout=timeout_seconds).api
        probe.trust_env = False
        version = probe.version(api_version=False)["ApiVersion"]
        probe.close()
        api = docker.from_env(version=version, timeout=timeout_seconds, max_pool_size=POOL_SIZE).api
        api.trust_env = False
        return api


def _require_socket() -> None:
    """A plain connection first: docker-py leaks its own if the socket is dead, and hides the reason."""
    scheme, separator, path = os.environ.get("DOCKER_HOST", f"unix://{DEFAULT_SOCKET}").partition("://")
    if separator and scheme not in SCHEMES:
        got = os.environ["DOCKER_HOST"]
        raise SettingsError(f"DOCKER_HOST: got {shown_url(got)!r}, wanted unix:///PATH or tcp://HOST:PORT")
    if scheme == "unix" and ("DOCKER_HOST" in os.environ or os.path.exists(path)):  # noqa: PTH110  # a path as text
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PROBE_TIMEOUT_SECONDS)
            probe.connect(path)


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait at most `seconds` until `holds` returns true; returns whether it did."""
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return held
