"""The Docker Engine as plain values and our own errors: the only file that imports docker.

A dead or hung daemon shows up in docker-py as an exception of requests or urllib3, a refusal as one of
docker.errors; here the first becomes `ProviderUnavailableError`, the second `ProviderError` or, for a
container that was to be, `LaunchFailedError`. Every call is bounded in time.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import re
import socket
import time
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO

import docker
import docker.errors
import docker.types
import requests
import structlog
import urllib3
from docker.constants import DEFAULT_DOCKER_API_VERSION

from ray_watcher_common.host import last_words
from ray_watcher_common.program.settings import SettingsError
from ray_watcher_common.urls import shown_url
from scaler.model.errors import LaunchFailedError, ProviderError, ProviderUnavailableError
from scaler.providers.container import UNREADABLE, archive, content, from_listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from scaler.providers.container import Container, ContainerSpec

log = structlog.get_logger()

DEFAULT_SOCKET = "/var/run/docker.sock"
SCHEMES = ("unix", "http+unix", "tcp", "http", "https")  # of DOCKER_HOST; ssh would need another library
CALL_TIMEOUT_SECONDS = 20  # the slowest ordinary call, a start, takes 0.3 s on an idle host
PROBE_TIMEOUT_SECONDS = 3
BUILD_TIMEOUT_SECONDS = 900  # between two lines of a build: a download of some hundred MB
LAYER_ENDS = ("Already exists", "Pull complete")  # in the engine's words
LOG_LIMITS = {"max-size": "10m", "max-file": "3"}  # as in docker-compose.yml
POOL_SIZE = 80  # calls at the same time; docker-py's default of 10 would throw connections away
REMOVAL_SECONDS = 10.0
CREATION_SECONDS = 5.0  # it needs some 15 ms
LAST_LINES = 20  # in which the reason of an end is looked for
LOOK_SECONDS = 0.05  # between two checks in `soon`
NAMED_USER_ID = 1000  # of a named user that cannot be looked up: `ray`, in Ray's own images


def docker_answers() -> bool:
    """Whether a Docker Engine answers here, in at most some seconds. Raises `SettingsError` for DOCKER_HOST."""
    try:
        with contextlib.closing(Engine(PROBE_TIMEOUT_SECONDS)) as engine:
            engine.ping()
    except ProviderUnavailableError:
        return False
    return True


class Engine:
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
        with _translated("reach the Docker Engine"):
            self._api.ping()

    @functools.cached_property
    def capacity(self) -> tuple[int, int]:
        """CPUs and bytes of memory of the engine's host."""
        with _translated("ask the Docker Engine for its host"):
            info = self._api.info()
            return int(info["NCPU"]), int(info["MemTotal"])

    # --- containers ------------------------------------------------------------------------------------

    def containers(self, labels: Iterable[str]) -> list[Container]:
        """Containers that have all `labels` (`KEY` or `KEY=VALUE`), ended ones too; one call."""
        with _translated("list containers"):
            listed = self._api.containers(all=True, filters={"label": list(labels)})
        return [container for entry in listed if (container := _readable(entry))]

    def named(self, name: str) -> Container | None:
        """The container of exactly this name."""
        with _translated("list containers"):
            listed = self._api.containers(all=True, filters={"name": f"^/{re.escape(name)}$"})
        return next((container for entry in listed if (container := _readable(entry))), None)

    def publishing(self, port: int) -> Container | None:
        """The container that has published `port` of this machine."""
        with _translated("list containers"):
            listed = self._api.containers(filters={"publish": str(port)})
        return next((container for entry in listed if (container := _readable(entry))), None)

    def run(self, spec: ContainerSpec) -> None:
        """Create and start; on failure nothing is left. Raises `LaunchFailedError`.

        Not docker-py's own `run`, which pulls a missing image: minutes without a word.
        """
        with _translated(f"launch {spec.name}", LaunchFailedError):
            created = self._create(spec)
            try:
                self.write(created, spec.files)
                self._api.start(created)
            except BaseException:
                with contextlib.suppress(Exception):  # the reason is the first error
                    self._api.remove_container(created, v=True, force=True)
                raise

    def _create(self, spec: ContainerSpec) -> str:
        api = self._api
        gpus = [docker.types.DeviceRequest(count=spec.gpus, capabilities=[["gpu"]])] if spec.gpus else None
        host = api.create_host_config(
            init=True,  # reaps what Ray orphans, and passes signals on
            cap_drop=["ALL"] if spec.confined else None,
            security_opt=["no-new-privileges:true"] if spec.confined else None,
            pids_limit=spec.pids_limit or None,
            log_config=docker.types.LogConfig(type="json-file", config=LOG_LIMITS),
            network_mode=spec.network,
            shm_size=spec.shm_size,
            mem_limit=spec.mem_limit,
            nano_cpus=None if spec.cpus is None else int(spec.cpus * 1e9),
            device_requests=gpus,
            port_bindings={inside: ("127.0.0.1", outside) for inside, outside in spec.ports.items()},
        )
        try:
            created = api.create_container(
                image=spec.image,
                command=list(spec.command[1:]),
                entrypoint=[spec.command[0]],  # whatever ENTRYPOINT the image has would take ours for its arguments
                name=spec.name,
                labels=dict(spec.labels),
                environment=dict(spec.environment),
                ports=list(spec.ports),
                host_config=host,
                stop_timeout=spec.stop_seconds,
            )
        except docker.errors.ImageNotFound:
            raise LaunchFailedError(missing_image(spec.image)) from None
        return str(created["Id"])

    def write(self, container_id: str, files: Mapping[str, str]) -> None:
        """Put text files (by absolute path) into a container, readable by the user it runs as, and nobody else."""
        if files:
            with _translated("write into the container"):
                user = str(self._api.inspect_container(container_id)["Config"].get("User") or "0").partition(":")[0]
                self._api.put_archive(container_id, "/", archive(files, self._user_id(container_id, user)))

    def _user_id(self, container_id: str, user: str) -> int:
        """The id of a container's user; of a named one by its own /etc/passwd, if that can be read."""
        if user.isdecimal():
            return int(user)
        with contextlib.suppress(ProviderError, *UNREADABLE):  # the socket proxy gives out no files
            for line in (self.read(container_id, "/etc/passwd") or "").splitlines():
                name, _, user_id, *_ = line.split(":")
                if name == user:
                    return int(user_id)
        return NAMED_USER_ID

    def read(self, container_id: str, path: str) -> str | None:
        """The text file `path` of a container; None where it has none."""
        try:
            with _translated("read from the container"):
                chunks, _ = self._api.get_archive(container_id, path)
                return content(b"".join(chunks))
        except _GoneError:
            return None

    def await_creation(self, container_id: str) -> None:
        """Wait until the engine knows the container: it lists one some milliseconds before it answers for it."""
        soon(lambda: self._knows(container_id), CREATION_SECONDS)

    def start(self, container_id: str) -> None:
        """Start a container that was created only; one that runs is fine."""
        with _translated("start the container", LaunchFailedError):
            self._api.start(container_id)

    def rename(self, container_id: str, name: str) -> None:
        """Give the container another name. Raises `ConflictError` where another has it."""
        with _translated("rename the container"):
            self._api.rename(container_id, name)

    def stop(self, container_id: str, grace_seconds: float) -> None:
        """Stop, forcibly after `grace_seconds`; fine where it has ended or is gone."""
        with contextlib.suppress(_GoneError), _translated("stop the container"):
            self._api.stop(container_id, timeout=math.ceil(grace_seconds))

    def remove(self, container_id: str, grace_seconds: float) -> None:
        """Stop, forcibly after `grace_seconds`, and remove with its volumes; fine where it is gone."""
        self.stop(container_id, grace_seconds)
        try:
            with contextlib.suppress(_GoneError), _translated("remove the container"):
                self._api.remove_container(container_id, v=True, force=True)
        except ConflictError:  # someone else removes it already
            self._await_removal(container_id)

    def _await_removal(self, container_id: str) -> None:
        if not soon(lambda: not self._knows(container_id), REMOVAL_SECONDS):
            raise ProviderError(f"container {container_id[:12]} is still being removed after {REMOVAL_SECONDS:g} s")

    def _knows(self, container_id: str) -> bool:
        try:
            with _translated("look at the container"):
                self._api.inspect_container(container_id)
        except _GoneError:
            return False
        return True

    def started_at(self, container_id: str) -> float | None:
        """Unix seconds of the container's last start; None if it never started. Raises `ProviderError`."""
        with _translated("look at the container"):
            text = str(self._api.inspect_container(container_id)["State"]["StartedAt"])
        seconds = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
        return seconds if seconds > 0 else None  # the engine's zero is year 1

    def why_ended(self, container_id: str) -> str:
        """The engine's reason and that in the last lines of output; "" if there is neither."""
        reasons = []
        with contextlib.suppress(ProviderError), _translated("look at the container"):
            state = self._api.inspect_container(container_id).get("State") or {}
            reasons = ["out of memory"] if state.get("OOMKilled") else []
            reasons += [state["Error"]] if state.get("Error") else []
        with contextlib.suppress(ProviderError):
            reasons.append(last_words.reason(self.logs(container_id, tail=LAST_LINES, follow=False)))
        return "; ".join(filter(None, reasons))

    def logs(self, container_id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
        """Lines of output, the last `tail` (None: all), then, with `follow`, new ones until it ends."""
        with _translated("read the container's output"):
            unfinished = b""
            for chunk in self._api.logs(container_id, stream=True, follow=follow, tail="all" if tail is None else tail):
                *lines, unfinished = (unfinished + chunk).split(b"\n")
                yield from (line.decode("utf-8", "replace").rstrip("\r") for line in lines)
            if unfinished:
                yield unfinished.decode("utf-8", "replace")

    # --- networks --------------------------------------------------------------------------------------

    def ensure_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Create the network if it does not exist."""
        with _translated(f"create the network {name}"):
            if not self._networks(name):
                with contextlib.suppress(ConflictError), _translated(f"create the network {name}"):
                    self._api.create_network(name, driver="bridge", labels=dict(labels), check_duplicate=True)

    def remove_network(self, name: str, label: str) -> None:
        """Remove the network if it has `label` and nothing uses it any more; else leave it."""
        with _translated(f"remove the network {name}"):
            for network in self._networks(name):
                key, _, value = label.partition("=")
                if (network.get("Labels") or {}).get(key) == value:
                    with contextlib.suppress(ProviderError), _translated(f"remove the network {name}"):
                        self._api.remove_network(network["Id"])

    def _networks(self, name: str) -> list[Any]:
        return [network for network in self._api.networks(names=[name]) if network["Name"] == name]

    # --- images ----------------------------------------------------------------------------------------

    def image_labels(self, image: str) -> Mapping[str, str] | None:
        """Labels of a local image, None if there is no such image."""
        try:
            with _translated(f"look for the image {image}"):
                found: Mapping[str, Any] = self._api.inspect_image(image)  # type: ignore[no-untyped-call]  # the stubs' gap
                return found["Config"].get("Labels") or {}
        except _GoneError:
            return None

    def pull(self, image: str) -> Iterator[str]:
        """Fetch an image from its registry; yields a line for each layer. Raises `ProviderError` with the reason."""
        doing = f"pull the image {image}"
        with _translated(doing):
            for event in self._api.pull(image, stream=True, decode=True):
                if "error" in event:
                    raise ProviderError(f"cannot {doing}: {event['error'].strip()}")
                if "progressDetail" not in event or event["status"] in LAYER_ENDS:
                    yield " ".join(event[key] for key in ("id", "status") if key in event)

    def import_image(self, archive: BinaryIO, image: str, changes: Sequence[str]) -> None:
        """Make an image of one layer from a tar archive; `changes` are Dockerfile instructions."""
        repository, _, tag = image.rpartition(":")
        with _translated(f"import the image {image}"):
            reply = self._api.import_image_from_data(archive, repository=repository, tag=tag, changes=list(changes))
        if '"error"' in reply:
            raise ProviderError(f"cannot import the image {image}: {reply.strip()}")

    def build(
        self,
        directory: Path,
        image: str,
        *,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        dockerfile: str = "Dockerfile",
    ) -> Iterator[str]:
        """Build `directory` by its `dockerfile`; yields the output. Raises `ProviderError` with its last words."""
        with _translated(f"build the image {image}"):
            events = self._api.build(
                path=str(directory),
                dockerfile=dockerfile,
                tag=image,
                buildargs=dict(arguments),
                labels=dict(labels),
                rm=True,
                forcerm=True,
                decode=True,
                timeout=BUILD_TIMEOUT_SECONDS,
            )
            for event in events:
                if "error" in event:
                    raise ProviderError(f"cannot build the image {image}: {event['error'].strip()}")
                yield from (line for line in event.get("stream", "").splitlines() if line.strip())


def _readable(entry: Any) -> Container | None:
    """A listed container; None for one that cannot be read, which must not cost the others."""
    try:
        return from_listing(entry)
    except UNREADABLE as error:
        log.warning("unreadable container skipped", container=str(entry)[:200], problem=repr(error))
        return None


def missing_image(image: str) -> str:
    """The message for an engine without `image`."""
    return (
        f"the engine has no image {image}: get it with `docker pull {image}`, or build one with "
        "`ray-watcher build-image`; RAY_IMAGE names the image to use"
    )


def soon(comes: Callable[[], bool], seconds: float) -> bool:
    """Wait at most `seconds` until `comes` returns true; returns whether it did."""
    deadline = time.monotonic() + seconds
    while not (came := comes()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return came


class _GoneError(ProviderError):
    """The container, network or image does not exist."""


class ConflictError(ProviderError):
    """The name is taken, or the thing is in use or already being removed."""


def _connect(timeout_seconds: int) -> docker.APIClient:
    """Agree on the API version in a first call, and only then use it.

    With `trust_env` requests would let REQUESTS_CA_BUNDLE override the CA that DOCKER_CERT_PATH names;
    docker-py's own negotiation runs before it could be switched off.
    """
    with _translated("reach the Docker Engine"):
        _require_socket()
        probe = docker.from_env(version=DEFAULT_DOCKER_API_VERSION, timeout=timeout_seconds).api
        probe.trust_env = False
        version = probe.version(api_version=False)["ApiVersion"]
        probe.close()
        api = docker.from_env(version=version, timeout=timeout_seconds, max_pool_size=POOL_SIZE).api
        api.trust_env = False
        return api


def _require_socket() -> None:
    """A plain connection first: docker-py leaks its own where the socket is dead, and hides why it is."""
    scheme, separator, path = os.environ.get("DOCKER_HOST", f"unix://{DEFAULT_SOCKET}").partition("://")
    if separator and scheme not in SCHEMES:
        got = os.environ["DOCKER_HOST"]
        raise SettingsError(f"DOCKER_HOST: got {shown_url(got)!r}, wanted unix:///PATH or tcp://HOST:PORT")
    if scheme == "unix" and ("DOCKER_HOST" in os.environ or os.path.exists(path)):  # noqa: PTH110  # a path as text
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PROBE_TIMEOUT_SECONDS)
            probe.connect(path)


@contextlib.contextmanager
def _translated(doing: str, refused: type[ProviderError] = ProviderError) -> Iterator[None]:
    """Translate exceptions of docker-py into ours."""
    try:
        yield
    except docker.errors.APIError as error:
        raise _refusal(error, doing, refused) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, docker.errors.DockerException, OSError) as error:
        raise ProviderUnavailableError(_unavailable(doing, error)) from error


def _refusal(error: docker.errors.APIError, doing: str, refused: type[ProviderError]) -> ProviderError:
    message = f"cannot {doing}: {(error.explanation or str(error)).strip()}"
    if "could not select device driver" in message:
        message += " (the engine offers no GPUs: install the nvidia-container-toolkit, or ask for none)"
    if refused is LaunchFailedError and re.search(r"network \S+ not found", message):
        message += "; create it with `docker network create`, or set WATCHER_NETWORK to one that exists"
    if error.status_code == HTTPStatus.CONFLICT:
        return ConflictError(message)
    if error.status_code == HTTPStatus.NOT_FOUND and refused is ProviderError:
        return _GoneError(message)
    return refused(message)


def _unavailable(doing: str, error: Exception) -> str:
    where = os.environ.get("DOCKER_HOST") or "the local Docker socket"
    if isinstance(error, PermissionError):
        where += f" (as user id {os.getuid()}, who may not use it)"
    hung = isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError)
    what = "does not reply in time" if hung else f"does not answer ({_innermost(error)})"
    return (
        f"cannot {doing}: the Docker Engine at {where} {what}; start it, or set DOCKER_HOST to one that runs, "
        "or use processes with `--provider process` (WATCHER_PROVIDER=process)"
    )


def _innermost(error: BaseException) -> str:
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return str(error)
