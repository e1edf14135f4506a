"""Containers of the Docker Engine: list, create, start, stop, remove, read and write files, logs."""

from __future__ import annotations

import contextlib
import math
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import docker.errors
import docker.types
import structlog

from ray_watcher_common.host import last_words
from scaler.model.errors import LaunchFailedError, ProviderError
from scaler.providers.container import LOG_LIMITS, UNREADABLE, archive, content, from_listing
from scaler.providers.engine.connection import Connection, wait_until
from scaler.providers.engine.errors import ConflictError, GoneError, missing_image, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from scaler.providers.container import Container, ContainerSpec

log = structlog.get_logger()

REMOVAL_SECONDS = 10.0
CREATION_SECONDS = 5.0  # it needs some 15 ms
LAST_LINES = 20  # in which the reason of an end is looked for
NAMED_USER_ID = 1000  # of a named user that cannot be looked up: `ray`, in Ray's own images
LARGEST_USER_ID = 2**31 - 1
LARGEST_TEXT_BYTES = 1024 * 1024  # of a file that is read from a container


class Containers(Connection):
    """Containers by their ids, names and labels."""

    def containers(self, labels: Iterable[str]) -> list[Container]:
        """Containers that have all `labels` (`KEY` or `KEY=VALUE`), ended ones too; one call."""
        with translated("list containers"):
            listed = self._api.containers(all=True, filters={"label": list(labels)})
        return [container for entry in listed if (container := _readable(entry))]

    def named(self, name: str) -> Container | None:
        """The container of exactly this name."""
        with translated("list containers"):
            listed = self._api.containers(all=True, filters={"name": f"^/{re.escape(name)}$"})
        return next((container for entry in listed if (container := _readable(entry))), None)

    def publishing(self, port: int) -> Container | None:
        """The container that has published `port` of this machine."""
        with translated("list containers"):
            listed = self._api.containers(filters={"publish": str(port)})
        return next((container for entry in listed if (container := _readable(entry))), None)

    def run(self, spec: ContainerSpec) -> None:
        """Create and start; on failure nothing is left. Raises `LaunchFailedError`.

        Not docker-py's own `run`, which pulls a missing image: minutes without a word.
        """
        with translated(f"launch {spec.name}", LaunchFailedError):
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
        mounts = [docker.types.Mount(inside, there, "bind", read_only=True) for there, inside in spec.mounts.items()]
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
            mounts=mounts or None,
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
                user=spec.user,
                host_config=host,
                stop_timeout=spec.stop_seconds,
            )
        except docker.errors.ImageNotFound:
            raise LaunchFailedError(missing_image(spec.image)) from None
        return str(created["Id"])

    def write(self, container_id: str, files: Mapping[str, str]) -> None:
        """Put text files (by absolute path) into a container, readable by the user it runs as, and nobody else."""
        if files:
            with translated("write into the container"):
                user = str(self._api.inspect_container(container_id)["Config"].get("User") or "0").partition(":")[0]
                self._api.put_archive(container_id, "/", archive(files, self._user_id(container_id, user)))

    def _user_id(self, container_id: str, user: str) -> int:
        """The id of a container's user; of a named one by its own /etc/passwd, if that can be read."""
        if user.isdecimal():
            return int(user)
        with contextlib.suppress(ProviderError, *UNREADABLE):
            for line in (self.read(container_id, "/etc/passwd") or "").splitlines():
                name, _, user_id, *_ = line.split(":")
                if name == user:
                    return int(user_id) if 0 <= int(user_id) <= LARGEST_USER_ID else NAMED_USER_ID
        return NAMED_USER_ID

    def read(self, container_id: str, path: str) -> str | None:
        """The text file `path` of a container; None if it has none."""
        try:
            with translated("read from the container"):
                chunks, _ = self._api.get_archive(container_id, path)
                return content(_at_most(chunks, LARGEST_TEXT_BYTES))
        except GoneError:
            return None

    def await_creation(self, container_id: str) -> None:
        """Wait until the engine knows the container: it lists one some milliseconds before it answers for it."""
        wait_until(lambda: self._knows(container_id), CREATION_SECONDS)

    def start(self, container_id: str) -> None:
        """Start a container that was created only; one that runs is fine."""
        with translated("start the container", LaunchFailedError):
            self._api.start(container_id)

    def rename(self, container_id: str, name: str) -> None:
        """Give the container another name. Raises `ConflictError` where another has it."""
        with translated("rename the container"):
            self._api.rename(container_id, name)

    def stop(self, container_id: str, grace_seconds: float) -> None:
        """Stop, forcibly after `grace_seconds`; fine if it has ended or is gone."""
        with contextlib.suppress(GoneError), translated("stop the container"):
            self._api.stop(container_id, timeout=math.ceil(grace_seconds))

    def remove(self, container_id: str, grace_seconds: float) -> None:
        """Stop, forcibly after `grace_seconds`, and remove with its volumes; fine if it is gone."""
        self.stop(container_id, grace_seconds)
        try:
            with contextlib.suppress(GoneError), translated("remove the container"):
                self._api.remove_container(container_id, v=True, force=True)
        except ConflictError:  # someone else removes it already
            self._await_removal(container_id)

    def _await_removal(self, container_id: str) -> None:
        if not wait_until(lambda: not self._knows(container_id), REMOVAL_SECONDS):
            raise ProviderError(f"container {container_id[:12]} is still being removed after {REMOVAL_SECONDS:g} s")

    def _knows(self, container_id: str) -> bool:
        try:
            with translated("look at the container"):
                self._api.inspect_container(container_id)
        except GoneError:
            return False
        return True

    def started_at(self, container_id: str) -> float | None:
        """Unix seconds of the container's last start; None if it never started. Raises `ProviderError`."""
        with translated("look at the container"):
            text = str(self._api.inspect_container(container_id)["State"]["StartedAt"])
        seconds = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
        return seconds if seconds > 0 else None  # the engine's zero is year 1

    def why_ended(self, container_id: str) -> str:
        """The engine's reason and that in the last lines of output; "" if there is neither."""
        reasons = []
        with contextlib.suppress(ProviderError), translated("look at the container"):
            state = self._api.inspect_container(container_id).get("State") or {}
            reasons = ["out of memory"] if state.get("OOMKilled") else []
            reasons += [state["Error"]] if state.get("Error") else []
        with contextlib.suppress(ProviderError):
            reasons.append(last_words.reason(self.logs(container_id, tail=LAST_LINES, follow=False)))
        return "; ".join(filter(None, reasons))

    def logs(self, container_id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
        """Lines of output, the last `tail` (None: all), then, with `follow`, new ones until it ends."""
        with translated("read the container's output"):
            unfinished = b""
            for chunk in self._api.logs(container_id, stream=True, follow=follow, tail="all" if tail is None else tail):
                *lines, unfinished = (unfinished + chunk).split(b"\n")
                yield from (line.decode("utf-8", "replace").rstrip("\r") for line in lines)
            if unfinished:
                yield unfinished.decode("utf-8", "replace")


def _readable(entry: Any) -> Container | None:
    """A listed container; None for one that cannot be read, which must not cost the others."""
    try:
        return from_listing(entry)
    except UNREADABLE as error:
        log.warning("unreadable container skipped", container=str(entry)[:200], problem=repr(error))
        return None


def _at_most(chunks: Iterable[bytes], size: int) -> bytes:
    """`chunks` as one. Raises `ProviderError` if they are more than `size` bytes."""
    found = b""
    for chunk in chunks:
        found += chunk
        if len(found) > size:
            raise ProviderError(f"a file of more than {size} bytes in the container")
    return found
